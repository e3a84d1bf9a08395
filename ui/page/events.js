// The events of a task in words. Pure.

import { absolute, isolated, percent, span, time } from "./format.js";

/** @import { LogEvent, Row } from "./types.js" */

/** @typedef {"good" | "bad" | "warn" | "active" | "quiet"} Tone */

/** @typedef {{ title: string, text: string, tone: Tone }} Words */

/** @type {Record<string, string>} */
const CODES = {
  error: "",
  permanent: "A retry would not help.",
  timeout: "It ran longer than its time limit.",
  panic: "The handler crashed.",
  worker_died: "Its worker died while it ran.",
  child: "",
};

/** How a task ends, in a word. @type {Record<string, string>} */
const ENDS = { SUCCESS: "succeeded", FAILED: "failed", CANCELLED: "cancelled" };

/** Shown in place of a text that is damaged in the log. */
export const DAMAGED = "This is damaged in the log and cannot be shown.";

/** @type {Record<string, (e: LogEvent, worker: string) => Words>} the worker of the attempt; "" = the server */
const WORDS = {
  "task.submitted": (e) => words("Submitted", submittedText(e.data), "quiet"),
  "task.started": (e) => {
    const d = e.data;
    const where = d.worker ? `By worker ${isolated(d.worker)}, with a lease of ${d.lease_seconds} s.` : "";
    return words(`Attempt ${d.attempt ?? 1} started`, where, "active");
  },
  "task.progressed": (e) => words(percent((e.data.progress ?? 0) / 100), messageOf(e), "quiet"),
  "task.succeeded": () => words("Succeeded", "", "good"),
  "task.attempt_failed": (e) =>
    words(
      `Attempt ${e.data.attempt ?? ""} failed`.replace("  ", " "),
      join(errorOf(e), CODES[e.data.code] ?? "", stackOf(e), retryWords(e)),
      "warn",
    ),
  "task.failed": (e) => words("Failed", join(errorOf(e), CODES[e.data.code] ?? "", stackOf(e)), "bad"),
  "task.cancel_requested": (e) => words("Cancel requested", reasonOf(e), "warn"),
  "task.cancelled": (e) => words("Cancelled", reasonOf(e), "quiet"),
  "task.lease_expired": (e, worker) => words(`Attempt ${e.data.attempt ?? ""} was lost`.replace("  ", " "), lostText(e.data, worker), "warn"),
  "task.released": (e, worker) => words("Requeued", `${releasedText(e.actor, worker)} This did not use an attempt.`, "quiet"),
  "task.retried": (e) => words(e.data.waits ? "Waits on" : "Retried", reasonOf(e), "active"),
  "task.snoozed": (e) => words(snoozedTitle(e.data), e.data.run_at ? `Not before ${absolute(e.data.run_at)}` : "", "quiet"),
  "task.reprioritised": (e) => words(`Priority set to ${e.data.priority ?? 0}`, "", "quiet"),
  "task.late_result_refused": () => words("Late result refused", "The attempt no longer held the task.", "warn"),
  "task.resubmitted": () => words("Retried as another task", "The new task has other parameters; this one is unchanged.", "quiet"),
  "task.step_recorded": (e) => words(`Step ${isolated(e.data.step)} done`, "", "quiet"),
  "task.suspended": (e) => words("Suspended", suspendedText(e.data), "quiet"),
  "task.ending": (e) => words(`Own work over: ${ENDS[e.data.as] ?? ""}`, join(e.data.as === "FAILED" ? join(errorOf(e), CODES[e.data.code] ?? "", stackOf(e)) : reasonOf(e), "It ends when its children have ended."), e.data.as === "FAILED" ? "bad" : "quiet"),
  "task.step_forgotten": (e) => words(`Step ${isolated(e.data.step)} is done again`, reasonOf(e), "warn"),
  "task.erased": (e) => words("Erased", join(reasonOf(e), "Parameters, result and texts were deleted; the events remain."), "quiet"),
};

/** What a suspended task waits for. @param {Record<string, any>} d */
function suspendedText(d) {
  const until = d.until ? absolute(d.until) : "";
  if (d.step_kind === "children") return `In step ${isolated(d.step)}, until its children have ended${until ? `, at the latest ${until}` : ""}`;
  if (d.step_kind === "sleep") return `In step ${isolated(d.step)}, until ${until}`;
  const what = d.step_kind === "approval" ? "the answer of a person" : `${d.all || d.signals?.length === 1 ? "" : "any of "}${(d.signals ?? []).map(isolated).join(", ")}`;
  return `In step ${isolated(d.step)}, until it has ${what}${until ? `, at the latest ${until}` : ""}`;
}

/** Who moved the due time: the attempt that ended, or a person. @param {Record<string, any>} data */
function snoozedTitle(data) {
  if (data.backoff) return "Next attempt put off";
  return data.run_at ? "Due time set" : "Made due now";
}

/** @param {any} data @param {string} worker */
function lostText(data, worker) {
  if (worker !== "") {
    const lost = `Worker ${isolated(worker)} stopped responding while it ran`;
    return data.suspicion ? `${lost} this and other tasks. This did not use an attempt.` : `${lost} it. This used an attempt.`;
  }
  return data.suspicion
    ? "The server died while this and other tasks ran; this did not use an attempt. The tasks are now run one at a time."
    : "The server died while it ran. This used an attempt.";
}

/** @param {string} actor @param {string} worker */
function releasedText(actor, worker) {
  if (worker === "") return "The server was stopped.";
  return actor.startsWith("worker:") ? "The worker released it." : `Worker ${isolated(worker)} did not start it.`;
}

/**
 * @param {LogEvent} e
 * @param {string} [worker] of its attempt; "" = the server
 * @returns {Words}
 */
export function eventWords(e, worker = "") {
  const what = WORDS[e.type]?.(e, worker) ?? words(e.type, "", "quiet");
  return e.damaged ? { ...what, text: join(what.text, DAMAGED) } : what;
}

/**
 * @param {string} title
 * @param {string} text
 * @param {Tone} tone
 * @returns {Words}
 */
function words(title, text, tone) {
  return { title, text, tone };
}

/** @param {Record<string, any>} d */
function submittedText(d) {
  const parts = [];
  if (d.queue && d.queue !== "default") parts.push(`to queue ${d.queue}`);
  if (d.priority) parts.push(`priority ${d.priority}`);
  if (d.run_at) parts.push(`not before ${absolute(d.run_at)}`);
  const line = parts.join(", ");
  return line === "" ? "" : line.charAt(0).toUpperCase() + line.slice(1);
}

/** @param {LogEvent} e */
function retryWords(e) {
  const at = time(e.data.retry_at);
  const failed = time(e.at);
  return at === null || failed === null ? "" : `Next attempt after ${span(at - failed)}.`;
}

/** @param {...string} parts */
function join(...parts) {
  return parts.filter(Boolean).join("\n");
}

/** @param {LogEvent} e */
function errorOf(e) {
  return textOf(e.payload, ["error", "error_message", "message"]);
}

/**
 * Where a handler panicked.
 * @param {LogEvent} e
 */
function stackOf(e) {
  return typeof e.payload?.stack === "string" ? e.payload.stack : "";
}

/** @param {LogEvent} e */
function messageOf(e) {
  return textOf(e.payload, ["message", "progress_message"]);
}

/** @param {LogEvent} e */
function reasonOf(e) {
  return textOf(e.payload, ["reason", "message"]);
}

/**
 * @param {any} payload
 * @param {string[]} keys
 */
function textOf(payload, keys) {
  if (typeof payload === "string") return payload;
  for (const key of keys) if (typeof payload?.[key] === "string") return payload[key];
  return "";
}

/** Who did it; "" where that is obvious. @param {string} actor */
export function actorWords(actor) {
  if (actor === "system:scheduler" || actor === "anonymous") return "";
  return `by ${actor.replace(/^(token|worker):/, "")}`;
}

/**
 * When, by whom and why a task was erased: "Erased on 2026-11-30 12:00:00 by ann: she asked for it."
 * @param {LogEvent[] | null} events those that are known
 */
export function erasureWords(events) {
  const e = events?.find((one) => one.type === "task.erased");
  if (!e) return "Erased.";
  const by = actorWords(e.actor);
  const reason = reasonOf(e);
  return `Erased on ${absolute(e.at).slice(0, 19)}${by === "" ? "" : ` ${by}`}${reason === "" ? "." : `: ${isolated(reason)}`}`;
}

/** How many of the events are not reports of progress. @param {LogEvent[]} events */
export function turns(events) {
  return events.reduce((n, e) => n + (e.type === "task.progressed" ? 0 : 1), 0);
}

/**
 * Events with those that came later: of each attempt's reports of progress the latest, as
 * the server gives them. Texts that were fetched before the task was erased are dropped.
 * @param {LogEvent[]} known oldest first
 * @param {LogEvent[]} fresh
 */
export function joined(known, fresh) {
  let reported = false;
  const all = [...known, ...fresh];
  const erased = all.some((e) => e.type === "task.erased");
  return all
    .map((e) => (erased && e.payload !== undefined && e.type !== "task.erased" ? { ...e, payload: undefined } : e))
    .reverse()
    .filter((e) => {
      if (e.type === "task.started") reported = false;
      if (e.type !== "task.progressed") return true;
      const latest = !reported;
      reported = true;
      return latest;
    })
    .reverse();
}

/**
 * The report of progress that a row tells of when no other event than reports came since
 * the events were fetched; null when another did, or nothing. The row does not say when
 * it was.
 * @param {LogEvent[]} events
 * @param {Row} row
 * @returns {LogEvent | null}
 */
export function reportOf(events, row) {
  const last = events[events.length - 1];
  if (!last || row.last_seq <= last.seq || row.version - row.progress_reports !== turns(events)) return null;
  return {
    ...last,
    seq: row.last_seq,
    at: "",
    version: row.version,
    type: "task.progressed",
    data: { progress: Math.round(row.progress * 100) },
    payload: row.progress_message === null ? undefined : { message: row.progress_message },
  };
}

/** @typedef {{ key: string, event: LogEvent, count: number, worker: string }} Entry worker of its attempt, "" = the server */

/**
 * Events as the timeline shows them: a report of progress stands for those of its attempt
 * before it, which the versions count.
 * @param {LogEvent[]} events oldest first
 * @returns {Entry[]}
 */
export function timelineOf(events) {
  /** @type {Entry[]} */
  const out = [];
  let version = 0;
  let left = 0;
  let attempt = 0;
  let worker = "";
  for (const e of events) {
    if (e.type === "task.started") {
      attempt = e.seq;
      worker = e.data.worker ?? "";
      left = 0;
    } else {
      left += e.version - version - 1;
    }
    version = e.version;
    const report = e.type === "task.progressed";
    out.push({ key: report ? `progress of ${attempt}` : String(e.seq), event: e, count: report ? left + 1 : 1, worker });
  }
  return out;
}
