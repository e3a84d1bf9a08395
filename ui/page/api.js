// Calls to the server. Every refusal is a Problem, whatever went wrong.

import { parse, stringify } from "./exact.js";
import { formatFilters } from "./filters.js";

/** @import { FieldError, FileInfo, Filters, LogEvent, Page, Row, Task, TaskType } from "./types.js" */

/** A refusal, as RFC 9457 has it; status 0 when no answer came. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} title
   * @param {string} detail
   * @param {FieldError[]} [errors]
   */
  constructor(status, title, detail, errors = []) {
    super(detail || title);
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.errors = errors;
  }
}

/** How far the server's clock is ahead of this one, in milliseconds. */
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
 * @param {string} path
 * @param {RequestInit} [init]
 */
async function call(path, init) {
  let res;
  try {
    res = await fetch(path, { headers: { Accept: "application/json" }, ...init });
  } catch (err) {
    if (err instanceof DOMException && err.name === "AbortError") throw err;
    throw new Problem(0, "No answer", "The server did not answer. Is it running?");
  }
  learnClock(res.headers.get("Date"));
  if (!res.ok) throw await problemOf(res);
  return res;
}

/** @param {Response} res */
async function problemOf(res) {
  const body = await res.json().catch(() => null);
  return problemFrom(res.status, body);
}

/**
 * @param {number} status
 * @param {any} body
 */
export function problemFrom(status, body) {
  const title = typeof body?.title === "string" ? body.title : `The server answered ${status}`;
  const detail = typeof body?.detail === "string" ? body.detail : "";
  const errors = Array.isArray(body?.errors) ? body.errors.filter((/** @type {any} */ e) => typeof e?.pointer === "string") : [];
  return new Problem(status, title, detail, errors);
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
 * The tasks made at or before a time.
 * @param {Filters} filters
 * @param {number} limit
 * @param {string} at the creation time of the newest wanted
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
 * One page of the list, at an address of the server's own.
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
 * The path is the one that was asked for: a proxy may have put something before it.
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

/**
 * @param {string} id
 * @param {AbortSignal} [signal]
 * @returns {Promise<Task>}
 */
export async function getTask(id, signal) {
  const res = await call(`api/tasks/${encodeURIComponent(id)}`, { signal, headers: { Accept: "application/json" } });
  return parse(await res.text());
}

/**
 * The events of a task after a seq, oldest first: of each attempt's reports of progress
 * the latest, and the texts that belong to them. Parameters and results come with the
 * task itself.
 * @param {string} id
 * @param {number} after
 * @param {AbortSignal} signal
 * @returns {Promise<LogEvent[]>}
 */
export async function getEvents(id, after, signal) {
  const at = `api/tasks/${encodeURIComponent(id)}/events`;
  /** @type {LogEvent[]} */
  const all = [];
  let query = `?progress=last&payload=texts&limit=1000&after=${after}`;
  for (;;) {
    const res = await call(`${at}${query}`, { signal, headers: { Accept: "application/json" } });
    all.push(...(await res.json()));
    const next = nextLink(res.headers.get("Link"));
    if (next === null) return all;
    query = next;
  }
}

/** @returns {Promise<TaskType[]>} */
export async function getTaskTypes() {
  return parse(await (await call("api/task-types")).text());
}

/** @returns {Promise<any>} */
export async function getStats() {
  return (await call("api/stats")).json();
}

/**
 * @param {Record<string, any>} body
 * @returns {Promise<Task>}
 */
export function submit(body) {
  return post("api/tasks/submit", body);
}

/**
 * @param {string} path
 * @param {Record<string, any>} body
 * @returns {Promise<Task>}
 */
async function post(path, body) {
  const res = await call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: stringify(body),
  });
  return parse(await res.text());
}

/**
 * @param {string} id
 * @returns {Promise<{ message: string, task_id: string, status: string }>}
 */
export async function cancel(id) {
  return (await call(`api/tasks/${encodeURIComponent(id)}`, { method: "DELETE" })).json();
}

/**
 * @param {string} id
 * @returns {Promise<Task>}
 */
export async function retry(id) {
  return (await call(`api/tasks/${encodeURIComponent(id)}/retry`, { method: "POST" })).json();
}

/**
 * Retries an ended task as another one, which is returned.
 * @param {string} id
 * @param {Record<string, any>} parameters
 * @returns {Promise<Task>}
 */
export function retryAs(id, parameters) {
  return post(`api/tasks/${encodeURIComponent(id)}/retry`, { parameters });
}

/**
 * Sends a file up. fetch cannot tell how far an upload is, so this is the older call.
 * @param {File} file
 * @param {(fraction: number) => void} progress
 * @param {AbortSignal} signal
 * @returns {Promise<FileInfo>}
 */
export function upload(file, progress, signal) {
  return new Promise((resolve, reject) => {
    if (file.size === 0) throw new Problem(400, "Bad Request", "The file is empty."); // as the server would say
    const xhr = new XMLHttpRequest();
    xhr.open("POST", `api/files?name=${encodeURIComponent(file.name)}`);
    xhr.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    xhr.responseType = "json";
    xhr.upload.onprogress = (e) => progress(e.total > 0 ? e.loaded / e.total : 0);
    xhr.onload = () => {
      if (xhr.status >= 200 && xhr.status < 300) resolve(xhr.response);
      else reject(problemFrom(xhr.status, xhr.response));
    };
    xhr.onerror = () => reject(new Problem(0, "No answer", "The upload was interrupted."));
    xhr.onabort = () => reject(new DOMException("aborted", "AbortError"));
    signal.addEventListener("abort", () => xhr.abort());
    xhr.send(file);
  });
}

/** @param {string} id */
export function fileUrl(id) {
  return `api/files/${encodeURIComponent(id)}`;
}
