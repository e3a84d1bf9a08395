// The part of the list that scrolls, with the sizes that it had when it was last measured:
// asking the browser for them costs a layout.

import { windowOf } from "../window.js";

/** Below this width, in pixels, tasks are cards. */
const CARDS_BELOW = 620;
const ROW_HEIGHT = 47;
const CARD_HEIGHT = 112;
const HEAD_HEIGHT = 36;

export class Scroller {
  el;
  /** How far it is scrolled, in pixels. */
  top = 0;
  /** The height of what is visible. */
  height = 0;
  /** Tasks are shown as cards, not as rows of a table. */
  cards = false;
  /** Its upper edge on the screen. */
  #y = 0;

  /** @param {HTMLElement} el */
  constructor(el) {
    this.el = el;
  }

  get rowHeight() {
    return this.cards ? CARD_HEIGHT : ROW_HEIGHT;
  }

  get headHeight() {
    return this.cards ? 0 : HEAD_HEIGHT;
  }

  /** How many rows are in view, at least 1. */
  get rowsInView() {
    return Math.max(1, Math.floor((this.height - this.headHeight) / this.rowHeight) - 1);
  }

  /**
   * Which rows are drawn.
   * @param {number} count of rows
   */
  window(count) {
    return windowOf(this.top, this.height, this.rowHeight, count);
  }

  /** @param {number} top */
  scrollTo(top) {
    this.el.scrollTop = top;
    this.scrolled();
  }

  /** Notes how far it is scrolled now. */
  scrolled() {
    this.top = this.el.scrollTop;
  }

  /** Where a row is below the upper edge. @param {number} index */
  placeOf(index) {
    return this.headHeight + index * this.rowHeight - this.el.scrollTop;
  }

  /** How far to scroll so that a row is at a place below the upper edge. @param {number} index @param {number} place */
  topFor(index, place) {
    return this.headHeight + index * this.rowHeight - place;
  }

  /**
   * Measures it.
   * @returns {{ turned: boolean, lowered: number }} whether rows became cards or cards rows, and
   *   by how many pixels the upper edge moved down
   */
  measure() {
    const cards = this.el.clientWidth < CARDS_BELOW;
    const y = this.el.getBoundingClientRect().top;
    const change = { turned: cards !== this.cards, lowered: y - this.#y };
    this.cards = cards;
    this.#y = y;
    this.height = this.el.clientHeight;
    this.top = this.el.scrollTop;
    return change;
  }
}
