// The tasks the page knows, their order, and what the log has said of them. Pure: no
// DOM, no clock, no network. Rows only ever move forward: the higher version wins,
// whichever way it came.

import { countMatching, isFiltered, matches, mergeCounts, noFilters } from "./filters.js";
import { Held, MOST_COUNTED } from "./held.js";
import { isBefore, merge, newer, newestFirst } from "./order.js";
import { ended } from "./task.js";

/** @import { Row, Count, Filters, Message, Page, SchedulerState } from "./types.js" */

/** Most rows kept in the list while it grows at the top; the tail can be loaded again. */
export const MAX_ROWS = 20_000;
const TRIM_TO = 2_000;

/** Why a list is empty: "" while that is not known. @typedef {"" | "wrong" | "failed" | "none" | "filtered" | "searched"} Emptiness */

/**
 * What may not move: with hold, what is newer than the newest shown waits; with still, no
 * row that is shown changes its place.
 * @typedef {{ hold?: boolean, still?: boolean }} Hold
 */

export class Store {
  /** @type {Map<string, Row>} rows of the list, held ones included */
  rows = new Map();
  /** @type {string[]} ids in the list, newest first */
  order = [];
  /** New tasks that are not in the list yet. */
  #held = new Held();
  /** @type {Set<string>} in the list although they no longer match: nothing moves under a pointer */
  #leaving = new Set();
  /** @type {Set<string>} of those the ones whose latest row is not known */
  #stale = new Set();
  /** @type {Set<string>} tasks submitted here: they are shown when they come */
  #own = new Set();
  /** The open task: its row stays although it no longer matches. @type {string | null} */
  pinned = null;
  /** @type {Filters} */
  filters = noFilters();
  /** @type {Count[] | null} null until the server has told */
  counts = null;
  /** @type {SchedulerState | null} */
  state = null;
  /** The seq that the rows show. */
  seq = 0;
  /** Matches as of the last fetch; what follows is in the counts. */
  fetchedTotal = 0;
  totalExact = true;
  searchTruncated = false;
  /** @type {string | null} where the next page is; null at the end */
  next = null;
  /** The tail was cut off to save memory; it can be fetched by time. */
  trimmed = false;
  /**
   * Tasks that came or ended while a text search is on, which only the server can match.
   * @type {Set<string>}
   */
  #unmatched = new Set();
  /** @type {"loading" | "ready" | "failed"} */
  phase = "loading";

  /** @type {Row[]} what came while a fetch was under way */
  #since = [];
  #fetching = 0;

  /** Says that a list fetch begins: rows that come meanwhile are applied on top of it. */
  beginFetch() {
    if (this.#fetching++ === 0) this.#since = [];
  }

  endFetch() {
    if (--this.#fetching === 0) this.#since = [];
  }

  /**
   * Starts a new list.
   * @param {Filters} filters
   */
  setFilters(filters) {
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
   * Takes a fetched list in place of what is there. With hold, tasks newer than the
   * newest shown wait until someone asks for them; with still, no row moves: others wait
   * too, and what no longer matches stays. With many, the page begins below more new ones
   * than it is worth to fetch.
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
      if (isBefore(row, newest) || isBefore(row, last)) this.#hold(row.id);
      else this.order.push(row.id);
    }
    for (const id of stay) this.#stay(id, /** @type {Row} */ (old.get(id)));
    this.order = how.still ? [...stay, ...this.order] : merge(this.rows, this.order, stay);
    this.#tail(page);
    this.trimmed = false;
    this.#unmatched.clear();
    this.phase = "ready";
    const since = this.#since;
    this.#since = [];
    for (const row of since) this.#upsert([row], how);
  }

  /**
   * The rows that stay in their places whatever a fetched page says, as far as it reaches.
   * @param {Page} page
   * @param {Hold} how
   */
  #stayers(page, how) {
    const end = page.next === null ? undefined : page.rows[page.rows.length - 1];
    const reached = (/** @type {string} */ id) => !end || newestFirst(/** @type {Row} */ (this.rows.get(id)), end) <= 0;
    if (how.still) return this.order.filter(reached);
    const listed = new Set(page.rows.map((r) => r.id));
    return this.order.filter((id) => id === this.pinned && !listed.has(id) && reached(id));
  }

  /** Keeps a row that a fetched page may not have. @param {string} id @param {Row} row */
  #stay(id, row) {
    if (this.rows.has(id)) return;
    this.rows.set(id, row);
    this.#leaving.add(id);
    this.#stale.add(id);
  }

  /**
   * Takes the next page.
   * @param {Page} page
   */
  append(page) {
    const fresh = [];
    for (const row of page.rows) {
      const known = this.rows.get(row.id);
      this.rows.set(row.id, newer(known, row));
      if (!known) fresh.push(row.id);
    }
    this.order = merge(this.rows, this.order, fresh);
    const { fetchedTotal, totalExact } = this;
    this.#tail(page);
    this.trimmed = false;
    // A page further down counts what it has seen, or only what is older.
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
   * Takes a message of the stream. With hold, new tasks wait; with still, no row moves.
   * @param {Message} m
   * @param {Hold} [how]
   */
  apply(m, how = {}) {
    if (m.counts) this.counts = m.counts;
    if (m.counts_changed && this.counts) this.counts = mergeCounts(this.counts, m.counts_changed);
    if (m.state) this.state = m.state;
    if (m.rows && m.rows.length > 0) {
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
    if (fresh.length > 0) this.order = merge(this.rows, this.order, fresh);
    if (this.order.length > MAX_ROWS && !how.hold && !how.still) this.#trim();
  }

  /**
   * A newer row of a task that the list has. False: it has to leave.
   * @param {Row} row
   * @param {boolean} still
   */
  #update(row, still) {
    this.#stale.delete(row.id);
    const fits = matches(this.filters, row);
    if (!fits && (this.#held.has(row.id) || !(still || row.id === this.pinned))) return false;
    this.rows.set(row.id, row);
    if (fits) this.#leaving.delete(row.id);
    else this.#leaving.add(row.id);
    return true;
  }

  /**
   * A task that the list has not shown yet.
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
    if (more && last && newestFirst(row, last) > 0) return; // its page will bring it
    this.rows.set(row.id, row);
    const first = this.order.length > 0 ? this.rows.get(this.order[0]) : undefined;
    const waits = how.still ? isBefore(row, last) : how.hold && isBefore(row, first);
    if (waits && !this.#own.has(row.id)) this.#hold(row.id);
    else fresh.push(row.id);
  }

  /**
   * Shows a task at once when it comes, or now if it waits: it was submitted here.
   * @param {string} id
   */
  admit(id) {
    this.#own.add(id);
    if (!this.#held.delete(id)) return;
    this.order = merge(this.rows, this.order, [id]);
  }

  /**
   * Rows may move again: those that no longer match leave, all but the pinned one.
   * @returns {boolean} whether any did
   */
  settle() {
    const gone = new Set([...this.#leaving].filter((id) => id !== this.pinned));
    if (gone.size === 0) return false;
    this.#remove(gone);
    return true;
  }

  /** Of the tasks in the list those whose latest row is not known: a page did not have them. */
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

  /** How many new tasks wait to be shown, at least. */
  get newCount() {
    return this.#held.size;
  }

  /** More new tasks came than the server sent; how many is not known. */
  get manyNew() {
    return this.#held.many;
  }

  /**
   * Shows the tasks that were held back. False: too many to keep, fetch the list.
   */
  showHeld() {
    this.settle();
    const ids = this.#held.ids;
    if (ids === null) return false;
    this.#held.clear();
    this.order = merge(this.rows, this.order, ids);
    return true;
  }

  /** How many tasks a new search might find, or not. */
  get unmatched() {
    return this.#unmatched.size;
  }

  /** Whether there is more below. */
  get hasMore() {
    return this.next !== null || this.trimmed;
  }

  /** How many tasks the list has in all, by counts where they can tell. */
  get total() {
    return countMatching(this.counts, this.filters) ?? Math.max(this.fetchedTotal, this.order.length);
  }

  /** Whether the server has no task at all, of any kind. */
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
