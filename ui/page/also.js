// What holds a pending task beside its first reason, in words. Pure.

import { aheadWords, dependencyWords } from "./task.js";

/** @import { Row, Waiting } from "./types.js" */

/** What else holds a task, in a few words each. @type {Record<string, (w: Waiting) => string>} */
const ALSO = {
  previous_attempt: () => "its previous attempt has not stopped yet",
  unique: (w) => `task ${w.task_id ?? ""} with the same unique key must end first`,
  dependencies: dependencyWords,
  workflow: () => "its workflow has not started",
  queue_paused: () => "its queue is paused",
  queue_limit: () => "as many tasks of its queue run as its limit allows",
  rate_limit: (w) => `the rate limit of its ${w.key === undefined ? "queue" : "concurrency key"} lets no task start yet`,
  concurrency_key: () => "as many tasks with its concurrency key run as its queue allows",
  crash_check: () => "tasks are run one at a time, for the server died while they ran",
  worker: () => "no worker runs its type",
  capacity: (w) => (w.slots === undefined ? "the workers that run its type are busy" : "all slots are busy"),
  turn: aheadWords,
  unrecorded: () => "which slots and workers had room then is not in the log",
};

/**
 * What holds a pending task beside the reason in waitingSentence, as a sentence without its full stop; "" when nothing does.
 * @param {Row} row
 */
export function alsoSentence(row) {
  if (row.status !== "PENDING") return "";
  const parts = (row.waiting_for?.also ?? []).map((w) => ALSO[w.reason]?.(w) ?? w.reason.replace(/_/g, " "));
  return parts.length === 0 ? "" : `Also: ${parts.join("; ")}`;
}
