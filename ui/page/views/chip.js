// How many new tasks wait to be shown.

import { h, icon, text } from "../dom.js";
import { plural } from "../format.js";
import { swap } from "../press.js";

/** @import { Store } from "../store.js" */

export class ChipView {
  #el;
  #words = h("span", null);

  /**
   * @param {HTMLElement} el
   * @param {() => void} pressed
   */
  constructor(el, pressed) {
    this.#el = el;
    el.append(icon("up"), this.#words);
    el.addEventListener("click", pressed);
  }

  /** @param {Store} store */
  draw(store) {
    const n = store.newCount;
    swap(this.#el, store.manyNew || n > 0); // it comes to where rows are
    if (store.manyNew) text(this.#words, "Many new tasks");
    else if (n > 0) text(this.#words, plural(n, "new task"));
  }
}
