// What alerts and webhooks say in words. Nothing here touches the document.

import { integer, isolated, percent, span } from "./format.js";

/** @import { Alert, Webhook } from "./types.js" */

/** The measures, as the user chooses them. @type {[string, string][]} */
export const MEASURES = [
  ["oldest_ready_seconds", "Longest wait of a ready task, in seconds"],
  ["queue_depth", "Pending tasks"],
  ["failure_rate", "Part of the tasks that fail, 0 to 1"],
];

/** Events that webhooks often get. */
export const USUAL_EVENTS = ["task.failed", "task.succeeded", "alert.fired", "alert.recovered"];

/**
 * A value of what an alert measures.
 * @param {string} when
 * @param {number} value
 */
export function measured(when, value) {
  if (when === "failure_rate") return percent(value * 100);
  if (when === "oldest_ready_seconds") return span(Math.floor(value) * 1000);
  return integer(value);
}

/** When an alert fires. @param {Alert} a */
export function alertWords(a) {
  const above = measured(a.when, a.above);
  const held = a.for_seconds > 0 ? `, for ${span(a.for_seconds * 1000)}` : "";
  if (a.when === "failure_rate") {
    return `More than ${above} of the tasks${a.task_type === null ? "" : ` of the type ${isolated(a.task_type)}`} fail in ${span((a.window_seconds ?? 0) * 1000)}${held}`;
  }
  const where = a.queue === null ? "any queue" : `the queue ${isolated(a.queue)}`;
  if (a.when === "queue_depth") return `More than ${above} ${a.above === 1 ? "task is" : "tasks are"} pending in ${a.queue === null ? "all queues" : where}${held}`;
  return `A task in ${where} has been ready for more than ${above}${held}`;
}

/** What a webhook gets. @param {Webhook} w */
export function webhookWords(w) {
  const only = [
    ...w.filter.queue.map((name) => `queue ${isolated(name)}`),
    ...w.filter.task_type.map((name) => `type ${isolated(name)}`),
    ...w.filter.tag.map((name) => `tag ${isolated(name)}`),
  ];
  return `${w.events.join(", ")}${only.length === 0 ? "" : ` · only ${only.join(", ")}`}`;
}

/** The words of a text with spaces or commas between them. @param {string} value */
export function wordsOf(value) {
  return value.split(/[\s,]+/).filter((word) => word !== "");
}
