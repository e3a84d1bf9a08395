// The list of tasks: a table in which only the rows in view are drawn. The Tab key goes to one
// row, the arrow keys to the others. No row moves while someone uses the list.

import { attr, byId, show } from "../dom.js";
import { Later, loadStyle } from "../later.js";
import { Attention } from "./attention.js";
import { ChipView, drawFoot } from "./counts.js";
import { idAt, listenToPresses } from "./presses.js";
import { RowsView } from "./rows.js";
import { Scroller, clamp, shiftOf } from "./scroller.js";

/** @import { Store } from "../store.js" */
/** @import { Row } from "../types.js" */
/** @import { RowContext } from "./row.js" */

/** How many rows before the end the next page is fetched. */
const AHEAD = 40;
/** Maximum number of rows that the End key loads. */
const FARTHEST = 5000;

/**
 * @typedef {{
 *   open: (id: string, how?: { focus?: boolean }) => void,
 *   act: (kind: string, row: Row, how?: { ask?: boolean }) => void,
 *   tag: (tag: string) => void,
 *   more: (how: { many: boolean }) => void,
 *   reveal: () => void,
 *   example: (type: string) => void,
 *   create: () => void,
 *   clear: () => void,
 *   clearWrong: () => void,
 *   types: () => string[],
 *   reload: () => void,
 *   now: () => void,
 *   changeAll: () => void,
 *   dirty: () => void,
 *   incomplete: () => void,
 * }} ListActions
 */

export class ListView {
  /** The task that the keys act on. @type {string | null} */
  cursor = null;

  #store;
  #actions;
  #scroller;
  #table = byId("tasks");
  #chip;
  #empty;
  #picking;
  #emptyPart = byId("empty");
  #attention;
  #rows;
  /** @type {string[]} */
  #drawn = [];
  /** Index of the cursor when its row was last in the list. */
  #cursorIndex = 0;
  /** Index of the row that the cursor goes to when it is loaded. @type {number | null} */
  #goal = null;
  /** The element that had focus when focus was requested for the cursor; null if it was not. @type {Element | null} */
  #focusFrom = null;
  /** When rows in view last moved. */
  #movedAt = -Infinity;
  /** @type {RowContext | null} */
  #context = null;

  /**
   * @param {Store} store
   * @param {ListActions} actions
   */
  constructor(store, actions) {
    this.#store = store;
    this.#actions = actions;
    const scroller = byId("scroller");
    this.#scroller = new Scroller(scroller);
    const body = byId("rows");
    this.#rows = new RowsView(body, () => {
      scroller.focus({ preventScroll: true });
      this.#requestFocus();
    });
    this.#chip = new ChipView(byId("chip-new"), () => this.toNewest());
    this.#empty = new Later(
      () => import("./empty.js"),
      ({ EmptyView }) => new EmptyView(this.#emptyPart, actions),
      actions.incomplete,
    );
    this.#picking = new Later(
      () => Promise.all([import("./picking.js"), loadStyle("form"), loadStyle("places")]),
      ([{ Picking }]) => new Picking(store, actions),
      actions.incomplete,
    );
    this.#attention = new Attention([scroller, byId("chip-new")], () => this.#attentionChanged());
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    listenToPresses(body, {
      row: (id) => this.#store.rows.get(id),
      movedAt: () => this.#movedAt,
      act: actions.act,
      tag: actions.tag,
      open: (id, how) => {
        this.cursor = id;
        actions.open(id, how);
      },
    });
    body.addEventListener("focusin", (e) => this.#focused(e));
    new ResizeObserver(() => this.#measure()).observe(scroller);
    this.#measure();
  }

  /** Loads what the first rows do not need. */
  prefetch() {
    return Promise.all([this.#empty.get().then((view) => view?.prefetch()), this.#picking.get()]);
  }

  /** Whether the list is scrolled down, so that new tasks wait. */
  get reading() {
    return this.#scroller.top > this.#scroller.rowHeight / 2;
  }

  /** What may not change now. */
  get hold() {
    const still = this.#attention.here;
    return { hold: still || this.reading, still };
  }

  /** How many rows are in use, from the first to the last one that is in view or has the cursor. */
  get used() {
    return Math.max(Math.ceil((this.#scroller.top + this.#scroller.height) / this.#scroller.rowHeight), this.#cursorIndex + 1);
  }

  /** The row that has focus, itself or on one of its buttons. @returns {Row | null} */
  get focusedRow() {
    const id = idAt(document.activeElement);
    return (id !== null && this.#store.rows.get(id)) || null;
  }

  /** Whether focus is in the list. */
  get hasFocus() {
    return this.#scroller.el.contains(document.activeElement);
  }

  /** Goes to the top, for another list. */
  restart() {
    this.#scroller.scrollTo(0);
    this.#drawn = [];
    this.#cursorIndex = 0;
    this.#goal = null;
    if (!this.hasFocus) this.cursor = null;
  }

  /** Shows the new tasks that wait, and scrolls to the top. */
  toNewest() {
    const focus = this.#attention.here && (this.hasFocus || byId("chip-new").contains(document.activeElement));
    this.#scroller.scrollTo(0);
    this.#drawn = [];
    this.#actions.reveal();
    this.cursor = null;
    this.#cursorIndex = 0;
    if (!focus) return;
    this.#scroller.el.focus({ preventScroll: true });
    this.#requestFocus();
  }

  /** Focuses the row with the cursor, or the first one in view. */
  focus() {
    if (this.#store.order.length === 0) this.#scroller.el.focus();
    this.moveTo(this.#index() ?? this.#firstInView());
  }

  #firstInView() {
    return Math.ceil(this.#scroller.top / this.#scroller.rowHeight);
  }

  #measure() {
    const s = this.#scroller;
    const at = clamp(this.#index() ?? -1, this.#firstInView(), this.used - 1);
    const place = s.placeOf(at);
    const { turned, lowered } = s.measure();
    attr(this.#table, "data-mode", s.cards ? "cards" : "table");
    if (this.#context && this.#drawn.length > 0 && (turned || (lowered !== 0 && this.#attention.here))) {
      // The row in use stays where it is on the screen.
      this.#rows.room(this.#drawn.length * s.rowHeight);
      s.scrollTo(s.topFor(at, place) + lowered);
      if (turned) this.#movedAt = performance.now();
      this.draw(this.#context);
    }
    this.#actions.dirty();
  }

  #scrolled() {
    this.#scroller.scrolled();
    if (this.#scroller.top < 2 && !this.#attention.here) this.#showNew();
    this.#actions.dirty();
  }

  /** Someone began or stopped using the list. */
  #attentionChanged() {
    if (this.#attention.here) return;
    this.#store.removeLeaving();
    if (!this.reading) this.#showNew();
    this.#actions.dirty();
  }

  /** Shows the new tasks that wait. */
  #showNew() {
    if (this.#store.newCount > 0 || this.#store.manyNew) this.#actions.reveal();
  }

  /** @param {FocusEvent} e */
  #focused(e) {
    const id = idAt(e.target);
    if (id === null || id === this.cursor) return;
    this.cursor = id;
    this.#goal = null;
    this.#actions.dirty();
  }

  /** Index of the cursor; null if its row is not in the list. */
  #index() {
    const order = this.#store.order;
    if (this.cursor === null) return null;
    if (order[this.#cursorIndex] === this.cursor) return this.#cursorIndex;
    const at = order.indexOf(this.cursor);
    return at < 0 ? null : (this.#cursorIndex = at);
  }

  /**
   * Moves the cursor by some rows, and scrolls to it. If its row is gone, it moves from where
   * that was. Without a cursor it goes to the first row in view.
   * @param {number} by
   * @param {{ focus?: boolean }} [how]
   * @returns {string | null} the task at the cursor
   */
  move(by, how) {
    const at = this.#index();
    if (at !== null) return this.moveTo(at + by, how);
    if (this.cursor === null) return this.moveTo(this.#firstInView() + (Math.abs(by) === 1 ? 0 : by), how);
    return this.moveTo(by > 0 ? this.#cursorIndex + by - 1 : this.#cursorIndex + by, how);
  }

  /** Moves the cursor by pages. @param {number} by @param {{ focus?: boolean }} [how] */
  movePage(by, how) {
    return this.move(by * this.#scroller.rowsInView, how);
  }

  /**
   * @param {number} index of a row; one beyond the last is reached when it is loaded
   * @param {{ focus?: boolean }} [how]
   */
  moveTo(index, how = {}) {
    const n = this.#store.order.length;
    if (n === 0) {
      this.cursor = null; // it goes to the first row when there is one
      this.#cursorIndex = 0;
      if (this.#store.phase === "loading" && how.focus !== false) this.#requestFocus();
      return null;
    }
    const to = clamp(index, 0, n - 1);
    this.#moveTo(to, how.focus);
    this.#goal = index > to && this.#store.hasMore ? Math.min(index, n + FARTHEST) : null;
    return this.cursor;
  }

  #requestFocus() {
    this.#focusFrom = document.activeElement ?? document.body;
  }

  /** @param {number} index @param {boolean} [focus] */
  #moveTo(index, focus = true) {
    this.cursor = this.#store.order[index];
    this.#cursorIndex = index;
    if (focus) this.#requestFocus();
    this.#bringIn(index);
    this.#actions.dirty();
  }

  /** Focuses a task's row, or the one in its place. @param {string} id */
  focusOn(id) {
    this.cursor = id;
    this.focus();
  }

  /** Moves the cursor to a task that was opened by other means. @param {string} id */
  setCursor(id) {
    if (this.cursor === id) return;
    this.cursor = id;
    const at = this.#index();
    if (at !== null) this.#bringIn(at);
  }

  /** Scrolls to a row, no further than needed. @param {number} index */
  #bringIn(index) {
    const s = this.#scroller;
    const top = index * s.rowHeight;
    const bottom = top + s.rowHeight + s.headHeight;
    if (top < s.top) s.scrollTo(top);
    else if (bottom > s.top + s.height) {
      this.#rows.room(this.#store.order.length * s.rowHeight); // room first
      s.scrollTo(bottom - s.height);
    }
  }

  /** @param {RowContext} c */
  draw(c) {
    this.#context = c;
    c.picking = this.#picking.view;
    const s = this.#store;
    const order = s.order;
    if (s.phase === "ready") {
      this.#keepPlace(order);
      this.#moveToGoal(order);
    }
    c.picking?.draw(c.title);
    this.#drawRows(order, c);
    drawFoot(s);
    this.#chip.draw(s);
    this.#drawEmpty(s);
    const w = this.#scroller.window(order.length);
    if (s.hasMore && w.end + AHEAD >= order.length && order.length > 0) this.#actions.more({ many: this.#goal !== null });
  }

  /** @param {Store} s */
  #drawEmpty(s) {
    const kind = s.emptiness;
    show(this.#table, kind === "");
    show(this.#emptyPart, kind !== "");
    if (this.#empty.view) this.#empty.view.draw(s, kind);
    else if (kind !== "") void this.#empty.get().then((view) => view && this.#actions.dirty());
  }

  /** Scrolls by as much as rows were added or removed above. @param {string[]} order */
  #keepPlace(order) {
    if (order === this.#drawn) return;
    if (this.#drawn.length > 0) {
      const s = this.#scroller;
      const from = s.top;
      const shift = shiftOf(this.#drawn, order, Math.floor(from / s.rowHeight)) * s.rowHeight;
      if (shift !== 0 && this.reading) {
        // Make room first, or scrolling ends at the old height.
        this.#rows.room(order.length * s.rowHeight);
        s.scrollTo(from + shift);
      }
      if (s.top - from !== shift) this.#movedAt = performance.now();
    }
    this.#drawn = order;
  }

  /** Moves on to a row that was not loaded when the key was pressed. @param {string[]} order */
  #moveToGoal(order) {
    if (this.#goal === null || order.length - 1 <= this.#cursorIndex) return;
    const goal = this.#goal;
    this.#moveTo(Math.min(goal, order.length - 1));
    if (goal < order.length || !this.#store.hasMore) this.#goal = null;
  }

  /**
   * @param {string[]} order
   * @param {RowContext} context
   */
  #drawRows(order, context) {
    const focused = this.focusedRow;
    this.#rows.draw({
      order,
      rows: this.#store.rows,
      window: this.#scroller.window(order.length),
      rowHeight: this.#scroller.rowHeight,
      focused: focused ? order.indexOf(focused.id) : -1,
      stop: this.#index() ?? clamp(this.#firstInView(), 0, order.length - 1),
      cursor: this.cursor,
      context,
    });
    attr(this.#table, "aria-rowcount", this.#store.totalExact ? Math.max(this.#store.total, order.length) + 1 : -1);
    attr(this.#table, "aria-busy", this.#store.phase === "loading" && order.length === 0);
    this.#restoreFocus();
  }

  /** Gives focus to the row with the cursor, or the one in its place. */
  #restoreFocus() {
    const order = this.#store.order;
    if (this.#focusFrom === null || order.length === 0) return;
    const on = document.activeElement; // the body, if the element with focus was removed
    const unmoved = on === this.#focusFrom || on === document.body || this.hasFocus;
    this.#focusFrom = null;
    if (!unmoved) return; // the user moved it
    const at = this.#index() ?? clamp(this.#cursorIndex, 0, order.length - 1);
    const el = this.#rows.el(order[at]);
    if (!el) return this.#moveTo(at); // its row is drawn in the next frame
    this.cursor = order[at];
    this.#cursorIndex = at;
    this.#bringIn(at);
    el.focus({ preventScroll: true });
  }
}
