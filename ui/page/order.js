// The order of the list: newest first. Pure.

/** @import { Row } from "./types.js" */

/**
 * Newest first.
 * @param {{ created_at: string, id: string }} a
 * @param {{ created_at: string, id: string }} b
 */
export function newestFirst(a, b) {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

/**
 * Of tasks that wait for their time, the one that is due next first.
 * @param {Row} a
 * @param {Row} b
 */
export function dueFirst(a, b) {
  const [x, y] = [dueOf(a), dueOf(b)];
  return x < y ? -1 : x > y ? 1 : -newestFirst(a, b);
}

/** @param {Row} row */
export function dueOf(row) {
  return row.waiting_for?.until ?? row.ready_at;
}

/** @typedef {(a: Row, b: Row) => number} Compare */

/**
 * The row with the higher version.
 * @param {Row | undefined} a
 * @param {Row} b
 */
export function newer(a, b) {
  return a && a.version > b.version ? a : b;
}

/**
 * Merges ids into an ordered list.
 * @param {Map<string, Row>} rows of all of them
 * @param {string[]} order
 * @param {string[]} fresh in any order; it is sorted
 * @param {Compare} compare
 */
export function merge(rows, order, fresh, compare) {
  if (fresh.length === 0) return order;
  const row = (/** @type {string} */ id) => /** @type {Row} */ (rows.get(id));
  fresh.sort((a, b) => compare(row(a), row(b)));
  if (order.length === 0) return fresh;
  if (compare(row(fresh[fresh.length - 1]), row(order[0])) < 0) return [...fresh, ...order];
  if (compare(row(fresh[0]), row(order[order.length - 1])) > 0) return [...order, ...fresh];
  const out = [];
  let i = 0;
  for (const id of fresh) {
    while (i < order.length && compare(row(order[i]), row(id)) < 0) out.push(order[i++]);
    out.push(id);
  }
  while (i < order.length) out.push(order[i++]);
  return out;
}
