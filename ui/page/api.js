// Calls to the server, and those that the first screen needs. Every call that fails throws a
// Problem.

import { formatFilters } from "./filters.js";
import { Lead, isUnled } from "./lead.js";

/** @import { FieldError, Filters, Page, Row } from "./types.js" */

/** A failed call, with the problem details of RFC 9457; status 0 if there was no answer. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} title
   * @param {string} detail
   * @param {FieldError[]} [errors]
   * @param {string} [kind]
   */
  constructor(status, title, detail, errors = [], kind = "") {
    super(detail || title);
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.errors = errors;
    this.kind = kind;
    /** When to ask again, in seconds; 0 = the server did not say. */
    this.after = 0;
  }
}

/** Who leads the cluster, if the server belongs to one. */
export const lead = new Lead();
/** How long a write is sent again while no node leads, in milliseconds. */
const PATIENCE = 60_000;
/** Time between two such attempts; the server itself waits before it refuses. */
const AGAIN = 1000;
/** A write that takes longer may wait for a node to lead. */
const SLOW = 4000;
/** Least time between two questions who leads. */
const LEAST = 2000;
let askedAt = 0;

/** By how much the server's clock is ahead of this one, in milliseconds. */
let skew = 0;

/** The server's time, in milliseconds. */
export function serverNow() {
  return Date.now() + skew;
}

/** @param {string | null} date of an answer, to the second */
function learnClock(date) {
  const t = date ? Date.parse(date) : NaN;
  if (Number.isNaN(t)) return;
  const ahead = t + 500 - Date.now();
  skew = Math.abs(ahead) > 2000 ? ahead : 0;
}

/**
 * Fetches a path. Throws a Problem unless the status is 2xx. While no node of the cluster leads, a write is sent again.
 * @param {string} path
 * @param {RequestInit} [init]
 */
export function call(path, init) {
  return writes(init) ? write(path, init) : answerOf(path, init);
}

/** @param {RequestInit} [init] */
function writes(init) {
  return (init?.method ?? "GET") !== "GET";
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 */
async function write(path, init) {
  const until = Date.now() + PATIENCE;
  const slow = setTimeout(() => lead.node !== null && void askWhoLeads(), SLOW);
  lead.waiting++;
  try {
    for (;;) {
      try {
        return await answerOf(path, init);
      } catch (err) {
        if (!(err instanceof Problem) || !isUnled(err.kind) || Date.now() > until) throw err;
      }
      await new Promise((go) => setTimeout(go, AGAIN));
    }
  } finally {
    clearTimeout(slow);
    lead.waiting--;
  }
}

/** Learns who leads from an answer, at most every two seconds. */
export async function askWhoLeads() {
  if (Date.now() - askedAt < LEAST) return;
  askedAt = Date.now();
  await answerOf("api/cluster").catch(() => {});
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 */
async function answerOf(path, init) {
  let res;
  try {
    res = await fetch(path, { headers: { Accept: "application/json" }, ...init });
  } catch (err) {
    if (err instanceof DOMException && err.name === "AbortError") throw err;
    throw new Problem(0, "No answer", "The server did not answer. Is it running?");
  }
  learnClock(res.headers.get("Date"));
  if (res.status === 401) location.replace(`sign-in${location.hash}`);
  const problem = res.ok ? null : await problemOf(res);
  lead.learn(res.headers.get("X-Leader"), { kind: problem?.kind ?? "", wrote: writes(init), now: Date.now() });
  if (problem !== null) throw problem;
  return res;
}

/**
 * Sends a JSON body.
 * @param {string} method
 * @param {string} path
 * @param {string} text
 */
export function send(method, path, text) {
  return call(path, { method, headers: { "Content-Type": "application/json", Accept: "application/json" }, body: text });
}

/** @param {Response} res */
async function problemOf(res) {
  const body = await res.json().catch(() => null);
  return Object.assign(problemFrom(res.status, body), { after: Number(res.headers.get("Retry-After")) });
}

/**
 * @param {number} status
 * @param {any} body
 */
export function problemFrom(status, body) {
  const title = typeof body?.title === "string" ? body.title : `The server answered ${status}`;
  const detail = typeof body?.detail === "string" ? body.detail : "";
  const errors = Array.isArray(body?.errors) ? body.errors.filter((/** @type {any} */ e) => typeof e?.pointer === "string") : [];
  return new Problem(status, title, detail, errors, typeof body?.type === "string" ? (body.type.split("#")[1] ?? "") : "");
}

/**
 * The address of the list's first page.
 * @param {Filters} filters
 * @param {number} limit
 */
function listPath(filters, limit) {
  const query = formatFilters(filters);
  return `api/tasks/?fields=summary&limit=${limit}${query ? `&${query}` : ""}`;
}

/**
 * @param {Filters} filters
 * @param {number} limit
 * @param {AbortSignal} [signal]
 */
export function listTasks(filters, limit, signal) {
  return page(listPath(filters, limit), signal);
}

/**
 * The tasks created at or before a time.
 * @param {Filters} filters
 * @param {number} limit
 * @param {string} at the creation time of the newest task wanted
 * @param {AbortSignal} [signal]
 */
export function listOlder(filters, limit, at, signal) {
  return page(`${listPath(filters, limit)}&created_before=${encodeURIComponent(justAfter(at))}`, signal);
}

/**
 * One microsecond later.
 * @param {string} at
 */
export function justAfter(at) {
  const m = /^(.*\.\d{6})Z$/.exec(at);
  if (!m) return new Date(Date.parse(at) + 1).toISOString();
  const micros = Number(at.slice(-7, -1)) + 1;
  if (micros < 1_000_000) return `${at.slice(0, -7)}${String(micros).padStart(6, "0")}Z`;
  return new Date(Math.floor(Date.parse(at) / 1000) * 1000 + 1000).toISOString();
}

/**
 * One page of the list, at the address that the server gave.
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<Page>}
 */
export async function page(path, signal) {
  const res = await call(path, signal ? { signal, headers: { Accept: "application/json" } } : undefined);
  /** @type {Row[]} */
  const rows = await res.json();
  const next = nextLink(res.headers.get("Link"));
  const total = Number(res.headers.get("X-Total-Count") ?? rows.length);
  return {
    rows,
    seq: Number(res.headers.get("X-Log-Seq") ?? 0),
    total,
    totalExact: res.headers.get("X-Total-Count-Relation") !== "gte",
    searchTruncated: res.headers.get("X-Search-Truncated") === "true",
    next: next === null ? null : `api/tasks/${next}`,
  };
}

/**
 * The query of rel="next" in a Link header, with its question mark; null if there is none.
 * Its path is not used: behind a proxy it may differ from the path that the page sees.
 * @param {string | null} header
 */
export function nextLink(header) {
  if (!header) return null;
  for (const part of header.split(/,(?=\s*<)/)) {
    const m = /<([^>]*)>(.*)/s.exec(part);
    if (!m || !/;\s*rel="?next"?/.test(m[2])) continue;
    return new URL(m[1], "http://page/").search;
  }
  return null;
}

/** The task types, as a JSON text: parse it with exact.js where the digits of numbers matter. */
export async function getTaskTypes() {
  return (await call("api/task-types")).text();
}

/** Who the reader is, and the role. @returns {Promise<{ name: string | null, role: string }>} */
export async function getMe() {
  return (await call("api/me")).json();
}

/** @param {string} [at] an earlier moment @returns {Promise<any>} */
export async function getStats(at = "") {
  return (await call(`api/stats${at && `?at=${encodeURIComponent(at)}`}`)).json();
}
