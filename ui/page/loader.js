// Fetches the list: from its head, on to its end, and anew when more changed than the
// stream tells.

import * as api from "./api.js";
import { noFilters } from "./filters.js";
import { newestFirst } from "./order.js";
import { ended } from "./task.js";
import { toast } from "./views/toast.js";

/** @import { Store } from "./store.js" */
/** @import { Filters, Row } from "./types.js" */
/** @import { ListView } from "./views/list.js" */

const PAGE = 100;
const LARGEST_PAGE = 1000;
/** Least time between two fetches of the list that the stream asks for, in milliseconds. */
const REFETCH = 1000;
/** Most rows that are asked for one by one. */
const MOST_SINGLE = 20;

export class ListLoader {
  #store;
  #view;
  #page;
  #abort = new AbortController();
  #loadingMore = false;
  /** The last fetch of more got no answer; it is tried again when the connection changes. */
  #moreFailed = false;
  #refetchAt = 0;
  #refetchTimer = 0;
  /** Which refetch is the latest: only that one is taken. */
  #refetchTurn = 0;

  /**
   * @param {Store} store
   * @param {ListView} view
   * @param {{ filters: () => Filters, live: () => boolean, dirty: () => void }} page
   */
  constructor(store, view, page) {
    this.#store = store;
    this.#view = view;
    this.#page = page;
  }

  /** Ends what is being fetched. Returns the signal of what is fetched next. */
  anew() {
    this.#abort.abort();
    this.#abort = new AbortController();
    return this.#abort.signal;
  }

  connectionChanged() {
    this.#moreFailed = false;
  }

  /** Fetches the list from its head. @param {AbortSignal} signal */
  async fetch(signal) {
    const store = this.#store;
    store.beginFetch();
    try {
      // An address that asks for what is not there has no rows, but a seq to follow from.
      const wrong = store.filters.wrong.length > 0;
      const page = await api.listTasks(wrong ? noFilters() : store.filters, wrong ? 1 : PAGE, signal);
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
   * A text search counts what it has found so far: a second, long page tells most totals.
   * @param {AbortSignal} signal
   */
  async #countFurther(signal) {
    await Promise.resolve(); // the first page is taken
    if (!signal.aborted) await this.more({ many: true });
  }

  /** Fetches the list anew, with the filters as they are. */
  async reload() {
    const signal = this.anew();
    this.#store.setFilters(this.#page.filters());
    this.#view.restart();
    this.#page.dirty();
    await this.fetch(signal);
  }

  /**
   * Fetches what follows the last row: a page, or as much as one answer may have. Not while
   * the connection is down: a list that cannot grow must not ask at each frame.
   * @param {{ many: boolean }} how
   */
  async more({ many }) {
    const store = this.#store;
    if (this.#loadingMore || this.#moreFailed || store.phase !== "ready" || !this.#page.live()) return;
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

  /** Shows the new tasks that wait. */
  reveal() {
    if (!this.#store.showHeld()) void this.#refetch();
    this.#page.dirty();
  }

  /** More changed than the stream tells: fetch the list, at most once a second. */
  refetchSoon() {
    if (this.#refetchTimer !== 0) return;
    const wait = Math.max(0, this.#refetchAt + REFETCH - performance.now());
    this.#refetchTimer = setTimeout(async () => {
      await this.#refetch();
      this.#refetchAt = performance.now();
      this.#refetchTimer = 0;
    }, wait);
  }

  /** Fetches as much of the list as is shown, in place of what is there. */
  async #refetch() {
    const store = this.#store;
    if (store.phase !== "ready" || store.filters.wrong.length > 0) return;
    const signal = this.#abort.signal;
    const turn = ++this.#refetchTurn;
    const hold = this.#view.hold.hold && store.order.length > 0;
    const needed = hold ? this.#view.used + PAGE : PAGE;
    store.beginFetch();
    try {
      let page = await api.listTasks(store.filters, Math.min(LARGEST_PAGE, needed), signal);
      const newest = hold ? store.rows.get(store.order[0]) : undefined;
      const many = newest !== undefined && page.next !== null && !page.rows.some((r) => newestFirst(r, newest) >= 0);
      if (newest && many) {
        // All of the page is new: what the reader sees lies further down.
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
      // The next message asks again, or the connection says that it is down.
    } finally {
      store.endFetch();
      this.#page.dirty();
    }
  }

  /** Fetches the rows that stay in the list although a page no longer had them. @param {AbortSignal} signal */
  async #refresh(signal) {
    const store = this.#store;
    const ids = store.stale.filter((id) => !ended(/** @type {Row} */ (store.rows.get(id)).status)).slice(0, MOST_SINGLE);
    const pages = await Promise.all(ids.map((id) => api.listTasks({ ...noFilters(), q: id }, 1, signal)));
    if (!signal.aborted) store.apply({ seq: store.seq, rows: pages.flatMap((p) => p.rows) }, this.#view.hold);
  }
}
