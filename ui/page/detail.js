// The open task. It is fetched once; then its row is pushed. Progress reports are in the row.
// Its other events are fetched when the version of the row says that there are new ones. As of an earlier moment, it stays
// as it was fetched.

import { Problem } from "./api.js";
import { patiently } from "./pastapi.js";
import { joined, reportOf, turns } from "./events.js";
import { ended } from "./task.js";
import { getEvents, getTask } from "./taskapi.js";

/** @import { LogEvent, Message, Row, Task } from "./types.js" */

/** Least time between two fetches, in milliseconds. */
const REST = 250;
/** Least time between two fetches while the stream leaves out rows. */
const LONG_REST = 2000;

export class Detail {
  /** @type {string | null} */
  id = null;
  /** The earlier moment that is shown; "" = now. */
  at = "";
  /** The latest row, from the stream or the list. @type {Row | null} */
  row = null;
  /** The task with parameters and result. @type {Task | null} */
  task = null;
  /** Its events, including the progress report in the row. @type {LogEvent[] | null} */
  events = null;
  /** @type {Problem | null} */
  problem = null;
  /** @type {Problem | null} */
  eventsProblem = null;

  /** @type {LogEvent[] | null} events as they were fetched */
  #fetched = null;
  #dirty;
  #abort = new AbortController();
  #busy = false;
  #again = false;
  /** The stream left out rows, so the row may be out of date. */
  #doubt = false;
  /** What the task waits for is to be fetched soon. */
  #rechecks = false;

  /** @param {() => void} dirty is called when there is something to draw */
  constructor(dirty) {
    this.#dirty = dirty;
  }

  /**
   * @param {string | null} id
   * @param {Row | undefined} row undefined if it is not known
   * @param {string} at an earlier moment; "" = now
   */
  open(id, row, at) {
    if (id === this.id && at === this.at) return;
    this.#abort.abort();
    this.#abort = new AbortController();
    this.id = id;
    this.at = at;
    this.row = row ?? null;
    this.task = null;
    this.events = this.#fetched = null;
    this.problem = null;
    this.eventsProblem = null;
    this.#busy = this.#again = this.#doubt = this.#rechecks = false;
    if (id !== null) this.refresh();
    this.#dirty();
  }

  /** Applies a message of the stream. @param {Message} m */
  apply(m) {
    if (this.id === null || this.at !== "") return;
    const row = m.rows?.find((r) => r.id === this.id);
    if (row) return this.applyRow(row);
    if (this.row?.status === "PENDING") this.#recheck();
    if (!m.truncated) return;
    this.#doubt = true;
    this.refresh();
  }

  /** Fetches soon what the task waits for: that changes with other tasks, and its row is not pushed then. */
  #recheck() {
    if (this.#rechecks) return;
    this.#rechecks = true;
    const signal = this.#abort.signal;
    void rest(LONG_REST).then(async () => {
      if (signal.aborted) return;
      this.#rechecks = false;
      if (this.id === null || this.row?.status !== "PENDING") return;
      await this.#fetchTask(this.id, signal);
      this.#dirty();
    });
  }

  /** Applies a row, unless a newer one is known. @param {Row} row */
  applyRow(row) {
    if (row.id !== this.id || (this.row && this.row.version >= row.version)) return;
    this.row = row;
    this.#follow();
    if (this.#needsTask() || this.#needsEvents()) this.refresh();
    this.#dirty();
  }

  /** Fetches everything again, from another log. */
  reload() {
    const id = this.id;
    this.id = null;
    this.open(id, undefined, this.at);
  }

  /** Fetches what is out of date. Calls during a fetch cause one more. */
  refresh() {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    const signal = this.#abort.signal;
    const least = this.#doubt ? LONG_REST : REST;
    void this.#fetch(signal).then(async (took) => {
      if (signal.aborted) return;
      this.#dirty();
      await rest(Math.max(least, took * 2));
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
    const both = this.#fetched === null;
    const first = this.#needsTask() ? this.#fetchTask(id, signal) : null;
    if (!both) await first; // the row in it shows whether there are new events
    if (!signal.aborted) await Promise.all([first, both || this.#needsEvents() ? this.#fetchEvents(id, signal) : null]);
    return performance.now() - from;
  }

  /** Whether to fetch the task: parameters never change, result and error are set at the end. */
  #needsTask() {
    if (!this.task || !this.row || this.#doubt) return true;
    if (this.row.version <= this.task.version) return false;
    return ended(this.row.status) || ended(this.task.status);
  }

  /** Whether there are events other than progress reports that have not been fetched. */
  #needsEvents() {
    return this.#fetched === null || this.row === null || this.row.version - this.row.progress_reports > turns(this.#fetched);
  }

  /** Appends the progress report in the row to the events. */
  #follow() {
    if (this.#fetched === null || this.row === null) return;
    const { at, row } = this;
    const until = at === "" ? this.#fetched : this.#fetched.filter((e) => e.seq <= row.last_seq);
    const report = reportOf(until, row);
    this.events = report ? joined(until, [report]) : until;
  }

  /** @param {string} id @param {AbortSignal} signal */
  async #fetchTask(id, signal) {
    this.#doubt = false;
    try {
      const { at } = this;
      const task = await (at === "" ? getTask(id, signal) : patiently(() => getTask(id, signal, at), signal));
      if (signal.aborted) return;
      this.task = task;
      this.problem = null;
      if (!this.row || this.row.version <= task.version) this.row = task;
      else if (this.#needsTask()) this.#again = true;
      this.#follow();
    } catch (err) {
      if (!signal.aborted) this.problem = asProblem(err);
    }
  }

  /** @param {string} id @param {AbortSignal} signal */
  async #fetchEvents(id, signal) {
    try {
      const known = this.#fetched ?? [];
      const fresh = await getEvents(id, known.length > 0 ? known[known.length - 1].seq : 0, signal);
      if (signal.aborted) return;
      if (fresh.length > 0 || this.#fetched === null) this.#fetched = joined(known, fresh);
      this.eventsProblem = null;
      this.#follow();
      if (this.#needsEvents()) this.#again = true;
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
