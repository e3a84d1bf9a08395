// The queues: what waits in each, its limits, and the pause.

import { may } from "../access.js";
import { attr, h, keyed, show, text } from "../dom.js";
import { formatFilters, noFilters } from "../filters.js";
import { brief, integer, isolated, quoted, span } from "../format.js";
import { Pushed, byName } from "../pushed.js";
import { changedLimits, limitWords, pauseWords } from "../queue.js";
import { getQueues, pauseQueue, resumeQueue, setLimits } from "../queueapi.js";
import { fillIn } from "./sheet.js";
import { headed, placeTable, run, unloaded } from "./place.js";
import { toast } from "./toast.js";

/** @import { Message, Queue } from "../types.js" */
/** @import { PlaceContext } from "../places.js" */

const COLUMNS = ["Queue", "Pending", "Due", "Running", "Oldest due", "Limits", ""];

export class QueuesView {
  views = "queues";
  #table = placeTable("Queues", COLUMNS);
  #wait = h("p", { class: "place-note" }, "Loading…");
  #none = h("p", { class: "place-note", hidden: true }, "No queue has open tasks or limits. A task names its queue when it is submitted; without one it goes to “default”.");
  el = headed("Queues", "Tasks start in the order of their queue. Limits hold for all workers together. A paused queue takes tasks, but starts none.", this.#wait, this.#none, this.#table.el);
  /** @type {Map<string, QueueRow>} */
  #rows = new Map();
  /** @type {Pushed<Queue>} */
  #queues;

  /** @param {() => void} dirty */
  constructor(dirty) {
    this.#queues = new Pushed({ view: "queues", key: (q) => q.name, before: byName, fetch: getQueues, failed: unloaded(this.#wait, "queues"), changed: dirty });
  }

  open() {
    this.#queues.open();
  }

  close() {
    this.#queues.close();
  }

  /** @param {Message} m */
  received(m) {
    this.#queues.received(m);
  }

  /** @param {PlaceContext} c */
  draw(c) {
    const queues = this.#queues.rows;
    show(this.#wait, queues === null);
    show(this.#none, queues?.length === 0);
    show(this.#table.el, queues !== null && queues.length > 0);
    if (queues === null) return;
    const again = () => this.#queues.again();
    keyed(this.#table.body, this.#rows, queues, (q) => q.name, () => new QueueRow(again));
    for (const q of queues) this.#rows.get(q.name)?.age(c.now, Math.max(0, c.now - q.seenAt));
  }
}

class QueueRow {
  #name = h("a", { class: "place-name" });
  #paused = h("p", { class: "place-why", dir: "auto" });
  #pending = cell("Pending");
  #ready = cell("Due");
  #running = cell("Running");
  #oldest = cell("Oldest due");
  #limits = h("span", null);
  #edit = h("button", { type: "button", class: "button small quiet operator", onclick: () => void this.#editLimits() }, "Change");
  #pause = h("button", { type: "button", class: "button small operator", onclick: () => void this.#pauseOrResume() });
  el = h(
    "tr",
    { role: "row" },
    h("th", { role: "rowheader", scope: "row", class: "c-name" }, this.#name, this.#paused),
    this.#pending,
    this.#ready,
    this.#running,
    this.#oldest,
    h("td", { role: "cell", class: "c-limits", "data-label": "Limits" }, h("div", { class: "place-limits" }, this.#limits, this.#edit)),
    h("td", { role: "cell", class: "c-act" }, this.#pause),
  );
  #again;
  /** @type {Queue} */
  #queue = /** @type {any} */ (null);

  /** @param {() => void} again fetches the queues */
  constructor(again) {
    this.#again = again;
  }

  /** @param {Queue} q */
  update(q) {
    this.#queue = q;
    attr(this.el, "data-queue", q.name);
    attr(this.el, "data-paused", q.paused);
    text(this.#name, q.name);
    attr(this.#name, "href", `#/?${formatFilters({ ...noFilters(), queue: [q.name] })}`);
    for (const [td, n] of /** @type {[HTMLElement, number][]} */ ([[this.#pending, q.pending], [this.#ready, q.ready], [this.#running, q.running]])) {
      text(td, brief(n));
      attr(td, "title", n >= 10_000 ? integer(n) : null);
    }
    text(this.#limits, limitWords(q) || "None");
    attr(this.#limits, "class", limitWords(q) === "" ? "dim" : null);
    attr(this.#edit, "aria-label", `Change the limits of ${q.name}`);
    show(this.#edit, may("operator"));
    show(this.#pause, may("operator"));
    text(this.#pause, q.paused ? "Resume" : "Pause");
    attr(this.#pause, "class", q.paused ? "button small primary" : "button small");
    attr(this.#pause, "aria-label", `${q.paused ? "Resume" : "Pause"} ${q.name}`);
  }

  /**
   * Updates the times.
   * @param {number} now
   * @param {number} aged milliseconds since the row came
   */
  age(now, aged) {
    const q = this.#queue;
    show(this.#paused, q.paused);
    text(this.#paused, pauseWords(q, now));
    text(this.#oldest, q.oldest_ready_seconds === null ? "–" : span(whole(q.oldest_ready_seconds * 1000 + aged)));
  }

  async #pauseOrResume() {
    const { name, paused } = this.#queue;
    if (paused) return run(() => resumeQueue(name), `Resumed: queue ${isolated(name)}`, this.#again);
    const sent = await fillIn({
      title: `Pause ${quoted(name)}`,
      text: "What runs goes on; nothing else starts until somebody resumes the queue.",
      fields: [{ name: "reason", label: "Reason (optional)", hint: "Everyone who looks at the queue can read it.", long: true }],
      yes: "Pause queue",
      send: ({ reason }) => pauseQueue(name, reason),
    });
    this.#again();
    if (sent) toast(`Paused: queue ${isolated(name)}`, { action: { word: "Undo", act: () => void run(() => resumeQueue(name), `Resumed: queue ${isolated(name)}`, this.#again) } });
  }

  async #editLimits() {
    const q = this.#queue;
    const value = (/** @type {number | null} */ n) => (n === null ? "" : String(n));
    await fillIn({
      title: `Limits of ${quoted(q.name)}`,
      text: "Leave a field empty for no limit. A key is the concurrency key that a task is submitted with, such as a customer.",
      wide: true,
      fields: [
        { name: "concurrency", label: "Concurrency", hint: "Tasks of the queue that run at the same time.", value: value(q.concurrency), numeric: true },
        { name: "rate_per_second", label: "Starts a second", hint: "0.1 is one start in ten seconds.", value: value(q.rate_per_second), numeric: true },
        { name: "burst", label: "Burst", hint: "Starts at once after a quiet time. Needs a rate.", value: value(q.burst), numeric: true },
        { name: "max_depth", label: "Depth", hint: "Pending tasks. More are refused when they are submitted.", value: value(q.max_depth), numeric: true },
        { name: "key_concurrency", label: "Concurrency of a key", hint: "Tasks with one key that run at the same time.", value: value(q.key_concurrency), numeric: true },
        { name: "key_rate_per_second", label: "Starts a second of a key", hint: "0.1 is one start in ten seconds.", value: value(q.key_rate_per_second), numeric: true },
        { name: "key_burst", label: "Burst of a key", hint: "Starts at once after a quiet time. Needs a rate of a key.", value: value(q.key_burst), numeric: true },
        { name: "weight", label: "Weight", hint: "Share of run time among queues, 1 to 1000; 100 is usual.", value: value(q.weight), numeric: true },
        { name: "fair_keys", label: "Keys take turns", hint: "By the time that their tasks run.", value: q.fair_keys ? "true" : "", tick: true },
      ],
      yes: "Set limits",
      send: async (values) => {
        const body = changedLimits(q, values);
        if (Object.keys(body).length > 0) await setLimits(q.name, body);
      },
    });
    this.#again();
  }
}

/** Long spans count in seconds: tenths would change with each frame. @param {number} ms */
function whole(ms) {
  return ms < 1000 ? ms : Math.floor(ms / 1000) * 1000;
}

/** @param {string} label */
function cell(label) {
  return h("td", { role: "cell", class: "num", "data-label": label });
}
