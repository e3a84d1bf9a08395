// Calls to the server about queues and workers.

import { call } from "./api.js";

/** @import { Queue, Worker } from "./types.js" */

/** @returns {Promise<Queue[]>} */
export async function getQueues() {
  return (await call("api/queues")).json();
}

/** @returns {Promise<Worker[]>} */
export async function getWorkers() {
  return (await call("api/workers")).json();
}

/**
 * Sets the limits that are given, and removes those that are null.
 * @param {string} name
 * @param {Record<string, any>} limits
 */
export async function setLimits(name, limits) {
  await send("PATCH", queuePath(name), limits);
}

/**
 * @param {string} name
 * @param {string} reason "" = none
 */
export async function pauseQueue(name, reason) {
  await send("POST", `${queuePath(name)}/pause`, reason === "" ? {} : { reason });
}

/** @param {string} name */
export async function resumeQueue(name) {
  await call(`${queuePath(name)}/resume`, { method: "POST" });
}

/**
 * @param {string} name
 * @param {boolean} quiet
 */
export async function setQuiet(name, quiet) {
  await call(`api/workers/${encodeURIComponent(name)}/${quiet ? "quiet" : "resume"}`, { method: "POST" });
}

/** @param {string} name */
function queuePath(name) {
  return `api/queues/${encodeURIComponent(name)}`;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Record<string, any>} body
 */
function send(method, path, body) {
  return call(path, { method, headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify(body) });
}
