// Queues in words, and their limits. Pure: the time is a parameter.

import { ago, integer, isolated, number } from "./format.js";

/** @import { Queue } from "./types.js" */

/** @param {Queue} q */
export function limitWords(q) {
  const words = [];
  if (q.concurrency !== null) words.push(`${integer(q.concurrency)} at a time`);
  if (q.rate_per_second !== null) words.push(rateWords(q.rate_per_second) + burstWords(q.burst));
  if (q.key_concurrency !== null) words.push(`${integer(q.key_concurrency)} of a key at a time`);
  if (q.key_rate_per_second !== null) words.push(`${rateWords(q.key_rate_per_second)} of a key${burstWords(q.key_burst)}`);
  if (q.fair_keys) words.push("keys take turns");
  if (q.weight !== null) words.push(`weight ${integer(q.weight)}`);
  if (q.max_depth !== null) words.push(`${integer(q.max_depth)} pending at most`);
  return words.join(" · ");
}

/** @param {number | null} burst */
function burstWords(burst) {
  return burst !== null && burst > 1 ? `, bursts of ${integer(burst)}` : "";
}

/**
 * Starts in a unit of time in which they are at least one.
 * @param {number} rate a second
 */
function rateWords(rate) {
  if (rate >= 1) return `${number(rate)} a second`;
  if (rate * 60 >= 1) return `${number(round(rate * 60))} a minute`;
  if (rate * 3600 >= 1) return `${number(round(rate * 3600))} an hour`;
  return `${number(round(rate * 86_400))} a day`;
}

/** @param {number} n */
function round(n) {
  return Math.round(n * 1000) / 1000;
}

/**
 * @param {Queue} q
 * @param {number} now
 */
export function pauseWords(q, now) {
  if (!q.paused) return "";
  const when = q.paused_at === null ? "" : ` ${ago(q.paused_at, now)}`;
  const who = q.paused_by ? ` by ${isolated(q.paused_by)}` : "";
  return `Paused${when}${who}${q.reason ? `: ${isolated(q.reason)}` : ""}`;
}

const LIMITS = /** @type {const} */ (["concurrency", "rate_per_second", "burst", "max_depth", "key_concurrency", "key_rate_per_second", "key_burst", "weight"]);

/**
 * The limits of a form that differ from those of the queue, as the body of a PATCH; an empty field means none.
 * What is no number is sent as it is: the server says what is wrong with it.
 * @param {Queue} q
 * @param {Record<string, string>} values
 */
export function changedLimits(q, values) {
  /** @type {Record<string, any>} */
  const body = {};
  for (const name of LIMITS) {
    const value = numberOrText(values[name] ?? "");
    if (value !== q[name]) body[name] = value;
  }
  const fair = values.fair_keys === "true";
  if (values.fair_keys !== undefined && fair !== q.fair_keys) body.fair_keys = fair;
  return body;
}

/** @param {string} value of a field; "" is null */
export function numberOrText(value) {
  const trimmed = value.trim();
  if (trimmed === "") return null;
  const n = Number(trimmed.replace(/(\d)[, ](?=\d{3}(?!\d))/g, "$1"));
  return Number.isFinite(n) ? n : trimmed;
}
