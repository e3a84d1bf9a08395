// Calls to the server about bulks and undo.

import { call } from "./api.js";

/** @import { Bulk, BulkAnswer } from "./types.js" */

/**
 * @param {string} path
 * @param {Record<string, any>} body
 * @param {number} [wait] seconds that the server holds the answer
 */
async function post(path, body, wait) {
  /** @type {Record<string, string>} */
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  if (wait !== undefined) headers.Prefer = `wait=${wait}`;
  return (await call(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

/** Which tasks, as a bulk takes it. @typedef {Record<string, string | string[]>} BulkFilter */

/**
 * What a bulk would do.
 * @param {BulkFilter} filter
 * @param {Record<string, any>} order action, priority
 * @returns {Promise<BulkAnswer>}
 */
export function previewBulk(filter, order) {
  return post("api/tasks/bulk", { ...order, filter, dry_run: true });
}

/**
 * Starts a bulk if still as many tasks match as the preview said.
 * @param {BulkFilter} filter
 * @param {Record<string, any>} order
 * @param {number} matched
 * @returns {Promise<BulkAnswer>}
 */
export function startBulk(filter, order, matched) {
  return post("api/tasks/bulk", { ...order, filter, expected_count: matched }, 0);
}

/** The bulks that run and the latest that have ended, the newest first. @returns {Promise<Bulk[]>} */
export async function getBulks() {
  return (await call("api/bulks")).json();
}

/**
 * A bulk when it has ended, or as it is after a second.
 * @param {string} id
 * @returns {Promise<Bulk>}
 */
export async function awaitBulk(id) {
  return (await call(`api/bulks/${encodeURIComponent(id)}`, { headers: { Accept: "application/json", Prefer: "wait=1" } })).json();
}

/** @param {string} id */
export async function stopBulk(id) {
  await post(`api/bulks/${encodeURIComponent(id)}/stop`, {});
}

/** @param {string} id @returns {Promise<BulkAnswer>} */
export function undoBulk(id) {
  return post(`api/bulks/${encodeURIComponent(id)}/undo`, {}, 0);
}

/** Takes back an event. @param {number} seq */
export async function undo(seq) {
  await post("api/undo", { seq });
}
