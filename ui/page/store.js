// The tasks that the page knows and their order. Pure: no DOM, no clock, no network. Of two
// versions of a row the higher one wins, whether it came from a list or from the stream.

import { countMatching, isByDue, isFiltered, matches, mergeCounts, noFilters } from "./filters.js";
import { Held, MOST_COUNTED } from "./held.js";
import { dueFirst, dueOf, merge, newer, newestFirst } from "./order.js";
import { ended } from "./task.js";

/** @import { Row, Count, Filters, Message, Page, SchedulerState, WaitTotals, WaitingCounts } from "./types.js" */
/** @import { Moment } from "./moment.js" */

/** Maximum number of rows in a list that grows at the top. Beyond it the tail is dropped, and loaded again when needed. */
export const MAX_ROWS = 20_000;
const TRIM_TO = 2_000;

/** Why a list is empty: "" while that is not known. @typedef {"" | "wrong" | "failed" | "none" | "filtered" | "searched"} Emptiness */

/**
 * What may change: with hold, tasks newer than the newest one shown wait; with still, no row
 * that is shown changes its place.
 * @typedef {{ hold?: boolean, still?: boolean }} Hold
 */

export class Store {
  /** @type {Map<string, Row>} rows of the list, held ones included */
  rows = new Map();
  /** @type {string[]} ids in the list, newest first */
  order = [];
  /** New tasks that are not in the list yet. */
  #held = new Held();
  /** @type {Set<string>} still in the list although they no longer match, so that nothing moves under a pointer */
  #leaving = new Set();
  /** @type {Set<string>} those of #leaving whose latest row is not known */
  #stale = new Set();
  /** @type {Set<string>} tasks submitted in this tab: they are shown without waiting */
  #own = new Set();
  /** The open task: its row stays although it no longer matches. @type {string | null} */
  pinned = null;
  /** @type {Filters} */
  filters = noFilters();
  /**
   * What there is now: how many tasks, what the pending ones wait for, and the same by type and queue as of the last fetch.
   * Each is null until the server has sent it.
   * @type {{ counts: Count[] | null, waiting: WaitTotals | null, waitingCounts: WaitingCounts | null }}
   */
  live = { counts: null, waiting: null, waitingCounts: null };
  /** The earlier moment that the list shows; null = now. @type {Moment | null} */
  past = null;
  /** @type {SchedulerState | null} */
  state = null;
  /** The seq of the log up to which the rows are current. */
  seq = 0;
  /** Number of matches as of the last fetch. */
  fetchedTotal = 0;
  totalExact = true;
  searchTruncated = false;
  /** @type {string | null} the address of the next page; null at the end */
  next = null;
  /** The tail was dropped to save memory; it can be fetched by time. */
  trimmed = false;
  /**
   * New and ended tasks during a text search: only the server knows whether they match.
   * @type {Set<string>}
   */
  #unmatched = new Set();
  /** @type {"loading" | "ready" | "failed"} */
  phase = "loading";

  /** @type {Row[]} rows that were pushed during a fetch */
  #since = [];
  #fetching = 0;

  /** Of the moment that the list shows. */
  get counts() {
    return (this.past ?? this.live).counts;
  }

  get waiting() {
    return (this.past ?? this.live).waiting;
  }

  get waitingCounts() {
    return (this.past ?? this.live).waitingCounts;
  }

  /** The order of the list. */
  get compare() {
    return isByDue(this.filters) ? dueFirst : newestFirst;
  }

  /** @param {Row} row @param {Row | undefined} other */
  #isBefore(row, other) {
    return other !== undefined && this.compare(row, other) < 0;
  }

  /** Marks the start of a fetch. Rows that are pushed until its end are applied on top of it. */
  beginFetch() {
    if (this.#fetching++ === 0) this.#since = [];
  }

  endFetch() {
    if (--this.#fetching === 0) this.#since = [];
  }

  /**
   * Empties the list, for other filters.
   * @param {Filters} filters
   */
  setFilters(filters) {
    if (filters.at === "") this.past = null;
    else if (filters.at !== this.filters.at || this.past === null || this.past.problem) this.past = { seq: 0, now: 0, counts: null, waiting: null, waitingCounts: null, problem: null };
    this.filters = filters;
    this.order = [];
    this.rows.clear();
    this.#held.clear();
    this.#dropLeaving();
    this.next = null;
    this.trimmed = false;
    this.#unmatched.clear();
    this.phase = "loading";
  }

  #dropLeaving() {
    this.#leaving.clear();
    this.#stale.clear();
  }

  /**
   * Replaces the list by a fetched page. With hold, tasks newer than the newest one shown
   * wait until the user asks for them. With still, no row moves: other tasks wait too, and
   * those that no longer match stay. With many, there are more tasks above the page.
   * @param {Page} page
   * @param {Hold & { many?: boolean }} [how]
   */
  replace(page, how = {}) {
    const old = this.rows;
    const stay = this.#stayers(page, how);
    const staying = new Set(stay);
    const newest = how.hold && this.order.length > 0 ? old.get(this.order[0]) : undefined;
    const last = how.still && stay.length > 0 ? old.get(stay[stay.length - 1]) : undefined;
    this.rows = new Map();
    this.order = [];
    this.#held.clear();
    this.#dropLeaving();
    this.#held.many = how.many ?? false;
    for (const row of page.rows) {
      this.rows.set(row.id, newer(old.get(row.id), row));
      if (how.still && staying.has(row.id)) continue;
      if (this.#isBefore(row, newest) || this.#isBefore(row, last)) this.#hold(row.id);
      else this.order.push(row.id);
    }
    for (const id of stay) this.#stay(id, /** @type {Row} */ (old.get(id)));
    this.order = how.still ? [...stay, ...this.order] : merge(this.rows, this.order, stay, this.compare);
    this.#tail(page);
    this.trimmed = false;
    this.#unmatched.clear();
    this.phase = "ready";
    const since = this.#since;
    this.#since = [];
    for (const row of since) this.#upsert([row], how);
  }

  /**
   * The rows that keep their places when a page replaces the list, down to its last row.
   * @param {Page} page
   * @param {Hold} how
   */
  #stayers(page, how) {
    const end = page.next === null ? undefined : page.rows[page.rows.length - 1];
    const reached = (/** @type {string} */ id) => !end || this.compare(/** @type {Row} */ (this.rows.get(id)), end) <= 0;
    if (how.still) return this.order.filter(reached);
    const listed = new Set(page.rows.map((r) => r.id));
    return this.order.filter((id) => id === this.pinned && !listed.has(id) && reached(id));
  }

  /** Keeps a row, even if the fetched page does not have it. @param {string} id @param {Row} row */
  #stay(id, row) {
    if (this.rows.has(id)) return;
    this.rows.set(id, row);
    this.#leaving.add(id);
    this.#stale.add(id);
  }

  /**
   * Appends the next page.
   * @param {Page} page
   */
  append(page) {
    const fresh = [];
    for (const row of page.rows) {
      const known = this.rows.get(row.id);
      this.rows.set(row.id, newer(known, row));
      if (!known) fresh.push(row.id);
    }
    this.order = merge(this.rows, this.order, fresh, this.compare);
    const { fetchedTotal, totalExact } = this;
    this.#tail(page);
    this.trimmed = false;
    // The total of a later page may leave out what is above it.
    if (page.total < fetchedTotal) Object.assign(this, { fetchedTotal, totalExact });
  }

  /** @param {Page} page */
  #tail(page) {
    this.next = page.next;
    this.fetchedTotal = page.total;
    this.totalExact = page.totalExact;
    this.searchTruncated = page.searchTruncated;
    this.seq = Math.max(this.seq, page.seq);
  }

  /**
   * Applies a message of the stream.
   * @param {Message} m
   * @param {Hold} [how]
   */
  apply(m, how = {}) {
    const { live } = this;
    if (m.counts) live.counts = m.counts;
    if (m.counts_changed && live.counts) live.counts = mergeCounts(live.counts, m.counts_changed);
    if (m.waiting) live.waiting = m.waiting;
    if (m.state) this.state = m.state;
    if (m.rows && m.rows.length > 0 && this.past === null) {
      if (this.#fetching > 0) this.#since.push(...m.rows);
      this.#upsert(m.rows, how);
    }
    this.seq = Math.max(this.seq, m.seq);
  }

  /**
   * @param {Row[]} rows
   * @param {Hold} how
   */
  #upsert(rows, how) {
    /** @type {string[]} */
    const fresh = [];
    /** @type {Set<string>} */
    const gone = new Set();
    for (const row of rows) {
      const known = this.rows.get(row.id);
      if (known && known.version >= row.version) continue;
      if (!known) this.#meet(row, how, fresh);
      else if (!this.#update(row, how.still ?? false)) gone.add(row.id);
    }
    if (gone.size > 0) this.#remove(gone);
    if (fresh.length > 0) this.order = merge(this.rows, this.order, fresh, this.compare);
    if (this.order.length > MAX_ROWS && !how.hold && !how.still) this.#trim();
  }

  /**
   * Updates a task in the list. Returns false if it must be removed.
   * @param {Row} row
   * @param {boolean} still
   */
  #update(row, still) {
    this.#stale.delete(row.id);
    const fits = matches(this.filters, row);
    if (!fits && (this.#held.has(row.id) || !(still || row.id === this.pinned))) return false;
    const known = /** @type {Row} */ (this.rows.get(row.id));
    this.rows.set(row.id, row);
    if (fits && !still && !this.#held.has(row.id) && isByDue(this.filters) && dueOf(known) !== dueOf(row)) {
      this.order = merge(this.rows, this.order.filter((id) => id !== row.id), [row.id], this.compare);
    }
    if (fits) this.#leaving.delete(row.id);
    else this.#leaving.add(row.id);
    return true;
  }

  /**
   * Adds a task that is not in the list, or not.
   * @param {Row} row
   * @param {Hold} how
   * @param {string[]} fresh
   */
  #meet(row, how, fresh) {
    if (!matches(this.filters, row) || this.phase !== "ready") return;
    if (this.filters.q !== "") {
      if ((row.version <= 2 || ended(row.status)) && this.#unmatched.size < MOST_COUNTED) this.#unmatched.add(row.id);
      return;
    }
    const last = this.order.length > 0 ? this.rows.get(this.order[this.order.length - 1]) : undefined;
    const more = this.next !== null || this.trimmed;
    if (more && last && this.compare(row, last) > 0) return; // it is on a later page
    this.rows.set(row.id, row);
    const first = this.order.length > 0 ? this.rows.get(this.order[0]) : undefined;
    const waits = how.still ? this.#isBefore(row, last) : how.hold && this.#isBefore(row, first);
    if (waits && !this.#own.has(row.id)) this.#hold(row.id);
    else fresh.push(row.id);
  }

  /**
   * Shows a task that was submitted in this tab, now or as soon as it is pushed.
   * @param {string} id
   */
  showNow(id) {
    this.#own.add(id);
    if (!this.#held.delete(id)) return;
    this.order = merge(this.rows, this.order, [id], this.compare);
  }

  /**
   * Removes the rows that no longer match, except the pinned one.
   * @returns {boolean} whether there were any
   */
  removeLeaving() {
    const gone = new Set([...this.#leaving].filter((id) => id !== this.pinned));
    if (gone.size === 0) return false;
    this.#remove(gone);
    return true;
  }

  /** Ids of tasks in the list whose latest row is not known: the fetched page did not have them. */
  get stale() {
    return [...this.#stale];
  }

  /** @param {string} id */
  #hold(id) {
    if (!this.#held.add(id)) this.rows.delete(id);
  }

  /** @param {Set<string>} ids */
  #remove(ids) {
    for (const id of ids) {
      this.rows.delete(id);
      this.#held.delete(id);
      this.#leaving.delete(id);
      this.#stale.delete(id);
    }
    this.order = this.order.filter((id) => !ids.has(id));
  }

  #trim() {
    for (const id of this.order.slice(TRIM_TO)) this.rows.delete(id);
    this.order = this.order.slice(0, TRIM_TO);
    this.next = null;
    this.trimmed = true;
  }

  /** How many new tasks wait, at least. */
  get newCount() {
    return this.#held.size;
  }

  /** More new tasks came than the server sent; how many is not known. */
  get manyNew() {
    return this.#held.many;
  }

  /**
   * Shows the tasks that wait. Returns false if they were too many to keep: the list must be fetched.
   */
  showHeld() {
    this.removeLeaving();
    const ids = this.#held.ids;
    if (ids === null) return false;
    this.#held.clear();
    this.order = merge(this.rows, this.order, ids, this.compare);
    return true;
  }

  /** How many tasks changed that only a new search can match. */
  get unmatched() {
    return this.#unmatched.size;
  }

  /** Whether there are more tasks below the last row. */
  get hasMore() {
    return this.next !== null || this.trimmed;
  }

  /**
   * How many attempts run. In a cluster the handlers of each node are workers, which the state of the server leaves out.
   * @param {boolean} cluster
   */
  running(cluster) {
    if (!cluster) return this.state?.running ?? 0;
    return (this.live.counts ?? []).reduce((sum, c) => sum + (c.status === "RUNNING" ? c.n : 0), 0);
  }

  /** How many tasks match, loaded or not; from the counts where they are enough. */
  get total() {
    return countMatching(this.counts, this.filters) ?? Math.max(this.fetchedTotal, this.order.length);
  }

  /** Whether the server has no tasks at all. */
  get empty() {
    return this.counts !== null && this.counts.every((c) => c.n === 0);
  }

  /** Why the list shows no row; "" if it shows some, or the reason is not known yet. @returns {Emptiness} */
  get emptiness() {
    if (this.order.length > 0) return "";
    if (this.filters.wrong.length > 0) return "wrong";
    if (this.phase !== "ready") return this.phase === "failed" ? "failed" : "";
    if (this.newCount > 0 || this.manyNew) return ""; // they wait behind the chip
    if (this.empty || !isFiltered(this.filters)) return "none";
    return this.filters.q === "" ? "filtered" : "searched";
  }
}
