// An earlier moment that the page shows: the seq of an event, or a time. Pure: the time is a parameter.

import { clock, integer, time } from "./format.js";

/** @import { Count, WaitTotals, WaitingCounts } from "./types.js" */

/**
 * An earlier moment that is shown: its last event and its time in milliseconds, 0 until they are known, and what stats said of it.
 * @typedef {{
 *   seq: number,
 *   now: number,
 *   counts: Count[] | null,
 *   waiting: WaitTotals | null,
 *   waitingCounts: WaitingCounts | null,
 *   problem: { status: number, message: string } | null,
 * }} Moment
 */

/** How far one step goes, in minutes, in the order of the buttons. */
export const STEPS = [-10, -1, 1, 10];

/** What can be chosen with one click: words, and how long ago in minutes. @type {[string, number][]} */
export const AGO = [
  ["5 min ago", 5],
  ["1 h ago", 60],
  ["24 h ago", 24 * 60],
];

const MINUTE = 60_000;
const dates = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

/** Date and time of day, local: "30 Nov 2026, 21:38:11". @param {number} ms */
export function dayAndTime(ms) {
  return `${dates.format(ms)}, ${clock(ms)}`;
}

/** Whether a moment is the seq of an event. @param {string} at */
export function isSeq(at) {
  return /^\d+$/.test(at);
}

/** A time as a moment of the address, to the second. @param {number} ms */
export function momentAt(ms) {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString().replace(".000Z", "Z");
}

/** The time of a moment in milliseconds; 0 while it is not known, as for the seq of an event that the server has not told. @param {string} at @param {Moment | null} past */
export function timeOf(at, past) {
  return past?.now || (isSeq(at) ? 0 : (time(at) ?? 0));
}

/** When it was, in a sentence: "on 30 Nov 2026, 21:38:11". @param {string} at @param {Moment | null} past */
export function whenWords(at, past) {
  const ms = timeOf(at, past);
  return ms === 0 ? `at event ${integer(Number(at))}` : `on ${dayAndTime(ms)}`;
}

/** Which event was the last one. @param {Moment} past */
export function eventWords(past) {
  return past.seq === 0 ? "before the first event" : `event ${integer(past.seq)}`;
}

/**
 * The moment some minutes earlier or later; "" = now, which it does not go beyond.
 * @param {number} from milliseconds
 * @param {number} minutes
 * @param {number} now
 */
export function stepped(from, minutes, now) {
  const to = from + minutes * MINUTE;
  return to >= now ? "" : momentAt(Math.max(0, to));
}

/** @param {number} minutes @param {number} now */
export function momentAgo(minutes, now) {
  return momentAt(now - minutes * MINUTE);
}

/** The values of a date field and a time field, local. @param {number} ms */
export function fieldsOf(ms) {
  const d = new Date(ms);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return { date: `${String(d.getFullYear()).padStart(4, "0")}-${two(d.getMonth() + 1)}-${two(d.getDate())}`, time: clock(ms) };
}

/**
 * The moment that was chosen, or what is wrong with which field. An event counts before a time.
 * @param {{ date: string, time: string, event: string }} fields
 * @param {number} now
 * @param {number} last seq of the log
 * @returns {{ at: string } | { field: "date" | "time" | "event", message: string }}
 */
export function chosen({ date, time: clockTime, event }, now, last) {
  const seq = event.replace(/^#|[\s,.]/g, "");
  if (seq !== "") {
    if (!/^\d{1,15}$/.test(seq)) return { field: "event", message: "Write the number of an event, such as 1200." };
    return Number(seq) > last ? { field: "event", message: lastWords(last) } : { at: String(Number(seq)) };
  }
  if (date === "") return { field: "date", message: "Choose a date, or write the number of an event." };
  if (clockTime === "") return { field: "time", message: "Choose a time of day." };
  const ms = new Date(`${date}T${clockTime}`).getTime();
  if (Number.isNaN(ms)) return { field: "date", message: "There is no such date." };
  return ms > now ? { field: "time", message: "This is still to come. Choose a time up to now." } : { at: momentAt(ms) };
}

/** @param {number} last seq of the log */
function lastWords(last) {
  return `There is no such event yet. The last one is ${integer(last)}.`;
}

/**
 * Why a moment cannot be shown, as a sentence.
 * @param {string} at
 * @param {{ status: number, message: string, errors?: { pointer: string, detail: string }[] }} problem
 * @param {number} now
 * @param {number} last seq of the log; 0 = not known
 */
export function refusedWords(at, problem, now, last) {
  const wrong = problem.errors?.find((e) => e.pointer === "?at");
  const head = last || Number(/between 0 and (\d+)/.exec(wrong?.detail ?? "")?.[1] ?? Infinity);
  if (isSeq(at) && Number(at) > head) return lastWords(head);
  if (!isSeq(at) && (time(at) ?? 0) > now) return "This moment is still to come.";
  return wrong ? `The moment ${wrong.detail}.` : problem.message;
}

/** How much is done of what the server computes, 0 to 100; null if it does not say. @param {string} detail */
export function percentIn(detail) {
  const m = /(\d+) % is done/.exec(detail);
  return m ? Number(m[1]) : null;
}
