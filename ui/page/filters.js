// What the list is narrowed to: its URL form, and whether a row belongs.

/** @import { Filters, Row, Count } from "./types.js" */

export const STATUSES = /** @type {const} */ (["PENDING", "RUNNING", "SUCCESS", "FAILED", "CANCELLED"]);

const LISTS = /** @type {const} */ (["status", "task_type", "queue", "tag"]);

/** @returns {Filters} */
export function noFilters() {
  return { status: [], task_type: [], queue: [], tag: [], q: "" };
}

/**
 * Reads filters from a query string. Keys it does not know are passed over.
 * @param {string} query
 * @returns {Filters}
 */
export function parseFilters(query) {
  const params = new URLSearchParams(query);
  const f = noFilters();
  for (const key of LISTS) f[key] = [...new Set(params.getAll(key).filter(Boolean))];
  f.status = f.status.map((s) => s.toUpperCase()).filter((s) => STATUSES.includes(/** @type {any} */ (s)));
  f.q = params.get("q") ?? "";
  return f;
}

/**
 * The query string of filters, in a stable order; "" when there are none.
 * @param {Filters} f
 */
export function formatFilters(f) {
  const params = new URLSearchParams();
  for (const key of LISTS) for (const value of f[key]) params.append(key, value);
  if (f.q) params.append("q", f.q);
  return params.toString();
}

/** @param {Filters} f */
export function isFiltered(f) {
  return f.q !== "" || LISTS.some((key) => f[key].length > 0);
}

/**
 * Whether the row belongs to the list, as far as the row can tell: text search is
 * the server's.
 * @param {Filters} f
 * @param {Row} row
 */
export function matches(f, row) {
  return (
    anyOf(f.status, row.status) &&
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
 * How many tasks the list has by the counts; null when only the server can tell.
 * @param {Count[] | null} counts
 * @param {Filters} f
 * @returns {number | null}
 */
export function countMatching(counts, f) {
  if (counts === null || f.q !== "" || f.tag.length > 0) return null;
  let n = 0;
  for (const c of counts) {
    if (anyOf(f.status, c.status) && anyOf(f.task_type, c.task_type) && anyOf(f.queue, c.queue)) n += c.n;
  }
  return n;
}

/**
 * A copy with value in the list, or out of it.
 * @param {Filters} f
 * @param {"status" | "task_type" | "queue" | "tag"} key
 * @param {string} value
 * @returns {Filters}
 */
export function toggled(f, key, value) {
  const list = f[key].includes(value) ? f[key].filter((v) => v !== value) : [...f[key], value];
  return { ...f, [key]: list };
}
