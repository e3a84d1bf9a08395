// New tasks that wait to be shown, because someone reads the list. Pure.

/** Most tasks that are kept. Those beyond are only counted. */
const MOST_KEPT = 500;
/** Most tasks that are counted. */
export const MOST_COUNTED = 100_000;

export class Held {
  /** More new tasks came than the server sent; how many is not known. */
  many = false;
  /** @type {Set<string>} */
  #kept = new Set();
  /** @type {Set<string>} beyond what is kept: the list must be fetched to show them */
  #counted = new Set();

  /** Adds a task. @param {string} id @returns {boolean} false if it is only counted */
  add(id) {
    if (this.#kept.size < MOST_KEPT) {
      this.#kept.add(id);
      return true;
    }
    if (this.#counted.size < MOST_COUNTED) this.#counted.add(id);
    return false;
  }

  /** @param {string} id */
  has(id) {
    return this.#kept.has(id);
  }

  /** Removes a task. @param {string} id @returns {boolean} false if it was not kept */
  delete(id) {
    return this.#kept.delete(id);
  }

  clear() {
    this.#kept.clear();
    this.#counted.clear();
    this.many = false;
  }

  /** How many tasks wait, at least. */
  get size() {
    return this.#kept.size + this.#counted.size;
  }

  /** The ids of all tasks that wait; null if some are only counted. @returns {string[] | null} */
  get ids() {
    return this.many || this.#counted.size > 0 ? null : [...this.#kept];
  }
}
