// What a bulk is called: one thing that is done with all tasks that the list's filters match. Pure.

import { noFilters } from "./filters.js";
import { absolute, humanize, integer, isolated, plural, span } from "./format.js";
import { STATUS_WORDS } from "./task.js";

/** @import { Bulk, Filters } from "./types.js" */

/** @typedef {"retry" | "cancel" | "reprioritise" | "run_now" | "erase"} BulkAction */

/** The actions that the page offers. @type {Record<BulkAction, { name: string, verb: string, done: string, bad: boolean }>} */
export const ACTIONS = {
  retry: { name: "Retry", verb: "Retry", done: "Retried", bad: false },
  cancel: { name: "Cancel", verb: "Cancel", done: "Cancelled", bad: true },
  reprioritise: { name: "Set priority", verb: "Set priority of", done: "Priority set:", bad: false },
  run_now: { name: "Run now", verb: "Run now:", done: "Due now:", bad: false },
  erase: { name: "Erase", verb: "Erase", done: "Erased", bad: true },
};

/** The action that fits a list best. @param {Filters} f @returns {BulkAction} */
export function fittingAction(f) {
  const ended = f.status.length > 0 && f.status.every((s) => s === "FAILED" || s === "CANCELLED");
  return ended ? "retry" : "cancel";
}

/** Filters as a bulk takes them. @param {Filters} f */
export function filterBody(f) {
  /** @type {Record<string, string | string[]>} */
  const body = {};
  for (const key of /** @type {const} */ (["status", "waiting", "task_type", "queue", "tag"])) if (f[key].length > 0) body[key] = f[key];
  if (f.q !== "") body.q = f.q;
  return body;
}

/**
 * Which tasks the filters match, in words.
 * @param {Filters} f
 * @param {(type: string) => string} title
 */
export function filterWords(f, title) {
  const parts = [
    f.status.map((s) => STATUS_WORDS[s] ?? s).join(" or "),
    f.waiting.map(humanize).join(" or "),
    f.task_type.map(title).join(" or "),
    f.queue.length > 0 ? `queue ${f.queue.map(isolated).join(" or ")}` : "",
    f.tag.length > 0 ? `tag ${f.tag.map(isolated).join(" or ")}` : "",
    f.q !== "" ? `search ${isolated(f.q)}` : "",
  ];
  const words = parts.filter(Boolean).join(", ");
  return words === "" ? "All tasks" : words.charAt(0).toUpperCase() + words.slice(1);
}

/** Why tasks are skipped. @type {Record<string, string>} */
const SKIPPED = {
  already_ended: "already ended",
  not_ended: "not ended",
  succeeded: "succeeded",
  not_pending: "not pending",
  suspended: "suspended",
  erased: "erased",
  unique_key_taken: "another task has the unique key",
  parent_ended: "retried only with their parent",
  dependency_failed: "what they depend on must be retried first",
  nothing_to_change: "nothing to change",
  changed_since: "changed since",
  still_stopping: "still stopping",
  refused: "refused",
};

/** How many tasks are skipped and why; "" for none. @param {Record<string, number>} skipped */
export function skippedWords(skipped) {
  const parts = Object.entries(skipped).map(([why, n]) => `${integer(n)} ${SKIPPED[why] ?? humanize(why)}`);
  return parts.length === 0 ? "" : `Skipped: ${parts.join(", ")}`;
}

/** How many tasks a bulk is through with. @param {Bulk} b */
export function doneCount(b) {
  return b.changed + Object.values(b.skipped).reduce((sum, n) => sum + n, 0);
}

/** What a bulk does: "Cancel", "Set priority to 3". @param {Bulk} b */
export function actionWords(b) {
  if (b.action === "reprioritise") return `Set priority to ${String(b.priority).replace("-", "−")}`;
  return ACTIONS[/** @type {BulkAction} */ (b.action)]?.name ?? humanize(b.action);
}

/**
 * Which tasks a bulk is for, in words; "" if that is not known any more.
 * @param {Bulk} b
 * @param {(type: string) => string} title
 */
export function bulkWords(b, title) {
  if (b.undoes !== null) return "What another bulk has changed";
  if (b.filter === null) return "";
  const { ids, id_prefix, created_after, created_before, duration_min, duration_max, ...rest } = b.filter;
  if (ids) return ids.length === 1 ? "One task" : `${integer(ids.length)} tasks, selected one by one`;
  const parts = [
    filterWords({ ...noFilters(), ...rest }, title),
    id_prefix ? `id ${isolated(id_prefix)}…` : "",
    created_after ? `created since ${absolute(created_after)}` : "",
    created_before ? `created before ${absolute(created_before)}` : "",
    duration_min ? `ran at least ${span(duration_min * 1000)}` : "",
    duration_max ? `ran at most ${span(duration_max * 1000)}` : "",
  ].filter(Boolean);
  return parts.length > 1 && parts[0] === "All tasks" ? `All tasks: ${parts.slice(1).join(", ")}` : parts.join(", ");
}

/** What a bulk that has ended has done, as a sentence. @param {Bulk} b */
export function endedWords(b) {
  const what = b.action === "undo" ? "Undone:" : (ACTIONS[/** @type {BulkAction} */ (b.action)]?.done ?? `${humanize(b.action)}:`);
  const done = `${what} ${plural(b.changed, "task")}`;
  const stopped = b.status === "STOPPED" ? `Stopped. ${done}` : done;
  const skipped = skippedWords(b.skipped);
  return skipped === "" ? stopped : `${stopped}. ${skipped}`;
}
