// A row in words. Pure: the time is a parameter.

import { may } from "./access.js";
import { absolute, countdown, integer, isolated, shortId, span, time } from "./format.js";

/** @import { Row, SchedulerState, Status, Waiting } from "./types.js" */

/** @type {Record<string, string>} */
export const STATUS_WORDS = {
  PENDING: "Pending",
  RUNNING: "Running",
  SUCCESS: "Success",
  FAILED: "Failed",
  CANCELLED: "Cancelled",
};

/**
 * What a task is called in a sentence.
 * @param {Row} row
 * @param {(type: string) => string} title
 */
export function nameOf(row, title) {
  return `${isolated(title(row.task_type))} ${shortId(row.id)}`;
}

/** @param {Status} status */
export function ended(status) {
  return status === "SUCCESS" || status === "FAILED" || status === "CANCELLED";
}

/** @param {Row} row */
export function canCancel(row) {
  return may("operator") && (row.status === "PENDING" || row.status === "RUNNING");
}

/** Whether the task may be moved in the line of its queue. @param {Row} row */
export function canMove(row) {
  return may("operator") && row.status === "PENDING";
}

const AT_A_TIME = ["run_at", "backoff"];

/**
 * Whether the task waits for a time, which may be moved to now.
 * @param {Row} row
 * @param {number} now
 */
export function canRunNow(row, now) {
  return canMove(row) && AT_A_TIME.includes(row.waiting_for?.reason ?? "") && (time(row.waiting_for?.until) ?? 0) > now;
}

/** @param {Row} row */
export function canRetry(row) {
  return may("operator") && !row.erased && (row.status === "FAILED" || row.status === "CANCELLED");
}

/**
 * How long the latest attempt has run, or ran, in milliseconds; null before the first.
 * @param {Row} row
 * @param {number} now
 */
export function duration(row, now) {
  const from = time(row.started_at);
  if (from === null) return null;
  const to = time(row.completed_at);
  if (to !== null) return Math.max(0, to - from);
  return row.status === "RUNNING" ? Math.max(0, now - from) : null;
}

/**
 * Why a pending task does not run, as a sentence without its full stop; "" when it is
 * not pending.
 * @param {Row} row
 * @param {SchedulerState | null} state as the stream last sent it
 * @param {number} now
 */
export function waitingSentence(row, state, now) {
  if (row.status !== "PENDING") return "";
  const w = row.waiting_for;
  if (state?.draining || w?.reason === "draining") return "Waiting: the server is stopping and starts no tasks";
  if (state?.damaged || w?.reason === "log_damaged") return "Waiting: the log is damaged, so writes are refused";
  if (isSuspension(w?.reason)) return suspendedSentence(w);
  if (w?.reason === "previous_attempt") return "Waiting: its previous attempt was told to stop and has not stopped yet";
  if (w?.reason === "worker") return "Waiting for a worker to connect";
  if (w?.reason === "capacity" && w.running !== undefined && w.slots === undefined) return "Waiting: the workers that run its type are busy";
  if (w?.reason === "queue_paused") return "Waiting: its queue is paused";
  if (w?.reason === "queue_limit") return "Waiting: as many tasks of its queue run as its limit allows";
  if (w?.reason === "concurrency_key") return "Waiting: as many tasks with its concurrency key run as its queue allows";
  if (w?.reason === "dependencies") return `Waiting: ${dependencyWords(w)}`;
  if (w?.reason === "workflow") return "Waiting: its workflow has not started";
  if (w?.reason === "unique") return `Waiting: task ${w.task_id ?? ""} with the same unique key must end first`;
  if (w?.reason === "unrecorded") return UNRECORDED;
  if (w?.reason === "crash_check") return "Waiting: the server died while tasks ran; they are now run one at a time";
  if (w?.reason === "turn") return `Waiting for its turn: ${aheadWords(w)}`;
  if (state?.full || w?.reason === "log_full") return "Waiting: the disk is full; it starts when there is free space";
  const until = time(w?.until);
  if (w && until !== null && until > now) {
    if (w.reason === "rate_limit") return `Waiting: the rate limit of its ${w.key === undefined ? "queue" : "concurrency key"} lets the next task start in ${countdown(until - now)}`;
    if (w.reason === "backoff" && attemptsUsed(row) > 0) {
      return `Retries in ${countdown(until - now)} (attempt ${attemptSentence(row)} failed)`;
    }
    return `Starts in ${countdown(until - now)}`;
  }
  const ready = time(row.ready_at);
  if (!w && hasSlot(state) && ready !== null && now - ready > HAND_OVER) return "Waiting for a free worker";
  return slotSentence(state, w?.reason === "capacity" ? w : null, w?.reason);
}

const UNRECORDED = "It was ready; which slots and workers had room then is not in the log";

/** Which tasks must end first. @param {Waiting} w */
export function dependencyWords(w) {
  const first = (w.names ?? w.waiting_on ?? []).slice(0, 3).map(isolated);
  if ((w.open ?? 0) > first.length) first.push(`${(w.open ?? 0) - first.length} more`);
  const last = first.pop();
  return `${first.length === 0 ? "" : `${first.join(", ")} and `}${last} must end first`;
}

/** How many tasks come first. @param {Waiting} w */
export function aheadWords(w) {
  const least = w.ahead_relation === "gte" ? "at least " : "";
  return w.ahead === 1 ? `${least}1 task comes first` : `${least}${integer(w.ahead ?? 0)} tasks come first`;
}

/** A task that waits longer beside a free slot, for no reason, is one that workers run. In milliseconds. */
const HAND_OVER = 2000;

/** The latest time that has passed and for which rows still wait, "" for none. @param {Iterable<Row>} rows @param {number} now */
export function lateDue(rows, now) {
  const passed = new Date(now - HAND_OVER).toISOString();
  let late = "";
  for (const { waiting_for: w } of rows) if (w?.until && w.until > late && w.until < passed && AT_A_TIME.includes(w.reason)) late = w.until;
  return late;
}

/** @param {SchedulerState | null} state */
function hasSlot(state) {
  return state !== null && state.running < state.slots;
}

/**
 * @param {SchedulerState | null} state
 * @param {{ running?: number, slots?: number } | null} told
 * @param {string | undefined} reason
 */
function slotSentence(state, told, reason) {
  const slots = state?.slots ?? told?.slots;
  if (reason && !["capacity", "backoff", "run_at"].includes(reason)) return `Waiting: ${reason.replace(/_/g, " ")}`;
  if (slots === undefined) return "Waiting for a free slot";
  const running = state?.running ?? told?.running ?? slots;
  if (running < slots) return "Starts now";
  return slots === 1 ? "Waiting for a free slot: the only one is busy" : `Waiting for a free slot: all ${integer(slots)} are busy`;
}

/**
 * The state of a task in a few words, for its line in the list.
 * @param {Row} row
 * @param {SchedulerState | null} state
 * @param {number} now
 */
export function headline(row, state, now) {
  if (row.erased) return "Erased";
  switch (row.status) {
    case "PENDING":
      return waitingSentence(row, state, now);
    case "FAILED":
      return row.error_message ?? "Failed";
    case "RUNNING":
      return row.progress_message ?? "";
    case "CANCELLED":
      return row.progress > 0 ? `Stopped at ${Math.floor(row.progress)} %` : "Never started";
    default:
      return row.outcome ?? row.progress_message ?? "";
  }
}

/**
 * The headline and what the task works on. A phone cuts the second part.
 * @param {Row} row
 * @param {SchedulerState | null} state
 * @param {number} now
 */
export function listLine(row, state, now) {
  const subject = row.subject === null ? "" : isolated(row.subject);
  const line = headline(row, state, now).split("\n", 1)[0];
  return (row.status === "PENDING" ? [line, subject] : [subject, line]).filter(Boolean).join(" · ");
}

/**
 * Attempts used since the task was created or last retried. They count against
 * max_attempts.
 * @param {Row} row
 */
export function attemptsUsed(row) {
  return row.attempt - row.attempts_before_retry;
}

/**
 * @param {Row} row
 */
export function attemptWords(row) {
  return `${attemptsUsed(row)}/${row.max_attempts}`;
}

/**
 * Which attempt of how many, whole; a retry by a person allows all of them again.
 * @param {Row} row
 */
export function attemptSentence(row) {
  const words = `${attemptsUsed(row)} of ${row.max_attempts}`;
  return row.attempts_before_retry === 0 ? words : `${words} since the retry, ${row.attempt} in all`;
}

/**
 * How long the latest attempt waited for a slot, in milliseconds; null when it has not
 * started since the task became ready.
 * @param {Row} row
 */
export function waited(row) {
  const from = time(row.ready_at);
  const to = time(row.started_at);
  return from === null || to === null || to < from ? null : to - from;
}

/**
 * @param {Row} row
 * @param {number} now
 */
export function durationWords(row, now) {
  const d = duration(row, now);
  return d === null ? "–" : span(d);
}

/** Whether a task is suspended for that reason. @param {string | undefined} reason */
export function isSuspension(reason) {
  return reason === "sleep" || reason === "signal" || reason === "approval" || reason === "children";
}

/**
 * What a suspended task waits for, as a sentence without its full stop; "" if it is not suspended.
 * @param {Waiting | null} w
 */
export function suspendedSentence(w) {
  const until = w?.until ? absolute(w.until) : "";
  if (w?.reason === "sleep") return `Suspended until ${until}`;
  const late = until === "" ? "" : `, at the latest until ${until}`;
  if (w?.reason === "signal") return `Suspended until the event ${(w.names ?? []).map(isolated).join(" or ")} comes${late}`;
  if (w?.reason === "approval") return `Suspended until somebody with the role ${w.role ?? ""} answers${late}`;
  if (w?.reason !== "children") return "";
  const open = `${w.open} ${w.open === 1 ? "child has" : "children have"} ended`;
  return w.step ? `Suspended until ${open}${late}` : `Its own work is over; it ends when ${open}`;
}
