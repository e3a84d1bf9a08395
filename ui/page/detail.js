// The open task: fetched whole once, then again when the stream says that it changed.

import { Problem, getEvents, getTask } from "./api.js";
import { ended } from "./task.js";

/** @import { LogEvent, Message, Row, Task } from "./types.js" */

/** Least time between two fetches of a task's history, in milliseconds. */
const REST = 250;

export class Detail {
  /** @type {string | null} */
  id = null;
  /** As the stream or the list last gave it. @type {Row | null} */
  row = null;
  /** With parameters and result. @type {Task | null} */
  task = null;
  /** @type {LogEvent[] | null} */
  events = null;
  /** @type {Problem | null} */
  problem = null;
  /** @type {Problem | null} */
  eventsProblem = null;

  #dirty;
  #abort = new AbortController();
  #busy = false;
  #again = false;

  /** @param {() => void} dirty is called when there is something to draw */
  constructor(dirty) {
    this.#dirty = dirty;
  }

  /**
   * @param {string | null} id
   * @param {Row | undefined} row if it is known
   */
  open(id, row) {
    if (id === this.id) return;
    this.#abort.abort();
    this.#abort = new AbortController();
    this.id = id;
    this.row = row ?? null;
    this.task = null;
    this.events = null;
    this.problem = null;
    this.eventsProblem = null;
    this.#busy = false;
    this.#again = false;
    if (id !== null) this.refresh();
    this.#dirty();
  }

  /** A message of the stream. @param {Message} m */
  take(m) {
    if (this.id === null) return;
    const row = m.rows?.find((r) => r.id === this.id);
    if (row) this.seen(row);
    else if (m.truncated) this.refresh();
  }

  /** A newer row, wherever it came from. @param {Row} row */
  seen(row) {
    if (row.id !== this.id || (this.row && this.row.version >= row.version)) return;
    this.row = row;
    this.refresh();
    this.#dirty();
  }

  /** Fetches all of it anew: the log is another one. */
  reload() {
    const id = this.id;
    this.id = null;
    this.open(id, undefined);
  }

  /** Fetches what is out of date. Calls that come meanwhile become one. */
  refresh() {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    const signal = this.#abort.signal;
    void this.#fetch(signal).then(async (took) => {
      if (signal.aborted) return;
      this.#dirty();
      await rest(Math.max(REST, took * 2));
      if (signal.aborted) return;
      this.#busy = false;
      if (this.#again) {
        this.#again = false;
        this.refresh();
      }
    });
  }

  /** @param {AbortSignal} signal */
  async #fetch(signal) {
    const id = /** @type {string} */ (this.id);
    const from = performance.now();
    await Promise.all([this.#needsTask() ? this.#fetchTask(id, signal) : null, this.#fetchEvents(id, signal)]);
    return performance.now() - from;
  }

  /** Parameters never change; the result and the error come with the end. */
  #needsTask() {
    if (!this.task || !this.row) return true;
    if (this.row.version <= this.task.version) return false;
    return ended(this.row.status) || ended(this.task.status);
  }

  /** @param {string} id @param {AbortSignal} signal */
  async #fetchTask(id, signal) {
    try {
      const task = await getTask(id, signal);
      if (signal.aborted) return;
      this.task = task;
      this.problem = null;
      if (!this.row || this.row.version <= task.version) this.row = task;
      else this.#again = true;
    } catch (err) {
      if (!signal.aborted) this.problem = asProblem(err);
    }
  }

  /** @param {string} id @param {AbortSignal} signal */
  async #fetchEvents(id, signal) {
    try {
      const known = this.events ?? [];
      const fresh = await getEvents(id, known.length > 0 ? known[known.length - 1].seq : 0, signal);
      if (signal.aborted) return;
      if (fresh.length > 0 || this.events === null) this.events = [...known, ...fresh];
      this.eventsProblem = null;
    } catch (err) {
      if (!signal.aborted) this.eventsProblem = asProblem(err);
    }
  }
}

/** @param {unknown} err */
function asProblem(err) {
  return err instanceof Problem ? err : new Problem(0, "No answer", String(err));
}

/** @param {number} ms */
function rest(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
