// The lines that a task wrote while it ran. While it runs, they come as they are written.

import { Problem } from "../api.js";
import { attr, h, show, text } from "../dom.js";
import { parse, stringify } from "../exact.js";
import { absolute, clock, integer, plural, time } from "../format.js";
import { ended } from "../task.js";
import { getLog, logUrl } from "../taskapi.js";

/** @import { LogLine, Row } from "../types.js" */

/** Lines that are fetched at a time. */
const PAGE = 200;
/** Most lines that are drawn; the oldest go first, and come back on scroll. */
const MOST = 5000;
/** How close to the end of the box someone must be to follow it, in pixels. */
const END = 24;
/** How long lines may come after a task has ended, in milliseconds. */
const REST = 1500;

export class LogView {
  #count = h("span", { class: "log-count" });
  #level = h("select", { class: "input log-filter", "aria-label": "Level" }, new Option("All levels", ""), new Option("Info and above", "info"), new Option("Warnings and errors", "warn"), new Option("Errors", "error"));
  #attempt = h("select", { class: "input log-filter", "aria-label": "Attempt" });
  #older = h("button", { type: "button", class: "link" }, "Earlier lines");
  #list = h("ol", null);
  #box = h("div", { class: "log-box", role: "log", tabindex: 0, "aria-label": "Lines of the task", "aria-live": "off" }, this.#older, this.#list);
  #none = h("p", { class: "dim" });
  #how = h("p", { class: "fine" }, "A handler writes lines with ", h("code", null, "call.Log()"), ", a worker sends them with its reports: see ", h("code", null, "docs/worker-protocol.md"), ".");
  el = h(
    "section",
    { class: "section" },
    h("div", { class: "section-head" }, h("h3", null, "Log"), this.#count, h("div", { class: "log-filters" }, this.#level, this.#attempt)),
    h("div", { class: "section-body" }, this.#none, this.#how, this.#box),
  );
  /** What is shown: the task and the filters; "" = nothing. */
  #key = "";
  #id = "";
  /** @type {LogLine[]} */
  #lines = [];
  #more = false;
  #loaded = false;
  /** @type {EventSource | null} */
  #events = null;
  #abort = new AbortController();
  #timer = 0;
  #loading = false;
  /** Lines may have come while the page was hidden. */
  #behind = false;
  /** A hidden page has no stream of its own: many tabs would use up the connections of the browser. */
  #hidden = () => {
    if (!document.hidden || this.#events === null) return;
    this.#events.close();
    this.#events = null;
    this.#behind = true;
  };

  constructor() {
    document.addEventListener("visibilitychange", this.#hidden);
    this.#older.addEventListener("click", () => void this.#loadOlder());
    this.#box.addEventListener("scroll", () => this.#box.scrollTop < END && this.#more && void this.#loadOlder(), { passive: true });
    for (const select of [this.#level, this.#attempt]) select.addEventListener("change", () => (this.#key = ""));
  }

  /** Ends the stream. */
  close() {
    document.removeEventListener("visibilitychange", this.#hidden);
    this.#key = "";
    this.#stop();
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#abort.abort();
    this.#events?.close();
    this.#events = null;
  }

  /** @param {Row} row */
  update(row) {
    const started = row.started_at !== null;
    show(this.el, started);
    if (!started) return;
    this.#drawAttempts(row.attempt);
    const key = [row.id, this.#level.value, this.#attempt.value, row.attempts_before_retry].join(" ");
    if (key !== this.#key) {
      this.#key = key;
      void this.#start(row.id, !ended(row.status));
    } else if (ended(row.status) && this.#events !== null && this.#timer === 0) {
      this.#timer = setTimeout(() => this.#stop(), REST);
    } else if (this.#events === null && this.#loaded && !document.hidden && (this.#behind || !ended(row.status))) {
      this.#follow(); // it was hidden, or the task was retried
    }
  }

  /** @param {number} attempts */
  #drawAttempts(attempts) {
    show(this.#attempt, attempts > 1);
    if (this.#attempt.length === attempts + 1) return;
    const chosen = this.#attempt.value;
    this.#attempt.replaceChildren(new Option("All attempts", ""), ...Array.from({ length: attempts }, (_, i) => new Option(`Attempt ${integer(i + 1)}`, String(i + 1))));
    this.#attempt.value = Number(chosen) <= attempts ? chosen : "";
  }

  get #filters() {
    /** @type {Record<string, string>} */
    const filters = {};
    if (this.#level.value !== "") filters.level = this.#level.value;
    if (this.#attempt.value !== "") filters.attempt = this.#attempt.value;
    return filters;
  }

  /** @param {string} id @param {boolean} lives */
  async #start(id, lives) {
    this.#stop();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#id = id;
    this.#lines = [];
    this.#more = this.#loaded = this.#behind = false;
    this.#list.replaceChildren();
    text(this.#none, "Loading…");
    this.#draw();
    try {
      const { lines, more } = await getLog(id, { ...this.#filters, tail: String(PAGE) }, signal);
      if (signal.aborted) return;
      this.#more = more;
      this.#loaded = true;
      this.#append(lines);
      if (lives) this.#follow();
    } catch (err) {
      if (signal.aborted) return;
      text(this.#none, `The lines could not be loaded. ${err instanceof Problem ? err.message : ""}`);
    }
  }

  #follow() {
    this.#behind = false;
    clearTimeout(this.#timer);
    this.#timer = 0;
    const after = this.#lines[this.#lines.length - 1]?.line ?? 0;
    const events = new EventSource(logUrl(this.#id, { ...this.#filters, after: String(after) }));
    this.#events = events;
    events.addEventListener("message", (e) => {
      if (events === this.#events) this.#append([parse(e.data)]);
    });
    events.addEventListener("reset", () => {
      if (events === this.#events) this.#key = ""; // another log: it is loaded again
    });
  }

  async #loadOlder() {
    const first = this.#lines[0];
    if (this.#loading || !this.#more || !first) return;
    this.#loading = true;
    const { signal } = this.#abort;
    try {
      const { lines, more } = await getLog(this.#id, { ...this.#filters, tail: String(PAGE), before: String(first.line) }, signal);
      if (signal.aborted) return;
      this.#more = more;
      this.#lines.unshift(...lines);
      const below = this.#box.scrollHeight - this.#box.scrollTop;
      this.#list.prepend(...lines.map(lineView));
      this.#draw();
      this.#box.scrollTop = this.#box.scrollHeight - below; // what was in view stays there
    } catch {
      // The next scroll tries again.
    } finally {
      this.#loading = false;
    }
  }

  /** @param {LogLine[]} lines */
  #append(lines) {
    const follows = this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight < END;
    this.#lines.push(...lines);
    this.#list.append(...lines.map(lineView));
    if (follows && this.#lines.length > MOST) {
      const over = this.#lines.length - MOST;
      this.#lines.splice(0, over);
      for (let i = 0; i < over; i++) this.#list.firstElementChild?.remove();
      this.#more = true;
    }
    this.#draw();
    if (follows) this.#box.scrollTop = this.#box.scrollHeight;
  }

  #draw() {
    const n = this.#lines.length;
    const filtered = Object.keys(this.#filters).length > 0;
    text(this.#count, n === 0 ? "" : `${this.#more ? "latest " : ""}${plural(n, "line")}`);
    show(this.#box, n > 0);
    show(this.#older, this.#more);
    show(this.#none, n === 0);
    show(this.#how, n === 0 && this.#loaded && !filtered);
    if (n === 0 && this.#loaded) text(this.#none, filtered ? "No line of this level or attempt." : "The task has written no lines.");
  }
}

/** @param {LogLine} l */
function lineView(l) {
  const at = h("time", { class: "num", datetime: l.at, title: `${absolute(l.at)}${l.attempt === null ? "" : `, attempt ${l.attempt}`}` }, clock(time(l.at) ?? 0));
  const attributes = Object.entries(l.attributes ?? {}).map(([name, value]) => h("span", { class: "log-attribute" }, h("i", null, h("bdi", null, name), "="), h("bdi", null, typeof value === "string" ? value : stringify(value))));
  const el = h("li", null, at, " ", h("span", { class: "log-level" }, l.level), " ", h("span", { class: "log-text", dir: "auto" }, l.text, ...attributes.flatMap((a) => [" ", a])));
  attr(el, "data-level", l.level);
  return el;
}
