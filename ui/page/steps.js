// The durable steps of a task, and when it waited, ran and was suspended. Pure.

import { isolated, plural, span, time } from "./format.js";

/** @import { LogEvent, StepRow } from "./types.js" */

/** @typedef {"waiting" | "running" | "suspended"} PhaseKind */

/** @typedef {{ kind: PhaseKind, from: number, to: number }} Phase a span of time, in milliseconds */

/** What the task does after an event; others change nothing. @type {Record<string, PhaseKind | "ended">} */
const AFTER = {
  "task.submitted": "waiting",
  "task.started": "running",
  "task.suspended": "suspended",
  "task.ending": "suspended",
  "task.attempt_failed": "waiting",
  "task.lease_expired": "waiting",
  "task.released": "waiting",
  "task.retried": "waiting",
  "task.succeeded": "ended",
  "task.failed": "ended",
  "task.cancelled": "ended",
};

/**
 * When the task waited, ran and was suspended, in order.
 * @param {LogEvent[]} events
 * @param {number} now
 * @returns {Phase[]}
 */
export function phasesOf(events, now) {
  /** @type {Phase[]} */
  const phases = [];
  let open = /** @type {Phase | null} */ (null);
  for (const e of events) {
    const at = time(e.at);
    /** @type {PhaseKind | "ended" | undefined} */
    const ends = e.type === "task.step_recorded" && open?.kind === "suspended" ? "waiting" : e.data?.waits ? "suspended" : AFTER[e.type];
    if (at === null || ends === undefined) continue;
    if (open !== null) phases.push({ ...open, to: at });
    open = ends === "ended" ? null : { kind: ends, from: at, to: at };
  }
  if (open !== null) phases.push({ ...open, to: Math.max(now, open.from) });
  return phases;
}

/** @type {Record<PhaseKind, string>} */
export const PHASE_WORDS = { waiting: "Waiting", running: "Running", suspended: "Suspended" };

/**
 * How long the task was in each phase in all: "Running 2 s, suspended 3 d".
 * @param {Phase[]} phases
 */
export function phaseSums(phases) {
  return /** @type {PhaseKind[]} */ (["waiting", "running", "suspended"]).flatMap((kind) => {
    const all = phases.filter((p) => p.kind === kind);
    return all.length === 0 ? [] : [{ kind, words: `${PHASE_WORDS[kind]} ${span(all.reduce((sum, p) => sum + p.to - p.from, 0))}` }];
  });
}

/**
 * How a step has ended, in a few words.
 * @param {StepRow} s
 */
export function stepWords(s) {
  if (s.outcome === "timeout") return "It has not come in time";
  if (s.kind === "sleep") return "Slept";
  if (s.kind === "signal") return s.event ? `Event ${isolated(s.event)}` : "Events";
  if (s.kind === "children") return childrenWords(s);
  if (s.kind !== "approval") return "Done";
  const by = String(s.value?.by ?? "").replace(/^token:/, "");
  return `${s.value?.approved ? "Approved" : "Rejected"}${by === "" ? "" : ` by ${isolated(by)}`}${s.value?.reason ? `: ${isolated(s.value.reason)}` : ""}`;
}

/** What a step about children has done. @param {StepRow} s */
function childrenWords(s) {
  if (s.outcome === "done") return `Made ${plural(s.value?.count ?? 0, "child", "children")}`;
  const ends = Object.values(/** @type {Record<string, any>} */ (s.value ?? {}));
  const lost = ends.filter((e) => e.status !== "SUCCESS").length;
  return `${plural(ends.length, "child", "children")} ended${lost > 0 ? `, ${lost} without success` : ""}`;
}

/**
 * The fields of a form for an answer: those of the schema, which are named as the server names what is wrong with them.
 * @param {any} schema
 */
export function answerFields(schema) {
  const needed = new Set(schema?.required ?? []);
  return Object.entries(/** @type {Record<string, any>} */ (schema?.properties ?? {})).map(([name, p]) => ({
    name: `answer/${name}`,
    label: `${p?.title ?? name}${needed.has(name) ? "" : " (optional)"}`,
    hint: p?.description,
    value: p?.default === undefined ? "" : typeof p.default === "string" ? p.default : JSON.stringify(p.default),
    numeric: p?.type === "number" || p?.type === "integer",
    tick: p?.type === "boolean",
  }));
}

/**
 * The answer that a form has: values that are texts stay so, others are read as JSON; what is left empty is left out.
 * @param {any} schema
 * @param {Record<string, string>} values
 */
export function answerOf(schema, values) {
  /** @type {Record<string, any>} */
  const answer = {};
  for (const [name, p] of Object.entries(/** @type {Record<string, any>} */ (schema?.properties ?? {}))) {
    const value = values[`answer/${name}`] ?? "";
    if (p?.type === "boolean") answer[name] = value === "true";
    else if (value !== "") answer[name] = p?.type === "string" ? value : jsonOrText(value);
  }
  return answer;
}

/** @param {string} value */
function jsonOrText(value) {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
