// Calls to the server about queues, workers and the cluster.

import { call, send } from "./api.js";

/** @import { Cluster, Queue, Worker } from "./types.js" */

/** @returns {Promise<Queue[]>} */
export async function getQueues() {
  return (await call("api/queues")).json();
}

/** @returns {Promise<Worker[]>} */
export async function getWorkers() {
  return (await call("api/workers")).json();
}

/** @returns {Promise<Cluster>} */
export async function getCluster() {
  return (await call("api/cluster")).json();
}

/**
 * Sets the limits that are given, and removes those that are null.
 * @param {string} name
 * @param {Record<string, any>} limits
 */
export async function setLimits(name, limits) {
  await send("PATCH", queuePath(name), JSON.stringify(limits));
}

/**
 * @param {string} name
 * @param {string} reason "" = none
 */
export async function pauseQueue(name, reason) {
  await send("POST", `${queuePath(name)}/pause`, JSON.stringify(reason === "" ? {} : { reason }));
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
