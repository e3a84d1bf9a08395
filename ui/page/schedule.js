// Schedules in words. Pure: the time is a parameter.

import { ago, integer, isolated, span } from "./format.js";

/** @import { Schedule, ScheduleRun } from "./types.js" */

/** Why a run was skipped. @type {Record<string, string>} */
const WHY = {
  max_lateness: "it was later than the schedule allows",
  catch_up: "a later run was due too",
  overlap: "the task of the run before had not ended",
  gap: "the clock in the zone skipped that time",
  paused: "the schedule was paused",
  unique: "another task held the unique key",
  refused: "its task cannot be submitted any more",
};

/** @param {string | null} why */
export function whyWords(why) {
  return why === null ? "" : (WHY[why] ?? why);
}

/** The address of what a run has submitted. @param {ScheduleRun} run */
export function runHref(run) {
  return run.workflow_id === null ? `#/tasks/${run.task_id}` : `#/workflows/${run.workflow_id}`;
}

/** Lateness that is worth a word, in seconds: the server looks at the clock a few times a second. */
const LATE = 1;

/** @param {ScheduleRun} run */
export function lateWords(run) {
  return run.late_seconds < LATE ? "" : `${span(run.late_seconds * 1000)} late`;
}

/**
 * What became of a nominal time, without the status of its task.
 * @param {ScheduleRun} run
 */
export function outcomeWords(run) {
  if (run.outcome === "fired") return "Fired";
  const times = run.count > 1 || run.more ? `Skipped ${run.more ? "over " : ""}${integer(run.count)} runs` : "Skipped";
  return `${times}: ${whyWords(run.why)}`;
}

/** Seconds that need not be shown, at the end of a nominal time or before its offset. */
const NO_SECONDS = /:00(?=(?:Z|[+-]\d\d:\d\d)?$)/;

/** Whether some of the times have seconds, so that all are shown with them. @param {(string | null)[]} times */
export function haveSeconds(times) {
  return times.some((at) => at !== null && !NO_SECONDS.test(at.replace(".000000", "")));
}

/**
 * The nominal time as a person reads it, in the zone of the schedule; "" for a run that somebody asked for.
 * @param {string | null} nominal
 * @param {boolean} seconds whether they are shown
 */
export function nominalWords(nominal, seconds) {
  return nominal === null ? "" : nominal.replace("T", " ").replace(seconds ? "" : NO_SECONDS, "").replace("Z", " UTC");
}

/**
 * @param {Schedule} s
 * @param {number} now
 */
export function pausedWords(s, now) {
  if (!s.paused) return "";
  const who = s.paused_by ? ` by ${isolated(s.paused_by)}` : "";
  const why = s.paused_why === "failures" ? `: ${integer(s.failures_in_row)} tasks in a row have failed` : s.paused_reason ? `: ${isolated(s.paused_reason)}` : "";
  return `Paused ${ago(s.paused_at, now)}${who}${why}`;
}

/** The next run, or why there is none. @param {Schedule} s @param {number} now */
export function nextWords(s, now) {
  if (s.next_runs.length > 0) return ago(s.next_runs[0], now);
  return s.paused ? "Paused" : "No more";
}

/** What becomes of a run while the task of the one before lives. @type {Record<string, string>} */
export const OVERLAP = {
  skip: "Skip the run",
  allow: "Start it beside the other",
  buffer_one: "Wait for the other, one run at most",
  cancel_other: "Cancel the other",
};

/** What becomes of runs that are late, as after a stop of the server. @type {Record<string, string>} */
export const CATCH_UP = {
  one: "Only the latest fires",
  none: "None fires",
  all: "All fire",
};

/**
 * A time in a zone, "Mon 2026-11-30, 02:30".
 * @param {string} at RFC 3339
 * @param {string} zone an IANA name
 * @param {boolean} seconds whether they are shown
 */
export function inZone(at, zone, seconds) {
  const t = new Date(at);
  try {
    const parts = new Intl.DateTimeFormat("en-CA", { timeZone: zone, weekday: "short", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
    const of = Object.fromEntries(parts.formatToParts(t).map((p) => [p.type, p.value]));
    return `${of.weekday.replace(".", "")} ${of.year}-${of.month}-${of.day}, ${of.hour}:${of.minute}${seconds ? `:${of.second}` : ""}`;
  } catch {
    return t.toISOString(); // the browser does not know the zone
  }
}
