// The rows of the list that are in the document: those in view, and the one with focus.

import { h } from "../dom.js";
import { RowView } from "./row.js";

/** @import { Row } from "../types.js" */
/** @import { RowContext } from "./row.js" */
/** @import { windowOf } from "./scroller.js" */

/**
 * @typedef {{
 *   order: string[],
 *   rows: Map<string, Row>,
 *   window: ReturnType<typeof windowOf>,
 *   rowHeight: number,
 *   focused: number,
 *   stop: number,
 *   cursor: string | null,
 *   context: RowContext,
 * }} Drawing focused is the index of the row with focus, -1 if there is none; stop is the index of the row that the Tab key goes to
 */

export class RowsView {
  #body;
  #lost;
  #before = spacer();
  #between = spacer();
  #after = spacer();
  /** @type {Map<string, RowView>} */
  #views = new Map();

  /**
   * @param {HTMLElement} body of the table
   * @param {() => void} lost is called before the row with focus is removed
   */
  constructor(body, lost) {
    this.#body = body;
    this.#lost = lost;
    body.append(this.#before.row, this.#after.row);
  }

  /** The element of a row; undefined if it is not drawn. @param {string} id */
  el(id) {
    return this.#views.get(id)?.el;
  }

  /** Makes room for scrolling, until the next drawing. @param {number} px */
  room(px) {
    this.#after.set(px);
  }

  /** @param {Drawing} d */
  draw(d) {
    const { order, window: w } = d;
    // A row with focus that is out of view stays in its place, with space on both sides.
    const apart = d.focused >= 0 && (d.focused < w.start || d.focused >= w.end) ? d.focused : -1;
    /** @type {number[]} */
    const indices = [];
    for (let i = w.start; i < w.end; i++) indices.push(i);
    this.#drop(new Set([...indices, apart].map((i) => order[i])));
    const nodes = [this.#before.row, ...indices.map((i) => this.#draw(i, d)), this.#after.row];
    this.#setSpace(d, apart);
    if (apart >= w.end) nodes.splice(-1, 0, this.#between.row, this.#draw(apart, d));
    else if (apart >= 0) nodes.splice(1, 0, this.#draw(apart, d), this.#between.row);
    let at = this.#body.firstElementChild;
    for (const node of nodes) {
      if (node === at) at = at.nextElementSibling;
      else this.#body.insertBefore(node, at);
    }
  }

  /** @param {number} index @param {Drawing} d */
  #draw(index, d) {
    const id = d.order[index];
    let view = this.#views.get(id);
    if (!view) {
      view = new RowView();
      this.#views.set(id, view);
    }
    view.update(/** @type {Row} */ (d.rows.get(id)), d.context);
    view.place(index, index === d.stop, id === d.cursor);
    d.context.picking?.row(view.el, id);
    return view.el;
  }

  /** @param {Drawing} d @param {number} apart */
  #setSpace({ order, window: w, rowHeight }, apart) {
    const below = apart >= w.end;
    this.#between.row.remove(); // so that no row has to move to the other side of it
    this.#before.set(apart >= 0 && !below ? apart * rowHeight : w.before);
    this.#after.set(below ? (order.length - apart - 1) * rowHeight : w.after);
    if (apart >= 0) this.#between.set((below ? apart - w.end : w.start - apart - 1) * rowHeight);
  }

  /** Removes the rows that are not wanted. @param {Set<string>} wanted */
  #drop(wanted) {
    for (const [id, view] of this.#views) {
      if (wanted.has(id)) continue;
      if (view.el.contains(document.activeElement)) this.#lost();
      view.el.remove();
      this.#views.delete(id);
    }
  }
}

/** A row of the table that stands for rows that are not drawn. */
function spacer() {
  const cell = h("td", null); // one cell: columns may be hidden
  const row = h("tr", { class: "space", "aria-hidden": "true" }, cell);
  let height = -1;
  return {
    row,
    /** @param {number} px */
    set(px) {
      if (px === height) return;
      height = px;
      row.hidden = px === 0;
      cell.style.height = `${px}px`;
    },
  };
}
