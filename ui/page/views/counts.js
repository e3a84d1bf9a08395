// How many tasks the list does not show: new ones above it, others below.

import { byId, h, icon, show, text } from "../dom.js";
import { integer, plural } from "../format.js";
import { swap } from "../press.js";

/** @import { Store } from "../store.js" */

/** The button that says how many new tasks wait, and shows them. */
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
    swap(this.#el, store.manyNew || n > 0); // it covers rows
    if (store.manyNew) text(this.#words, "Many new tasks");
    else if (n > 0) text(this.#words, plural(n, "new task"));
  }
}

/** Draws the line below the last row. @param {Store} s */
export function drawFoot(s) {
  const foot = byId("list-foot");
  const count = s.order.length;
  const visible = count > 0 && s.newCount === 0 && !s.manyNew && (s.hasMore || count > 20);
  show(foot, visible);
  if (!visible) return;
  const about = `${s.totalExact ? "" : "at least "}${integer(s.total)}`;
  const cut = s.searchTruncated ? " · the search stopped after a second; older tasks were not searched" : "";
  text(foot, s.hasMore ? `${integer(count)} of ${about}` : `${plural(count, "task")}, that is all${cut}`);
}
