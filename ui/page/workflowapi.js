// Calls to the server about workflows.

import { call, send } from "./api.js";

/** @import { Workflow, WorkflowRow } from "./types.js" */

/**
 * The latest workflows, the latest first.
 * @param {string} status "" = any
 * @returns {Promise<WorkflowRow[]>}
 */
export async function getWorkflows(status) {
  return (await call(`api/workflows?limit=100${status === "" ? "" : `&status=${status}`}`)).json();
}

/** @param {string} id @param {AbortSignal} signal @returns {Promise<Workflow>} */
export async function getWorkflow(id, signal) {
  return (await call(`api/workflows/${encodeURIComponent(id)}`, { signal })).json();
}

/** @param {string} id @param {string} reason "" = none */
export async function cancelWorkflow(id, reason) {
  await send("POST", `api/workflows/${encodeURIComponent(id)}/cancel`, JSON.stringify(reason === "" ? {} : { reason }));
}

/**
 * Runs again all that failed or was cancelled, or a task and all after it.
 * @param {string} id
 * @param {string} from "" = all that failed or was cancelled
 */
export async function retryWorkflow(id, from) {
  await send("POST", `api/workflows/${encodeURIComponent(id)}/retry`, JSON.stringify(from === "" ? {} : { from }));
}
