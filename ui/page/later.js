// Modules and style sheets that are loaded when they are first needed.

/**
 * A view and the modules it is made of.
 * @template M, T
 */
export class Later {
  /** null until it has been made. @type {T | null} */
  view = null;
  #load;
  #make;
  #failed;
  /** @type {Promise<M> | null} */
  #loading = null;

  /**
   * @param {() => Promise<M>} load imports the modules
   * @param {(modules: M) => T} make
   * @param {() => void} failed is called when get cannot load them
   */
  constructor(load, make, failed) {
    this.#load = load;
    this.#make = make;
    this.#failed = failed;
  }

  /**
   * Returns the view. The first call loads the modules and makes it.
   * @returns {Promise<T | null>} null if the modules could not be loaded; the next call tries again
   */
  async get() {
    const modules = await this.prefetch().catch(() => null);
    if (modules !== null) return (this.view ??= this.#make(modules));
    this.#failed();
    return null;
  }

  /** Loads the modules, so that a later get needs no network. */
  prefetch() {
    this.#loading ??= this.#load().catch((err) => {
      this.#loading = null;
      throw err;
    });
    return this.#loading;
  }
}

/** The style sheets that are loaded, or being loaded. @type {Map<string, Promise<void>>} */
const styles = new Map();

/**
 * Loads one of the page's style sheets, once.
 * @param {string} name of the file in css/, without .css
 * @returns {Promise<void>} resolved when its rules hold
 */
export function loadStyle(name) {
  const loading = styles.get(name) ?? addStyle(name);
  styles.set(name, loading);
  loading.catch(() => styles.delete(name));
  return loading;
}

/**
 * @param {string} name
 * @returns {Promise<void>}
 */
function addStyle(name) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL(`css/${name}.css`, import.meta.url).href;
  return new Promise((resolve, reject) => {
    link.onload = () => resolve();
    link.onerror = () => {
      link.remove();
      reject(new Error(`The style sheet ${name} could not be loaded.`));
    };
    document.head.append(link);
  });
}

/** The version of the page, as the server names it: the folder that this module came from. */
const VERSION = versionIn(import.meta.url);
/** The version that was left for this one, in this tab; "" if none was. */
let left = "";

/**
 * Whether this page was loaded because reloadIfUpdated found a newer version. To be called
 * once, at the start.
 */
export function wasUpdated() {
  left = history.state?.left ?? "";
  if (left !== "") history.replaceState(null, "");
  return left !== "";
}

/**
 * Loads the page again, at the same place, if the server has another version of it: the
 * modules of this one are then gone. It does not go back to the version it came from:
 * while two servers take turns, that would never end.
 * @returns {Promise<boolean>} false if the page stays
 */
export async function reloadIfUpdated() {
  const there = await fetch("./", { cache: "no-cache" }).then(
    async (res) => (res.ok ? versionIn(await res.text()) : ""),
    () => "",
  );
  if (there === "" || there === VERSION || there === left) return false;
  history.replaceState({ left: VERSION }, "");
  location.reload();
  return true;
}

/** @param {string} text */
function versionIn(text) {
  return /static\/([0-9a-f]{16})\//.exec(text)?.[1] ?? "";
}
