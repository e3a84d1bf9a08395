// The part of the list that scrolls, with the sizes that it had when it was last measured:
// asking the browser for them costs a layout.

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

/**
 * @param {number} top how far the rows are scrolled past the upper edge, in pixels
 * @param {number} height of what is visible
 * @param {number} rowHeight
 * @param {number} count of rows
 * @param {number} [spare] rows drawn beyond each edge
 * @returns {{ start: number, end: number, before: number, after: number }} the rows from start up
 *   to end, and the height in pixels of the rows before and after them
 */
export function windowOf(top, height, rowHeight, count, spare = 8) {
  const first = Math.floor(Math.max(0, top) / rowHeight);
  const visible = Math.ceil(height / rowHeight) + 1;
  const start = Math.min(count, Math.max(0, first - spare));
  const end = Math.min(count, first + visible + spare);
  return {
    start: Math.min(start, end),
    end,
    before: Math.min(start, end) * rowHeight,
    after: (count - end) * rowHeight,
  };
}

/**
 * By how many rows the content moved: the change of place of the first row in view that is
 * still in the list.
 * @param {string[]} before the order that was drawn
 * @param {string[]} now the order to draw
 * @param {number} first index in before of the first row in view
 * @returns {number}
 */
export function shiftOf(before, now, first) {
  const seen = before.slice(first, first + 200);
  /** @type {Map<string, number>} */
  const wanted = new Map(seen.map((id, i) => [id, first + i]));
  let best = -1;
  let shift = 0;
  for (let i = 0; i < now.length; i++) {
    const was = wanted.get(now[i]);
    if (was === undefined) continue;
    if (best === -1 || was < best) {
      best = was;
      shift = i - was;
    }
    if (best === first) break;
  }
  return shift;
}

/**
 * @param {number} n
 * @param {number} least
 * @param {number} most
 */
export function clamp(n, least, most) {
  return Math.max(least, Math.min(most, n));
}
