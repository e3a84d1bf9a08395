// Calls to the server about one task or file.

import { Problem, call, lead, nextLink, problemFrom, send } from "./api.js";
import { parse, stringify } from "./exact.js";

/** @import { Approval, FileInfo, LogEvent, LogLine, StepRow, Task } from "./types.js" */

/**
 * @param {string} id
 * @param {AbortSignal} [signal]
 * @param {string} [at] an earlier moment
 * @returns {Promise<Task>}
 */
export async function getTask(id, signal, at = "") {
  const res = await call(taskUrl(id, at), { signal, headers: { Accept: "application/json" } });
  return parse(await res.text());
}

/** @param {string} id @param {string} at an earlier moment; "" = now */
export function taskUrl(id, at) {
  return `api/tasks/${encodeURIComponent(id)}${at && `?at=${encodeURIComponent(at)}`}`;
}

/**
 * The events of a task after a seq, oldest first, with their texts. Of each attempt's
 * progress reports it has only the latest. Parameters and results are in the task itself.
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

/**
 * Lines of a task's log, oldest first, and whether there are more beyond them.
 * @param {string} id
 * @param {Record<string, string>} query
 * @param {AbortSignal} signal
 * @returns {Promise<{ lines: LogLine[], more: boolean }>}
 */
export async function getLog(id, query, signal) {
  const res = await call(logUrl(id, query), { signal, headers: { Accept: "application/json" } });
  return { lines: parse(await res.text()), more: nextLink(res.headers.get("Link")) !== null };
}

/** @param {string} id @param {Record<string, string>} query */
export function logUrl(id, query) {
  return `api/tasks/${encodeURIComponent(id)}/log?${new URLSearchParams(query)}`;
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
  const res = await send("POST", path, stringify(body));
  return parse(await res.text());
}

/**
 * @param {string} id
 * @returns {Promise<{ message: string, task_id: string, status: string, seq: number }>} seq of the event that says so
 */
export async function cancel(id) {
  const res = await call(`api/tasks/${encodeURIComponent(id)}`, { method: "DELETE" });
  return { ...(await res.json()), seq: Number(res.headers.get("X-Log-Seq")) };
}

/**
 * @param {string} id
 * @returns {Promise<Task>}
 */
export async function retry(id) {
  return (await call(`api/tasks/${encodeURIComponent(id)}/retry`, { method: "POST" })).json();
}

/**
 * Moves a pending task in the line; run_at null is now.
 * @param {string} id
 * @param {{ priority?: any, run_at?: string | null }} to
 * @returns {Promise<Task>}
 */
export async function moveTask(id, to) {
  const res = await send("PATCH", `api/tasks/${encodeURIComponent(id)}`, JSON.stringify(to));
  return parse(await res.text());
}

/**
 * Retries an ended task with other parameters. Returns the new task.
 * @param {string} id
 * @param {Record<string, any>} parameters
 * @returns {Promise<Task>}
 */
export function retryAs(id, parameters) {
  return post(`api/tasks/${encodeURIComponent(id)}/retry`, { parameters });
}

/**
 * Uploads a file, with XMLHttpRequest because fetch does not report upload progress.
 * @param {File} file
 * @param {(fraction: number) => void} progress
 * @param {AbortSignal} signal
 * @returns {Promise<FileInfo>}
 */
export function upload(file, progress, signal) {
  return new Promise((resolve, reject) => {
    if (file.size === 0) throw new Problem(400, "Bad Request", "The file is empty."); // the answer of the server
    const xhr = new XMLHttpRequest();
    xhr.open("POST", `api/files?name=${encodeURIComponent(file.name)}`);
    xhr.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    xhr.responseType = "json";
    xhr.upload.onprogress = (e) => progress(e.total > 0 ? e.loaded / e.total : 0);
    xhr.onload = () => {
      const problem = xhr.status >= 200 && xhr.status < 300 ? null : problemFrom(xhr.status, xhr.response);
      lead.learn(xhr.getResponseHeader("X-Leader"), { kind: problem?.kind ?? "", wrote: true, now: Date.now() });
      if (problem === null) resolve(xhr.response);
      else reject(problem);
    };
    xhr.onerror = () => reject(new Problem(0, "No answer", "The upload was interrupted."));
    xhr.onabort = () => reject(new DOMException("aborted", "AbortError"));
    signal.addEventListener("abort", () => xhr.abort());
    xhr.send(file);
  });
}

/**
 * The durable steps of a task, in order.
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {Promise<StepRow[]>}
 */
export async function getSteps(id, signal) {
  const res = await call(`api/tasks/${encodeURIComponent(id)}/steps`, { signal, headers: { Accept: "application/json" } });
  return parse(await res.text());
}

/**
 * What the task asks of a person; undefined if it asks nothing.
 * @param {string} id
 * @returns {Promise<Approval | undefined>}
 */
export async function getApproval(id) {
  let query = "?limit=1000";
  for (;;) {
    const res = await call(`api/approvals${query}`, { headers: { Accept: "application/json" } });
    const found = /** @type {Approval[]} */ (await res.json()).find((a) => a.task_id === id);
    const next = nextLink(res.headers.get("Link"));
    if (found || next === null) return found;
    query = next;
  }
}

/**
 * Answers what a task asks in a step.
 * @param {string} id
 * @param {string} step
 * @param {Record<string, any>} answer
 */
export async function answerApproval(id, step, answer) {
  await send("POST", `api/tasks/${encodeURIComponent(id)}/approvals/${encodeURIComponent(step)}`, JSON.stringify(answer));
}

/** @param {string} id */
export function fileUrl(id) {
  return `api/files/${encodeURIComponent(id)}`;
}
