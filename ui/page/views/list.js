// The list of tasks: a real table of which only the rows in view are drawn.

import { attr, byId, h, show, text } from "../dom.js";
import { isFiltered } from "../filters.js";
import { integer, plural } from "../format.js";
import { shiftOf, windowOf } from "../window.js";
import { emptyView } from "./empty.js";
import { RowView } from "./row.js";

/** @import { Store } from "../store.js" */
/** @import { Row } from "../types.js" */
/** @import { RowContext } from "./row.js" */

/** Below this width, in pixels, tasks are cards. */
const CARDS_BELOW = 620;
const ROW_HEIGHT = 47;
const CARD_HEIGHT = 88;
const HEAD_HEIGHT = 36;
/** Rows before the end at which the next page is fetched. */
const AHEAD = 40;

/**
 * @typedef {{
 *   open: (id: string) => void,
 *   act: (kind: string, row: Row) => void,
 *   tag: (tag: string) => void,
 *   more: () => void,
 *   reveal: () => void,
 *   example: (type: string) => void,
 *   create: () => void,
 *   clear: () => void,
 *   reload: () => void,
 *   dirty: () => void,
 * }} ListActions
 */

export class ListView {
  /** The task that the keyboard stands on. @type {string | null} */
  cursor = null;

  #store;
  #actions;
  #scroller = byId("scroller");
  #table = byId("tasks");
  #body = byId("rows");
  #foot = byId("list-foot");
  #empty = byId("empty");
  #chip = byId("chip-new");
  #before = spacer();
  #after = spacer();
  /** @type {Map<string, RowView>} */
  #rows = new Map();
  /** @type {string[]} */
  #drawn = [];
  #cards = false;
  /** Where the scroller stands and how high it is, as it last said: asking it costs a layout. */
  #top = 0;
  #height = 0;
  #focusCursor = false;
  #emptyKey = "";

  /**
   * @param {Store} store
   * @param {ListActions} actions
   */
  constructor(store, actions) {
    this.#store = store;
    this.#actions = actions;
    this.#body.append(this.#before.row, this.#after.row);
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#body.addEventListener("click", (e) => this.#clicked(e));
    this.#chip.addEventListener("click", () => {
      this.toTop();
      actions.reveal();
    });
    new ResizeObserver(() => this.#measure()).observe(this.#scroller);
    this.#measure();
  }

  /** Whether someone reads further down, so that nothing may move under them. */
  get reading() {
    return this.#top > this.#rowHeight / 2;
  }

  /** The last row that is in view. */
  get lastVisible() {
    return Math.ceil((this.#top + this.#height) / this.#rowHeight);
  }

  get #rowHeight() {
    return this.#cards ? CARD_HEIGHT : ROW_HEIGHT;
  }

  /** @param {number} top */
  #scrollTo(top) {
    this.#scroller.scrollTop = top;
    this.#top = this.#scroller.scrollTop;
  }

  toTop() {
    this.#scrollTo(0);
    this.#drawn = [];
  }

  focus() {
    this.#scroller.focus();
  }

  #measure() {
    this.#cards = this.#scroller.clientWidth < CARDS_BELOW;
    this.#height = this.#scroller.clientHeight;
    this.#top = this.#scroller.scrollTop;
    attr(this.#table, "data-mode", this.#cards ? "cards" : "table");
    this.#actions.dirty();
  }

  #scrolled() {
    this.#top = this.#scroller.scrollTop;
    if (this.#top < 2 && (this.#store.newCount > 0 || this.#store.manyNew)) this.#actions.reveal();
    this.#actions.dirty();
  }

  /** @param {MouseEvent} e */
  #clicked(e) {
    if (!(e.target instanceof Element)) return;
    const id = e.target.closest("tr.row")?.getAttribute("data-id");
    const row = id ? this.#store.rows.get(id) : undefined;
    if (!row) return;
    const action = e.target.closest(".row-action");
    if (action) return this.#actions.act(action.getAttribute("data-kind") ?? "", row);
    const tag = e.target.closest("[data-tag]")?.getAttribute("data-tag");
    if (tag) return this.#actions.tag(tag);
    if (e.ctrlKey || e.metaKey || e.shiftKey || String(getSelection()) !== "") return;
    e.preventDefault();
    this.cursor = row.id;
    this.#actions.open(row.id);
  }

  /**
   * Moves the keyboard's place by some rows and shows it.
   * @param {number} by
   * @returns {string | null} the task it stands on
   */
  move(by) {
    const order = this.#store.order;
    if (order.length === 0) return null;
    const at = this.cursor ? order.indexOf(this.cursor) : -1;
    const to = at === -1 ? (by > 0 ? 0 : order.length - 1) : Math.min(order.length - 1, Math.max(0, at + by));
    this.cursor = order[to];
    this.#focusCursor = true;
    this.#bringIn(to);
    this.#actions.dirty();
    return this.cursor;
  }

  /** Puts the keyboard on a task that was opened by other means. @param {string} id */
  stand(id) {
    if (this.cursor === id) return;
    this.cursor = id;
    const at = this.#store.order.indexOf(id);
    if (at >= 0) this.#bringIn(at);
  }

  /** @param {number} index */
  #bringIn(index) {
    const head = this.#cards ? 0 : HEAD_HEIGHT;
    const top = index * this.#rowHeight;
    const bottom = top + this.#rowHeight + head;
    if (top < this.#top) this.#scrollTo(top);
    else if (bottom > this.#top + this.#height) this.#scrollTo(bottom - this.#height);
  }

  /** @param {RowContext} c */
  draw(c) {
    const order = this.#store.order;
    if (this.#store.phase === "ready") this.#keepPlace(order);
    this.#drawRows(order, c);
    this.#drawFoot(order);
    this.#drawChip();
    this.#drawEmpty(order);
    const w = this.#window(order.length);
    if (this.#store.hasMore && w.end + AHEAD >= order.length && order.length > 0) this.#actions.more();
  }

  /** @param {number} count */
  #window(count) {
    return windowOf(this.#top, this.#height, this.#rowHeight, count);
  }

  /** Rows came or went above the reader: scroll by as much. @param {string[]} order */
  #keepPlace(order) {
    if (order === this.#drawn) return;
    if (this.#drawn.length > 0 && this.reading) {
      const first = Math.floor(this.#top / this.#rowHeight);
      const shift = shiftOf(this.#drawn, order, first);
      if (shift !== 0) {
        // Room first, or the scroll is cut at the old height.
        this.#after.set(order.length * this.#rowHeight);
        this.#scrollTo(this.#top + shift * this.#rowHeight);
      }
    }
    this.#drawn = order;
  }

  /**
   * @param {string[]} order
   * @param {RowContext} c
   */
  #drawRows(order, c) {
    const loading = this.#store.phase === "loading" && order.length === 0;
    const w = this.#window(order.length);
    const ids = order.slice(w.start, w.end);
    const wanted = new Set(ids);
    for (const [id, view] of this.#rows) {
      if (wanted.has(id)) continue;
      view.el.remove();
      this.#rows.delete(id);
    }
    this.#before.set(w.before);
    this.#after.set(w.after);
    let at = this.#before.row.nextElementSibling;
    for (const id of ids) {
      const view = this.#rowView(id, c);
      if (view.el === at) at = at.nextElementSibling;
      else this.#body.insertBefore(view.el, at);
    }
    attr(this.#table, "aria-rowcount", this.#store.total + 1);
    attr(this.#table, "aria-busy", loading);
    if (this.#focusCursor) {
      this.#focusCursor = false;
      this.#rows.get(this.cursor ?? "")?.link.focus({ preventScroll: true });
    }
  }

  /**
   * @param {string} id
   * @param {RowContext} c
   */
  #rowView(id, c) {
    let view = this.#rows.get(id);
    if (!view) {
      view = new RowView();
      this.#rows.set(id, view);
    }
    view.update(/** @type {Row} */ (this.#store.rows.get(id)), c);
    return view;
  }

  /** @param {string[]} order */
  #drawFoot(order) {
    const s = this.#store;
    const visible = order.length > 0 && (s.hasMore || order.length > 20);
    show(this.#foot, visible);
    if (!visible) return;
    const about = s.totalExact ? integer(s.total) : `more than ${integer(s.total)}`;
    const cut = s.searchTruncated ? " · the search stopped after a second; older tasks were not looked at" : "";
    text(this.#foot, s.hasMore ? `${integer(order.length)} of ${about}` : `${plural(order.length, "task")}, that is all${cut}`);
  }

  #drawChip() {
    const n = this.#store.newCount;
    const many = this.#store.manyNew;
    show(this.#chip, many || n > 0);
    if (!many && n === 0) return;
    if (!this.#chip.firstElementChild) {
      const svg = byId("new-task").querySelector("svg")?.cloneNode(true);
      if (svg instanceof Element) {
        svg.firstElementChild?.setAttribute("href", "#i-up");
        this.#chip.append(svg, h("span", null));
      }
    }
    text(/** @type {Element} */ (this.#chip.lastElementChild), many ? "Many new tasks" : plural(n, "new task"));
  }

  /** What kind of nothing there is; "" while it is not known. */
  #emptyKind() {
    const s = this.#store;
    if (s.phase !== "ready") return s.phase === "failed" ? "failed" : "";
    if (s.empty || !isFiltered(s.filters)) return "none";
    return s.filters.q === "" ? "filtered" : "searched";
  }

  /** @param {string[]} order */
  #drawEmpty(order) {
    const kind = order.length > 0 ? "" : this.#emptyKind();
    show(this.#empty, kind !== "");
    show(this.#table, kind === "");
    if (kind === this.#emptyKey) return;
    this.#emptyKey = kind;
    this.#empty.replaceChildren(...(kind === "" ? [] : emptyView(kind, this.#actions)));
  }
}

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
