// The list of tasks: a real table of which only the rows in view are drawn, and one stop
// for the Tab key, with arrow keys inside. No row moves while someone is at it.

import { attr, byId, show } from "../dom.js";
import { Later } from "../later.js";
import { clamp, shiftOf } from "../window.js";
import { Attention } from "./attention.js";
import { ChipView, drawFoot } from "./counts.js";
import { idAt, listenToPresses } from "./presses.js";
import { RowsView } from "./rows.js";
import { Scroller } from "./scroller.js";

/** @import { Store } from "../store.js" */
/** @import { Row } from "../types.js" */
/** @import { RowContext } from "./row.js" */

/** Rows before the end at which the next page is fetched. */
const AHEAD = 40;
/** Rows that the End key loads at most. */
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
 *   dirty: () => void,
 *   incomplete: () => void,
 * }} ListActions
 */

export class ListView {
  /** The task that the keyboard stands on. @type {string | null} */
  cursor = null;

  #store;
  #actions;
  #scroller;
  #table = byId("tasks");
  #chip;
  #empty;
  #emptyPart = byId("empty");
  #attention;
  #rows;
  /** @type {string[]} */
  #drawn = [];
  /** Where the cursor was when its row was last in the list. */
  #cursorIndex = 0;
  /** The row to stand on as soon as it is loaded. @type {number | null} */
  #goal = null;
  /** Where focus was when it was asked to go to the cursor; null when it was not. @type {Element | null} */
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
      this.#askFocus();
    });
    this.#chip = new ChipView(byId("chip-new"), () => this.toNewest());
    this.#empty = new Later(
      () => import("./empty.js"),
      ({ EmptyView }) => new EmptyView(this.#emptyPart, actions),
      actions.incomplete,
    );
    this.#attention = new Attention([scroller, byId("chip-new")], () => this.#attended());
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

  /** Loads what a list with rows does not need. */
  prefetch() {
    return this.#empty.prefetch();
  }

  /** Whether someone reads further down, so that new tasks wait. */
  get reading() {
    return this.#scroller.top > this.#scroller.rowHeight / 2;
  }

  /** What may not move now. */
  get hold() {
    const still = this.#attention.here;
    return { hold: still || this.reading, still };
  }

  /** How many rows from the first on are in use: to the last that is in view, or has the cursor. */
  get used() {
    return Math.max(Math.ceil((this.#scroller.top + this.#scroller.height) / this.#scroller.rowHeight), this.#cursorIndex + 1);
  }

  /** The row that has focus, or one of its buttons. @returns {Row | null} */
  get focusedRow() {
    const id = idAt(document.activeElement);
    return (id !== null && this.#store.rows.get(id)) || null;
  }

  /** Whether focus is in the list. */
  get hasFocus() {
    return this.#scroller.el.contains(document.activeElement);
  }

  /** Starts at the top of another list. */
  restart() {
    this.#scroller.scrollTo(0);
    this.#drawn = [];
    this.#cursorIndex = 0;
    this.#goal = null;
    if (!this.hasFocus) this.cursor = null;
  }

  /** Shows what waits at the top, and goes there. */
  toNewest() {
    const focus = this.#attention.here && (this.hasFocus || byId("chip-new").contains(document.activeElement));
    this.#scroller.scrollTo(0);
    this.#drawn = [];
    this.#actions.reveal();
    this.cursor = null;
    this.#cursorIndex = 0;
    if (!focus) return;
    this.#scroller.el.focus({ preventScroll: true });
    this.#askFocus();
  }

  /** Puts focus into the list: on the row that had it last, or the first in view. */
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
    if (this.#scroller.top < 2 && !this.#attention.here) this.#flow();
    this.#actions.dirty();
  }

  /** Someone came to the list, or left it. */
  #attended() {
    if (this.#attention.here) return;
    this.#store.settle();
    if (!this.reading) this.#flow();
    this.#actions.dirty();
  }

  /** Lets in what waits. */
  #flow() {
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

  /** Where the cursor is in the list; null when its row is not in it. */
  #index() {
    const order = this.#store.order;
    if (this.cursor === null) return null;
    if (order[this.#cursorIndex] === this.cursor) return this.#cursorIndex;
    const at = order.indexOf(this.cursor);
    return at < 0 ? null : (this.#cursorIndex = at);
  }

  /**
   * Moves the keyboard's place by some rows and shows it. Where its row is gone, it goes on
   * from where that was; at first it goes to the first row in view.
   * @param {number} by
   * @param {{ focus?: boolean }} [how]
   * @returns {string | null} the task it stands on
   */
  move(by, how) {
    const at = this.#index();
    if (at !== null) return this.moveTo(at + by, how);
    if (this.cursor === null) return this.moveTo(this.#firstInView() + (Math.abs(by) === 1 ? 0 : by), how);
    return this.moveTo(by > 0 ? this.#cursorIndex + by - 1 : this.#cursorIndex + by, how);
  }

  /** Moves it by as many rows as are in view. @param {number} by @param {{ focus?: boolean }} [how] */
  movePage(by, how) {
    return this.move(by * this.#scroller.rowsInView, how);
  }

  /**
   * @param {number} index of a row; one beyond the last is gone to when it is loaded
   * @param {{ focus?: boolean }} [how]
   */
  moveTo(index, how = {}) {
    const n = this.#store.order.length;
    if (n === 0) {
      this.cursor = null; // the first one, when there is one
      this.#cursorIndex = 0;
      if (this.#store.phase === "loading" && how.focus !== false) this.#askFocus();
      return null;
    }
    const to = clamp(index, 0, n - 1);
    this.#moveTo(to, how.focus);
    this.#goal = index > to && this.#store.hasMore ? Math.min(index, n + FARTHEST) : null;
    return this.cursor;
  }

  #askFocus() {
    this.#focusFrom = document.activeElement ?? document.body;
  }

  /** @param {number} index @param {boolean} [focus] */
  #moveTo(index, focus = true) {
    this.cursor = this.#store.order[index];
    this.#cursorIndex = index;
    if (focus) this.#askFocus();
    this.#bringIn(index);
    this.#actions.dirty();
  }

  /** Puts focus on a task's row, or on the one in its place. @param {string} id */
  focusOn(id) {
    this.cursor = id;
    this.focus();
  }

  /** Puts the keyboard on a task that was opened by other means. @param {string} id */
  stand(id) {
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
    const s = this.#store;
    const order = s.order;
    if (s.phase === "ready") {
      this.#keepPlace(order);
      this.#pursue(order);
    }
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
    if (kind === "") return;
    if (this.#empty.view) this.#empty.view.draw(s, kind);
    else void this.#empty.get().then((view) => view && this.#actions.dirty());
  }

  /** Rows came or went above the reader: scroll by as much. @param {string[]} order */
  #keepPlace(order) {
    if (order === this.#drawn) return;
    if (this.#drawn.length > 0) {
      const s = this.#scroller;
      const from = s.top;
      const shift = shiftOf(this.#drawn, order, Math.floor(from / s.rowHeight)) * s.rowHeight;
      if (shift !== 0 && this.reading) {
        // Room first, or the scroll is cut at the old height.
        this.#rows.room(order.length * s.rowHeight);
        s.scrollTo(from + shift);
      }
      if (s.top - from !== shift) this.#movedAt = performance.now();
    }
    this.#drawn = order;
  }

  /** Goes on to a row that was not loaded when its key was pressed. @param {string[]} order */
  #pursue(order) {
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

  /** Puts focus where the cursor is; where its row went, on the one in its place. */
  #restoreFocus() {
    const order = this.#store.order;
    if (this.#focusFrom === null || order.length === 0) return;
    const on = document.activeElement; // the body where what had it is gone
    const unmoved = on === this.#focusFrom || on === document.body || this.hasFocus;
    this.#focusFrom = null;
    if (!unmoved) return; // it went elsewhere meanwhile
    const at = this.#index() ?? clamp(this.#cursorIndex, 0, order.length - 1);
    const el = this.#rows.el(order[at]);
    if (!el) return this.#moveTo(at); // it is drawn in the next frame
    this.cursor = order[at];
    this.#cursorIndex = at;
    this.#bringIn(at);
    el.focus({ preventScroll: true });
  }
}
