// The list of tasks: a real table of which only the rows in view are drawn, and one stop
// for the Tab key, with arrow keys inside. No row moves while someone is at it.

import { attr, byId, show } from "../dom.js";
import { REST } from "../press.js";
import { clamp, shiftOf, windowOf } from "../window.js";
import { Attention } from "./attention.js";
import { ChipView } from "./chip.js";
import { EmptyView } from "./empty.js";
import { drawFoot } from "./foot.js";
import { RowsView } from "./rows.js";

/** @import { Store } from "../store.js" */
/** @import { Row } from "../types.js" */
/** @import { RowContext } from "./row.js" */

/** Below this width, in pixels, tasks are cards. */
const CARDS_BELOW = 620;
const ROW_HEIGHT = 47;
const CARD_HEIGHT = 112;
const HEAD_HEIGHT = 36;
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
 * }} ListActions
 */

export class ListView {
  /** The task that the keyboard stands on. @type {string | null} */
  cursor = null;

  #store;
  #actions;
  #scroller = byId("scroller");
  #table = byId("tasks");
  #chip;
  #empty;
  #attention;
  #rows;
  /** @type {string[]} */
  #drawn = [];
  #cards = false;
  /** Where the scroller stands and how high it is, as it last said: asking it costs a layout. */
  #top = 0;
  #height = 0;
  /** Where the scroller is on the screen. */
  #y = 0;
  /** Where the cursor was when its row was last in the list. */
  #cursorIndex = 0;
  /** The row to stand on as soon as it is loaded. @type {number | null} */
  #goal = null;
  /** Where focus was when it was asked to go to the cursor; null when it was not. @type {Element | null} */
  #focusFrom = null;
  /** What the pointer went down on. @type {{ id: string, kind: string | null, moved: boolean } | null} */
  #press = null;
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
    const body = byId("rows");
    this.#rows = new RowsView(body, () => {
      this.#scroller.focus({ preventScroll: true });
      this.#askFocus();
    });
    this.#chip = new ChipView(byId("chip-new"), () => this.toNewest());
    this.#empty = new EmptyView(byId("empty"), actions);
    this.#attention = new Attention([this.#scroller, byId("chip-new")], () => this.#attended());
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    body.addEventListener("pointerdown", (e) => this.#pressed(e));
    body.addEventListener("click", (e) => this.#clicked(e));
    body.addEventListener("focusin", (e) => this.#focused(e));
    body.addEventListener("keydown", (e) => this.#key(e));
    new ResizeObserver(() => this.#measure()).observe(this.#scroller);
    this.#measure();
  }

  /** Whether someone reads further down, so that new tasks wait. */
  get reading() {
    return this.#top > this.#rowHeight / 2;
  }

  /** What may not move now. */
  get hold() {
    const still = this.#attention.here;
    return { hold: still || this.reading, still };
  }

  /** How many rows from the first on are in use: to the last that is in view, or has the cursor. */
  get used() {
    return Math.max(Math.ceil((this.#top + this.#height) / this.#rowHeight), this.#cursorIndex + 1);
  }

  /** The row that has focus, or one of its buttons. @returns {Row | null} */
  get focusedRow() {
    const id = idAt(document.activeElement);
    return (id !== null && this.#store.rows.get(id)) || null;
  }

  /** Whether focus is in the list. */
  get hasFocus() {
    return this.#scroller.contains(document.activeElement);
  }

  get #rowHeight() {
    return this.#cards ? CARD_HEIGHT : ROW_HEIGHT;
  }

  get #headHeight() {
    return this.#cards ? 0 : HEAD_HEIGHT;
  }

  /** @param {number} top */
  #scrollTo(top) {
    this.#scroller.scrollTop = top;
    this.#top = this.#scroller.scrollTop;
  }

  /** Starts at the top of another list. */
  restart() {
    this.#scrollTo(0);
    this.#drawn = [];
    this.#cursorIndex = 0;
    this.#goal = null;
    if (!this.hasFocus) this.cursor = null;
  }

  /** Shows what waits at the top, and goes there. */
  toNewest() {
    const focus = this.#attention.here && (this.hasFocus || byId("chip-new").contains(document.activeElement));
    this.#scrollTo(0);
    this.#drawn = [];
    this.#actions.reveal();
    this.cursor = null;
    this.#cursorIndex = 0;
    if (!focus) return;
    this.#scroller.focus({ preventScroll: true });
    this.#askFocus();
  }

  /** Puts focus into the list: on the row that had it last, or the first in view. */
  focus() {
    if (this.#store.order.length === 0) this.#scroller.focus();
    this.moveTo(this.#index() ?? this.#firstInView());
  }

  #firstInView() {
    return Math.ceil(this.#top / this.#rowHeight);
  }

  #measure() {
    const cards = this.#scroller.clientWidth < CARDS_BELOW;
    const y = this.#scroller.getBoundingClientRect().top;
    const grew = y - this.#y;
    const at = clamp(this.#index() ?? -1, this.#firstInView(), this.used - 1);
    const place = this.#headHeight + at * this.#rowHeight - this.#scroller.scrollTop;
    const turned = cards !== this.#cards;
    this.#cards = cards;
    this.#y = y;
    this.#height = this.#scroller.clientHeight;
    this.#top = this.#scroller.scrollTop;
    attr(this.#table, "data-mode", cards ? "cards" : "table");
    if (this.#context && this.#drawn.length > 0 && (turned || (grew !== 0 && this.#attention.here))) {
      // The row in use stays where it is on the screen.
      this.#rows.room(this.#drawn.length * this.#rowHeight);
      this.#scrollTo(this.#headHeight + at * this.#rowHeight - place + grew);
      if (turned) this.#movedAt = performance.now();
      this.draw(this.#context);
    }
    this.#actions.dirty();
  }

  #scrolled() {
    this.#top = this.#scroller.scrollTop;
    if (this.#top < 2 && !this.#attention.here) this.#flow();
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

  /** @param {PointerEvent} e */
  #pressed(e) {
    const id = idAt(e.target);
    this.#press = id === null ? null : { id, kind: kindAt(e.target), moved: performance.now() - this.#movedAt < REST };
  }

  /** @param {MouseEvent} e */
  #clicked(e) {
    const press = this.#press;
    this.#press = null;
    const id = idAt(e.target);
    const row = id !== null ? this.#store.rows.get(id) : undefined;
    if (!row || !(e.target instanceof Element)) return;
    const byPointer = e.detail > 0;
    if (byPointer && press?.id !== row.id) return; // it went down on another
    const kind = kindAt(e.target);
    if (kind !== null) {
      if (byPointer && (e.detail > 1 || press?.kind !== kind)) return;
      return this.#actions.act(kind, row, { ask: byPointer && press?.moved });
    }
    const tag = e.target.closest("[data-tag]")?.getAttribute("data-tag");
    if (tag) return this.#actions.tag(tag);
    if (e.ctrlKey || e.metaKey || e.shiftKey || String(getSelection()) !== "") return;
    e.preventDefault();
    this.cursor = row.id;
    this.#actions.open(row.id);
  }

  /** @param {FocusEvent} e */
  #focused(e) {
    const id = idAt(e.target);
    if (id === null || id === this.cursor) return;
    this.cursor = id;
    this.#goal = null;
    this.#actions.dirty();
  }

  /** Keys that only mean something on a row. @param {KeyboardEvent} e */
  #key(e) {
    const row = e.target instanceof Element ? e.target.closest("tr.row") : null;
    const id = idAt(row);
    if (!row || id === null || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "ArrowRight" || e.key === "ArrowLeft") {
      const stops = [row, ...row.querySelectorAll("button")].filter((el) => el === row || el.checkVisibility());
      const at = stops.indexOf(/** @type {Element} */ (document.activeElement));
      const to = stops[clamp(Math.max(0, at) + (e.key === "ArrowRight" ? 1 : -1), 0, stops.length - 1)];
      if (to instanceof HTMLElement) to.focus({ preventScroll: true });
    } else if ((e.key === "Enter" || e.key === " ") && !(e.target instanceof HTMLButtonElement)) {
      this.#actions.open(id, { focus: e.key === "Enter" });
    } else {
      return;
    }
    e.preventDefault();
    e.stopPropagation();
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
    const rows = Math.max(1, Math.floor((this.#height - this.#headHeight) / this.#rowHeight) - 1);
    return this.move(by * rows, how);
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

  /** @param {number} index */
  #bringIn(index) {
    const top = index * this.#rowHeight;
    const bottom = top + this.#rowHeight + this.#headHeight;
    if (top < this.#top) this.#scrollTo(top);
    else if (bottom > this.#top + this.#height) {
      this.#rows.room(this.#store.order.length * this.#rowHeight); // room first
      this.#scrollTo(bottom - this.#height);
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
    show(this.#table, !this.#empty.draw(s));
    const w = this.#window(order.length);
    if (s.hasMore && w.end + AHEAD >= order.length && order.length > 0) this.#actions.more({ many: this.#goal !== null });
  }

  /** @param {number} count */
  #window(count) {
    return windowOf(this.#top, this.#height, this.#rowHeight, count);
  }

  /** Rows came or went above the reader: scroll by as much. @param {string[]} order */
  #keepPlace(order) {
    if (order === this.#drawn) return;
    if (this.#drawn.length > 0) {
      const first = Math.floor(this.#top / this.#rowHeight);
      const shift = shiftOf(this.#drawn, order, first) * this.#rowHeight;
      const from = this.#top;
      if (shift !== 0 && this.reading) {
        // Room first, or the scroll is cut at the old height.
        this.#rows.room(order.length * this.#rowHeight);
        this.#scrollTo(from + shift);
      }
      if (this.#top - from !== shift) this.#movedAt = performance.now();
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
      window: this.#window(order.length),
      rowHeight: this.#rowHeight,
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

/** The task whose row that is, or is in. @param {EventTarget | null} el */
function idAt(el) {
  return el instanceof Element ? (el.closest("#rows tr.row")?.getAttribute("data-id") ?? null) : null;
}

/** What the button there does; null when it is none. @param {EventTarget | null} el */
function kindAt(el) {
  return el instanceof Element ? (el.closest(".row-action")?.getAttribute("data-kind") ?? null) : null;
}
