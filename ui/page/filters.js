// The filters of the list, as in the page's address, and whether a row matches them.

/** @import { Filters, Row, Count } from "./types.js" */

export const STATUSES = /** @type {const} */ (["PENDING", "RUNNING", "SUCCESS", "FAILED", "CANCELLED"]);

/** What pending tasks wait for. */
export const WAITS = /** @type {const} */ (["ready", "scheduled", "backoff", "blocked", "suspended"]);

export const LISTS = /** @type {const} */ (["status", "waiting", "task_type", "queue", "tag"]);

/** The form of the names of types and queues. */
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
/** A moment: the seq of an event, or a time of RFC 3339. */
const MOMENT = /^(\d{1,15}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))$/;
/** Most characters of a search. */
export const LONGEST_SEARCH = 200;

/** @returns {Filters} */
export function noFilters(at = "") {
  return { status: [], waiting: [], task_type: [], queue: [], tag: [], q: "", at, wrong: [] };
}

/**
 * Reads filters from a query string. What cannot be a filter is kept as wrong: a list that
 * passed it over would show more than was asked for.
 * @param {string} query
 * @returns {Filters}
 */
export function parseFilters(query) {
  const f = noFilters();
  for (const [key, given] of new URLSearchParams(query)) {
    const value = key === "status" ? given.toUpperCase() : given;
    if (value === "") continue;
    if (!isFilter(key, value)) f.wrong.push({ key, value: given });
    else if (key === "q" || key === "at") f[key] = value;
    else if (!f[/** @type {ListKey} */ (key)].includes(value)) f[/** @type {ListKey} */ (key)].push(value);
  }
  return f;
}

/** @typedef {(typeof LISTS)[number]} ListKey */

/**
 * Whether a filter may have that key and value.
 * @param {string} key
 * @param {string} value
 */
function isFilter(key, value) {
  switch (key) {
    case "status":
      return STATUSES.includes(/** @type {any} */ (value));
    case "waiting":
      return WAITS.includes(/** @type {any} */ (value));
    case "task_type":
    case "queue":
      return NAME.test(value);
    case "tag":
      return true;
    case "at":
      return MOMENT.test(value) && (/^\d+$/.test(value) || Date.parse(value) >= 0);
    default:
      return key === "q" && [...value].length <= LONGEST_SEARCH;
  }
}

/**
 * The filters without the invalid ones.
 * @param {Filters} f
 * @returns {Filters}
 */
export function withoutWrong(f) {
  return { ...f, wrong: [] };
}

/**
 * The list of one status, or of all, under the other filters.
 * @param {Filters} f
 * @param {string} status "" = all
 * @returns {Filters}
 */
export function withStatus(f, status) {
  return { ...f, status: status === "" ? [] : [status], waiting: [], wrong: f.wrong.filter((w) => w.key !== "status" && w.key !== "waiting") };
}

/** Whether the list is one of pending tasks alone. @param {Filters} f */
export function isPending(f) {
  return f.status.length === 1 && f.status[0] === "PENDING";
}

/**
 * Whether the list has only tasks that wait for their time: the one that is due next comes first.
 * @param {Filters} f
 */
export function isByDue(f) {
  return f.q === "" && f.waiting.length > 0 && f.waiting.every((w) => w === "scheduled" || w === "backoff");
}

/** The reasons to wait that are not of the server as a whole, and what they mean. @type {Record<string, string>} */
const WAIT_OF = { run_at: "scheduled", backoff: "backoff", queue_paused: "blocked", queue_limit: "blocked", rate_limit: "blocked", concurrency_key: "blocked", unique: "blocked", dependencies: "blocked", sleep: "suspended", signal: "suspended", approval: "suspended", children: "suspended" };

/** What a pending task waits for; "" if it is not pending. @param {Row} row */
export function waitOf(row) {
  return row.status === "PENDING" ? (WAIT_OF[row.waiting_for?.reason ?? ""] ?? "ready") : "";
}

/**
 * The query string of filters, in a stable order; "" when there are none.
 * @param {Filters} f
 */
export function formatFilters(f) {
  const params = new URLSearchParams();
  for (const key of LISTS) for (const value of f[key]) params.append(key, value);
  if (f.q) params.append("q", f.q);
  if (f.at) params.append("at", f.at);
  for (const { key, value } of f.wrong) if (key !== "#") params.append(key, value);
  return params.toString();
}

/** @param {Filters} f */
export function isFiltered(f) {
  return f.q !== "" || f.wrong.length > 0 || LISTS.some((key) => f[key].length > 0);
}

/**
 * Whether the row matches the filters, except for the text search: that is
 * the server's.
 * @param {Filters} f
 * @param {Row} row
 */
export function matches(f, row) {
  return (
    f.wrong.length === 0 &&
    anyOf(f.status, row.status) &&
    anyOf(f.waiting, waitOf(row)) &&
    anyOf(f.task_type, row.task_type) &&
    anyOf(f.queue, row.queue) &&
    (f.tag.length === 0 || f.tag.some((t) => row.tags.includes(t)))
  );
}

/**
 * @param {string[]} list
 * @param {string} value
 */
function anyOf(list, value) {
  return list.length === 0 || list.includes(value);
}

/**
 * Sums counts by one facet, under the other facets' filters, so that each number says
 * what choosing it would show.
 * @param {Count[]} counts
 * @param {Filters} f
 * @param {"status" | "task_type" | "queue"} facet
 * @returns {Map<string, number>}
 */
export function facet(counts, f, facet) {
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const c of counts) {
    if (facet !== "status" && !anyOf(f.status, c.status)) continue;
    if (facet !== "task_type" && !anyOf(f.task_type, c.task_type)) continue;
    if (facet !== "queue" && !anyOf(f.queue, c.queue)) continue;
    sums.set(c[facet], (sums.get(c[facet]) ?? 0) + c.n);
  }
  return sums;
}

/**
 * How many tasks match, by the counts; null if the counts are not enough.
 * @param {Count[] | null} counts
 * @param {Filters} f
 * @returns {number | null}
 */
export function countMatching(counts, f) {
  if (f.wrong.length > 0) return 0;
  if (counts === null || f.q !== "" || f.tag.length > 0 || f.waiting.length > 0) return null;
  // The queue may be one of those that are counted together, without their names.
  if (f.queue.length > 0 && counts.some((c) => c.queue === "") && !f.queue.every((q) => counts.some((c) => c.queue === q))) return null;
  let n = 0;
  for (const c of counts) {
    if (anyOf(f.status, c.status) && anyOf(f.task_type, c.task_type) && anyOf(f.queue, c.queue)) n += c.n;
  }
  return n;
}

/**
 * Replaces the counts that changed.
 * @param {Count[]} known
 * @param {Count[]} changed
 */
export function mergeCounts(known, changed) {
  if (changed.length === 0) return known;
  /** @type {Map<string, Count>} */
  const merged = new Map();
  for (const c of [...known, ...changed]) merged.set(`${c.status} ${c.task_type} ${c.queue}`, c);
  return [...merged.values()].filter((c) => c.n !== 0);
}

/**
 * A copy with the value added, or removed if it was there.
 * @param {Filters} f
 * @param {ListKey} key
 * @param {string} value
 * @returns {Filters}
 */
export function toggled(f, key, value) {
  const list = f[key].includes(value) ? f[key].filter((v) => v !== value) : [...f[key], value];
  return { ...f, [key]: list };
}
