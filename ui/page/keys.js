// Keyboard shortcuts. They work while no field has the focus.

import { isField } from "./dom.js";
import { Later } from "./later.js";

/**
 * @typedef {{
 *   list: () => boolean,
 *   move: (by: number) => void,
 *   movePage: (by: number) => void,
 *   moveTo: (index: number) => void,
 *   enter: () => void,
 *   back: () => boolean,
 *   status: (n: number) => void,
 *   search: () => void,
 *   create: () => void,
 *   incomplete: () => void,
 *   newest: () => void,
 *   theme: () => void,
 *   changeAll: () => void,
 *   act: (kind: "retry" | "cancel") => void,
 * }} KeyActions
 */

/** Keys that work in every place. The others are for the list: see KeyActions.list. */
const EVERYWHERE = new Set(["n", "?", "d"]);
/** Keys that scroll a panel or press a button. */
const NATIVE = new Set(["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End", "Enter"]);

/** @param {KeyActions} a */
export function listenToKeys(a) {
  const help = new Later(
    () => import("./views/keyhelp.js"),
    ({ showKeys }) => showKeys,
    a.incomplete,
  );
  /** @type {Record<string, () => void>} */
  const keys = {
    j: () => a.move(1),
    ArrowDown: () => a.move(1),
    k: () => a.move(-1),
    ArrowUp: () => a.move(-1),
    PageDown: () => a.movePage(1),
    PageUp: () => a.movePage(-1),
    Home: () => a.moveTo(0),
    End: () => a.moveTo(Infinity),
    Enter: a.enter,
    "/": a.search,
    n: a.create,
    "?": () => void help.get().then((showKeys) => showKeys?.()),
    t: a.newest,
    d: a.theme,
    b: a.changeAll,
    r: () => a.act("retry"),
    c: () => a.act("cancel"),
  };
  for (let n = 1; n <= 6; n++) keys[String(n)] = () => a.status(n - 1);
  addEventListener("keydown", (e) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || isField(e.target) || document.querySelector("dialog[open]")) return;
    if (e.key === "Escape") {
      if (a.back()) e.preventDefault();
      return;
    }
    if (!EVERYWHERE.has(e.key) && !a.list()) return;
    if (NATIVE.has(e.key) && hasOwnUse(e)) return;
    const key = keys[e.key];
    if (!key) return;
    e.preventDefault();
    key();
  });
}

/** Whether the element with focus handles the key. @param {KeyboardEvent} e */
function hasOwnUse(e) {
  if (!(e.target instanceof Element)) return false;
  if (e.key === "Enter") return e.target !== document.body && e.target.id !== "scroller";
  return e.target.closest(".detail, .menu") !== null;
}
