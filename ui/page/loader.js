// Fetches the list: its first page, the following pages, and all of it again when more
// changed than the stream sends.

import * as api from "./api.js";
import { isByDue, isPending, noFilters } from "./filters.js";
import { time } from "./format.js";
import { newestFirst } from "./order.js";
import { ended, lateDue } from "./task.js";
import { toast } from "./views/toast.js";

/** @import { Store } from "./store.js" */
/** @import { Filters, Message, Row, WaitTotals } from "./types.js" */
/** @import { ListView } from "./views/list.js" */

const PAGE = 100;
const LARGEST_PAGE = 1000;
/** Least time between two fetches of the list because of the stream, in milliseconds. */
const REFETCH = 1000;
/** Maximum number of rows that are fetched one by one. */
const MOST_SINGLE = 20;

export class ListLoader {
  #store;
  #view;
  #page;
  #abort = new AbortController();
  #loadingMore = false;
  /** The last fetch of a following page failed. The next is tried when the connection changes. */
  #moreFailed = false;
  #refetchAt = 0;
  #refetchTimer = 0;
  /** When it was last fetched what pending tasks wait for. */
  #waitingAt = -Infinity;
  #waitingTimer = 0;
  /** The time up to which rows were fetched again. */
  #late = "";
  /** Number of the latest refetch. The results of earlier ones are dropped. */
  #refetchTurn = 0;

  /**
   * @param {Store} store
   * @param {ListView} view
   * @param {{ filters: () => Filters, live: () => boolean, dirty: () => void, past: () => Promise<import("./views/past.js").PastView | null> }} page
   */
  constructor(store, view, page) {
    this.#store = store;
    this.#view = view;
    this.#page = page;
  }

  /** Aborts the fetches in progress. Returns the signal for the next ones. */
  abort() {
    this.#abort.abort();
    this.#abort = new AbortController();
    return this.#abort.signal;
  }

  connectionChanged() {
    this.#moreFailed = false;
  }

  /** Fetches the first page. @param {AbortSignal} signal */
  async fetch(signal) {
    const store = this.#store;
    store.beginFetch();
    try {
      // Invalid filters match no rows, but a seq is needed to follow the log from.
      const wrong = store.filters.wrong.length > 0;
      const ask = () => api.listTasks(wrong ? noFilters() : store.filters, wrong ? 1 : PAGE, signal);
      const page = await (store.past && !wrong ? this.#page.past().then((view) => /** @type {NonNullable<typeof view>} */ (view).fetch(ask, signal)) : ask());
      if (signal.aborted) return null;
      if (wrong) Object.assign(page, { rows: [], next: null });
      store.replace(page);
      if (!page.totalExact && page.next !== null) void this.#countFurther(signal);
      return page;
    } catch (err) {
      if (signal.aborted) return null;
      store.phase = "failed";
      if (err instanceof api.Problem && err.status >= 400 && err.status < 500) toast(err.message, { bad: true });
      return null;
    } finally {
      store.endFetch();
      this.#page.dirty();
    }
  }

  /**
   * The total of a text search is of what it has found so far. For most searches a second,
   * long page has the exact total.
   * @param {AbortSignal} signal
   */
  async #countFurther(signal) {
    await Promise.resolve(); // the first page is in the store then
    if (!signal.aborted) await this.more({ many: true });
  }

  /** Fetches the list again, with the filters of the route. */
  async reload() {
    const signal = this.abort();
    this.#store.setFilters(this.#page.filters());
    if (isPending(this.#store.filters)) this.loadWaiting();
    this.#view.restart();
    this.#page.dirty();
    await this.fetch(signal);
  }

  /**
   * Fetches the rows after the last one: a page, or with many the largest page. It does nothing
   * while the connection is down, because it is called in each frame.
   * @param {{ many: boolean }} how
   */
  async more({ many }) {
    const store = this.#store;
    if (this.#loadingMore || this.#moreFailed || store.phase !== "ready" || !this.#page.live()) return;
    if (store.next === null && isByDue(store.filters)) return void this.reload(); // the tail was dropped
    this.#loadingMore = true;
    const signal = this.#abort.signal;
    store.beginFetch();
    try {
      const last = store.rows.get(store.order[store.order.length - 1]);
      const next = many ? store.next?.replace(/([?&]limit=)\d+/, `$1${LARGEST_PAGE}`) : store.next;
      const page = next ? await api.page(next, signal) : last ? await api.listOlder(store.filters, LARGEST_PAGE, last.created_at) : null;
      if (page && !signal.aborted) store.append(page);
    } catch (err) {
      if (signal.aborted) return;
      if (err instanceof api.Problem && err.status >= 400) void this.reload();
      else this.#moreFailed = true;
    } finally {
      store.endFetch();
      this.#loadingMore = false;
      this.#page.dirty();
    }
  }

  /** A message of the stream came. @param {Message} m @param {WaitTotals | null} before what pending tasks waited for until then */
  received(m, before) {
    if (this.#store.past) return; // it does not change
    if (m.truncated) this.refetchSoon();
    // A pause, a limit or the time moves tasks from one of these lists to another, without an event of theirs.
    if (m.waiting && before && JSON.stringify(m.waiting) !== JSON.stringify(before)) this.#waitingMoved(m.waiting.blocked !== before.blocked);
  }

  /** Called once a second. Time alone makes tasks due: no message says so. */
  tick() {
    const store = this.#store;
    if (store.past || !this.#page.live()) return;
    const due = time(store.waiting?.next_due);
    if (due !== null && due < api.serverNow() - 100 && isPending(store.filters)) this.#waitingMoved(false);
    const late = lateDue(store.rows.values(), api.serverNow());
    if (late > this.#late) this.refetchSoon();
    this.#late = late;
  }

  /** @param {boolean} blocked whether others are blocked now: what rows say of their waiting has changed */
  #waitingMoved(blocked) {
    const { filters } = this.#store;
    if (!isPending(filters)) return;
    if (blocked || filters.waiting.length > 0) this.refetchSoon();
    this.loadWaiting();
  }

  /** Fetches what pending tasks wait for, at most once a second. */
  loadWaiting() {
    if (this.#waitingTimer !== 0 || this.#store.past) return;
    const wait = Math.max(0, this.#waitingAt + REFETCH - performance.now());
    this.#waitingTimer = setTimeout(() => void this.#loadWaiting(), wait);
  }

  async #loadWaiting() {
    this.#waitingTimer = 0;
    this.#waitingAt = performance.now();
    try {
      const stats = await api.getStats();
      Object.assign(this.#store.live, { waiting: stats.waiting, waitingCounts: stats.waiting_counts });
    } catch {
      // The next message has it.
    }
    this.#page.dirty();
  }

  /** Shows the new tasks that wait. */
  reveal() {
    if (!this.#store.showHeld()) void this.#refetch();
    this.#page.dirty();
  }

  /** Fetches the list again, at most once a second. */
  refetchSoon() {
    if (this.#refetchTimer !== 0) return;
    const wait = Math.max(0, this.#refetchAt + REFETCH - performance.now());
    this.#refetchTimer = setTimeout(async () => {
      await this.#refetch();
      this.#refetchAt = performance.now();
      this.#refetchTimer = 0;
    }, wait);
  }

  /** Replaces the list, as far as it is shown. */
  async #refetch() {
    const store = this.#store;
    if (store.phase !== "ready" || store.filters.wrong.length > 0 || store.past) return;
    const signal = this.#abort.signal;
    const turn = ++this.#refetchTurn;
    const hold = this.#view.hold.hold && store.order.length > 0;
    const needed = hold ? this.#view.used + PAGE : PAGE;
    store.beginFetch();
    try {
      let page = await api.listTasks(store.filters, Math.min(LARGEST_PAGE, needed), signal);
      const newest = hold && !isByDue(store.filters) ? store.rows.get(store.order[0]) : undefined;
      const many = newest !== undefined && page.next !== null && !page.rows.some((r) => newestFirst(r, newest) >= 0);
      if (newest && many) {
        // All of the page is new: the rows in view are further down.
        const { total, totalExact } = page;
        page = { ...(await api.listOlder(store.filters, Math.min(LARGEST_PAGE, needed), newest.created_at, signal)), total, totalExact };
      }
      while (page.next !== null && page.rows.length < needed) {
        const next = await api.page(page.next, signal);
        page.rows.push(...next.rows);
        page.next = next.next;
      }
      if (signal.aborted || turn !== this.#refetchTurn) return;
      const { still } = this.#view.hold;
      store.replace(page, { hold: hold || still, many, still });
      await this.#refresh(signal);
    } catch {
      // The next message causes another fetch, or the connection is down.
    } finally {
      store.endFetch();
      this.#page.dirty();
    }
  }

  /** Fetches the rows of the list that were not on the page. @param {AbortSignal} signal */
  async #refresh(signal) {
    const store = this.#store;
    const ids = store.stale.filter((id) => !ended(/** @type {Row} */ (store.rows.get(id)).status)).slice(0, MOST_SINGLE);
    const pages = await Promise.all(ids.map((id) => api.listTasks({ ...noFilters(), q: id }, 1, signal)));
    if (!signal.aborted) store.apply({ seq: store.seq, rows: pages.flatMap((p) => p.rows) }, this.#view.hold);
  }
}
