// The tasks the page knows, their order, and what the log has said of them. Pure: no
// DOM, no clock, no network. Rows only ever move forward: the higher version wins,
// whichever way it came.

import { countMatching, matches, noFilters } from "./filters.js";
import { ended } from "./task.js";

/** @import { Row, Count, Filters, Message, Page, SchedulerState } from "./types.js" */

/** Most rows kept in the list while it grows at the top; the tail can be loaded again. */
export const MAX_ROWS = 20_000;
const TRIM_TO = 2_000;
/** Most new tasks held back while someone reads further down. */
const MAX_HELD = 500;
/** Most new tasks that are counted. */
const MOST_COUNTED = 100_000;

/**
 * Newest first.
 * @param {Row} a
 * @param {Row} b
 */
export function newestFirst(a, b) {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

export class Store {
  /** @type {Map<string, Row>} rows of the list, held ones included */
  rows = new Map();
  /** @type {string[]} ids in the list, newest first */
  order = [];
  /** @type {Set<string>} new ones that are not in the list yet */
  held = new Set();
  /** @type {Set<string>} held beyond what is kept: the list must be fetched to show them */
  #overflow = new Set();
  /** More new tasks came than were told of: how many is not known. */
  manyNew = false;
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
    this.#dropHeld();
    this.next = null;
    this.trimmed = false;
    this.#unmatched.clear();
    this.phase = "loading";
  }

  #dropHeld() {
    this.held.clear();
    this.#overflow.clear();
    this.manyNew = false;
  }

  /**
   * Takes a fetched list in place of what is there. With hold, tasks newer than the
   * newest shown wait until someone asks for them; with many, the page begins below more
   * of them than it is worth to fetch.
   * @param {Page} page
   * @param {{ hold?: boolean, many?: boolean }} [how]
   */
  replace(page, how = {}) {
    const newest = how.hold && this.order.length > 0 ? this.rows.get(this.order[0]) : undefined;
    const old = this.rows;
    this.rows = new Map();
    this.order = [];
    this.#dropHeld();
    this.manyNew = how.many ?? false;
    for (const row of page.rows) {
      const kept = newer(old.get(row.id), row);
      this.rows.set(row.id, kept);
      if (newest && newestFirst(row, newest) < 0) this.#hold(row.id);
      else this.order.push(row.id);
    }
    this.#tail(page);
    this.trimmed = false;
    this.#unmatched.clear();
    this.phase = "ready";
    const since = this.#since;
    this.#since = [];
    for (const row of since) this.#upsert([row], how.hold ?? false);
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
    this.order = this.#merge(this.order, fresh);
    this.#tail(page);
    this.trimmed = false;
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
   * Takes a message of the stream. With hold, new tasks wait.
   * @param {Message} m
   * @param {{ hold?: boolean }} [how]
   */
  apply(m, how = {}) {
    if (m.counts) this.counts = m.counts;
    if (m.state) this.state = m.state;
    if (m.rows && m.rows.length > 0) {
      if (this.#fetching > 0) this.#since.push(...m.rows);
      this.#upsert(m.rows, how.hold ?? false);
    }
    this.seq = Math.max(this.seq, m.seq);
  }

  /**
   * @param {Row[]} rows
   * @param {boolean} hold
   */
  #upsert(rows, hold) {
    /** @type {string[]} */
    const fresh = [];
    /** @type {Set<string>} */
    const gone = new Set();
    for (const row of rows) {
      const known = this.rows.get(row.id);
      if (known && known.version >= row.version) continue;
      if (!known) this.#meet(row, hold, fresh);
      else if (matches(this.filters, row)) this.rows.set(row.id, row);
      else gone.add(row.id);
    }
    if (gone.size > 0) this.#remove(gone);
    if (fresh.length > 0) this.order = this.#merge(this.order, fresh);
    if (this.order.length > MAX_ROWS && !hold) this.#trim();
  }

  /**
   * A task that the list has not shown yet.
   * @param {Row} row
   * @param {boolean} hold
   * @param {string[]} fresh
   */
  #meet(row, hold, fresh) {
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
    if (hold && first && newestFirst(row, first) < 0) this.#hold(row.id);
    else fresh.push(row.id);
  }

  /** @param {string} id */
  #hold(id) {
    if (this.held.size < MAX_HELD) {
      this.held.add(id);
      return;
    }
    this.rows.delete(id);
    if (this.#overflow.size < MOST_COUNTED) this.#overflow.add(id);
  }

  /** @param {Set<string>} ids */
  #remove(ids) {
    for (const id of ids) {
      this.rows.delete(id);
      this.held.delete(id);
    }
    this.order = this.order.filter((id) => !ids.has(id));
  }

  /**
   * Merges fresh ids into an ordered list.
   * @param {string[]} order
   * @param {string[]} fresh
   */
  #merge(order, fresh) {
    if (fresh.length === 0) return order;
    const row = (/** @type {string} */ id) => /** @type {Row} */ (this.rows.get(id));
    fresh.sort((a, b) => newestFirst(row(a), row(b)));
    if (order.length === 0) return fresh;
    if (newestFirst(row(fresh[fresh.length - 1]), row(order[0])) < 0) return [...fresh, ...order];
    if (newestFirst(row(fresh[0]), row(order[order.length - 1])) > 0) return [...order, ...fresh];
    const out = [];
    let i = 0;
    for (const id of fresh) {
      while (i < order.length && newestFirst(row(order[i]), row(id)) < 0) out.push(order[i++]);
      out.push(id);
    }
    while (i < order.length) out.push(order[i++]);
    return out;
  }

  #trim() {
    for (const id of this.order.slice(TRIM_TO)) this.rows.delete(id);
    this.order = this.order.slice(0, TRIM_TO);
    this.next = null;
    this.trimmed = true;
  }

  /** How many new tasks wait to be shown, at least. */
  get newCount() {
    return this.held.size + this.#overflow.size;
  }

  /**
   * Shows the tasks that were held back. False: too many to keep, fetch the list.
   */
  showHeld() {
    if (this.#overflow.size > 0 || this.manyNew) return false;
    const ids = [...this.held];
    this.#dropHeld();
    this.order = this.#merge(this.order, ids);
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
}

/**
 * @param {Row | undefined} a
 * @param {Row} b
 */
function newer(a, b) {
  return a && a.version > b.version ? a : b;
}
