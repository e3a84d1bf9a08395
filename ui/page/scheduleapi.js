// Calls to the server about schedules.

import { call, send } from "./api.js";
import { parse, stringify } from "./exact.js";

/** @import { Schedule, ScheduleRun, Task } from "./types.js" */

/** @returns {Promise<Schedule[]>} */
export async function getSchedules() {
  return parse(await (await call("api/schedules")).text());
}

/**
 * What became of the latest times, the latest first.
 * @param {string} name
 * @returns {Promise<ScheduleRun[]>}
 */
export async function getRuns(name) {
  return (await call(`${path(name)}/runs`)).json();
}

/**
 * When a schedule would be due, and that in words. Nothing is kept.
 * @param {Record<string, any>} times
 * @param {AbortSignal} signal
 * @returns {Promise<{ in_words: string, next_runs: string[] }>}
 */
export async function preview(times, signal) {
  const init = { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify(times), signal };
  return (await call("api/schedules/preview", init)).json();
}

/**
 * Creates a schedule, or replaces the one that is edited.
 * @param {Record<string, any>} body
 * @param {boolean} replaces
 */
export async function saveSchedule(body, replaces) {
  if (replaces) await send("PUT", path(body.name), stringify(body));
  else await send("POST", "api/schedules", stringify(body));
}

/** @param {string} name */
export async function deleteSchedule(name) {
  await call(path(name), { method: "DELETE" });
}

/**
 * @param {string} name
 * @param {string} reason "" = none
 */
export async function pauseSchedule(name, reason) {
  await send("POST", `${path(name)}/pause`, JSON.stringify(reason === "" ? {} : { reason }));
}

/** @param {string} name */
export async function resumeSchedule(name) {
  await call(`${path(name)}/resume`, { method: "POST" });
}

/** @param {string} name @returns {Promise<Task>} */
export async function runSchedule(name) {
  return (await call(`${path(name)}/run`, { method: "POST" })).json();
}

/**
 * Submits the tasks of past times, each once, or with dry_run says which.
 * @param {string} name
 * @param {{ from: string, to: string, dry_run?: boolean }} range
 * @returns {Promise<{ submitted: number, left_out: number }>}
 */
export async function backfill(name, range) {
  return (await send("POST", `${path(name)}/backfill`, JSON.stringify(range))).json();
}

/** @param {string} name */
function path(name) {
  return `api/schedules/${encodeURIComponent(name)}`;
}
