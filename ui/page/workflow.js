// Workflows in words, and their tasks as a graph. Pure.

import { isolated, plural, span, time } from "./format.js";
import { layersOf } from "./graph.js";
import { duration, ended, STATUS_WORDS, waitingSentence } from "./task.js";

/** @import { Row, SchedulerState, Status, Workflow, WorkflowRow } from "./types.js" */

/**
 * How many of the tasks of a workflow have ended: "3 of 8 tasks have ended".
 * @param {number} all
 * @param {number} open those that have not
 */
export function endedWords(all, open) {
  if (open === 0) return all === 1 ? "Its task has ended" : `All ${plural(all, "task")} have ended`;
  return `${all - open} of ${plural(all, "task")} ${all - open === 1 ? "has" : "have"} ended`;
}

/**
 * How far a workflow is: "3 of 8 tasks have ended, 1 failed, 2 running".
 * @param {Record<Status, number>} n how many of its tasks have each status
 */
export function progressWords(n) {
  const open = n.PENDING + n.RUNNING;
  const told = /** @type {[number, string][]} */ ([[n.FAILED, "failed"], [n.CANCELLED, "cancelled"], [n.RUNNING, "running"]]);
  return [endedWords(open + n.SUCCESS + n.FAILED + n.CANCELLED, open), ...told.filter(([many]) => many > 0).map(([many, word]) => `${many} ${word}`)].join(", ");
}

/**
 * How many of the tasks have which status.
 * @param {Row[]} tasks
 */
export function countStatuses(tasks) {
  /** @type {Record<Status, number>} */
  const counts = { PENDING: 0, RUNNING: 0, SUCCESS: 0, FAILED: 0, CANCELLED: 0 };
  for (const t of tasks) counts[t.status]++;
  return counts;
}

/**
 * How long the workflow has taken, or takes so far; null before it has started.
 * @param {WorkflowRow | Workflow} w
 * @param {number} now
 */
export function took(w, now) {
  const from = time(w.started_at);
  if (from === null) return null;
  return Math.max(0, (time(w.completed_at) ?? now) - from);
}

/**
 * Why a workflow has not started, as a sentence without its full stop; "" = nothing holds it.
 * @param {WorkflowRow | Workflow} w
 * @param {SchedulerState | null} state
 * @param {number} now
 */
export function heldWords(w, state, now) {
  if (w.waiting_for === null) return "";
  if (w.waiting_for.reason === "concurrency_key") return "Waiting: as many workflows with its concurrency key run as their queue allows";
  if (w.waiting_for.reason === "queue_limit") return "Waiting: as many workflows run as their queue allows";
  return waitingSentence(/** @type {Row} */ (/** @type {unknown} */ (w)), state, now);
}

/**
 * The tasks of a workflow with their names, each after all that it depends on.
 * @param {Workflow} w
 * @returns {{ name: string, task: Row, after: string[] }[]}
 */
export function nodesOf(w) {
  const names = new Map(Object.entries(w.tasks).map(([name, t]) => [t.id, name]));
  const nodes = Object.entries(w.tasks).map(([name, task]) => ({ name, task, after: afterOf(task, names) }));
  const last = nodes.find((n) => n.name === ON_END);
  if (last) last.after = endsOf(nodes);
  const layers = layersOf(nodes);
  return nodes.sort((a, b) => (layers.get(a.name) ?? 0) - (layers.get(b.name) ?? 0));
}

/** The task that runs when all others have ended. It depends on each of them. */
const ON_END = "on_end";

/** @param {Row} task @param {Map<string, string>} names by id */
function afterOf(task, names) {
  return task.depends_on.map((d) => names.get(d.task) ?? "").filter((name) => name !== "");
}

/**
 * The tasks on which no other one depends but that of the end: only these edges to it are drawn.
 * @param {{ name: string, after: string[] }[]} nodes
 */
function endsOf(nodes) {
  const before = new Set(nodes.filter((n) => n.name !== ON_END).flatMap((n) => n.after));
  return nodes.filter((n) => n.name !== ON_END && !before.has(n.name)).map((n) => n.name);
}

/**
 * What is said of a task in a box: how far it is, or how long it took.
 * @param {Row} t
 * @param {number} now
 */
export function noteOf(t, now) {
  const ms = duration(t, now);
  if (t.status === "RUNNING" && t.progress > 0) return `${Math.floor(t.progress)} %, ${span(whole(ms ?? 0))}`;
  if (t.status === "RUNNING") return span(whole(ms ?? 0));
  if (t.status === "SUCCESS" && ms !== null) return `Success, ${span(ms)}`;
  return STATUS_WORDS[t.status];
}

/** @param {number} ms */
function whole(ms) {
  return Math.floor(ms / 1000) * 1000;
}

/**
 * What a task depends on, with what it wants of each if that is not success: "fetch, check (failed)".
 * @param {{ name: string, task: Row, after: string[] }} node
 * @param {number} most names
 */
export function afterWords({ name, task, after }, most) {
  const wants = new Map(task.depends_on.map((d) => [d.name, d.when]));
  const words = after.map((other) => {
    const when = wants.get(other) ?? "succeeded";
    return isolated(other) + (name === ON_END || when === "succeeded" ? "" : ` (${when})`);
  });
  return words.length === 0 ? "–" : list(words, most);
}

/**
 * What a task depends on that lets it start now.
 * @param {Row} t
 * @param {Map<string, Row>} tasks of the workflow, by id
 * @returns {Set<string>} names
 */
export function metBy(t, tasks) {
  const met = t.depends_on.filter((d) => {
    const status = tasks.get(d.task)?.status ?? "PENDING";
    if (!ended(status)) return false;
    return t.on_dependency_failure === "run" || d.when === "ended" || status === (d.when === "failed" ? "FAILED" : "SUCCESS");
  });
  return new Set(met.map((d) => d.name ?? ""));
}

/** @type {Partial<Record<Status, string>>} */
const ENDED = { SUCCESS: "has succeeded", FAILED: "has failed", CANCELLED: "was cancelled" };

/** @param {string[]} words @param {number} most */
function list(words, most) {
  return words.length <= most ? words.join(", ") : `${words.slice(0, most - 1).join(", ")} and ${words.length - most + 1} more`;
}

/**
 * Why a task of a workflow stands as it does, in a sentence; "" = there is nothing to say.
 * @param {Row} t
 * @param {Map<string, Row>} tasks of the workflow, by id
 * @param {SchedulerState | null} state
 * @param {number} now
 */
export function whyOf(t, tasks, state, now) {
  if (t.erased) return "Erased";
  const because = tasks.get(t.because ?? "");
  if (t.status === "CANCELLED" && because) return `Because ${isolated(because.child_name ?? because.id)} ${ENDED[because.status] ?? "runs again"}`;
  if (t.status === "PENDING" && t.waiting_for?.reason === "dependencies") {
    const open = t.depends_on.filter((d) => !ended(tasks.get(d.task)?.status ?? "PENDING"));
    return `Waits for ${list(open.map((d) => isolated(d.name ?? d.task)), 4)}`;
  }
  if (t.status === "PENDING") return waitingSentence(t, state, now);
  if (ended(t.status)) return t.error_message ?? t.outcome ?? "";
  return t.progress_message ?? "";
}
