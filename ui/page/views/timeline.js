// The history of a task, oldest event first.

import { attr, h, keyed, show, text } from "../dom.js";
import { actorWords, eventWords, timelineOf } from "../events.js";
import { absolute, integer, plural, span, time } from "../format.js";

/** @import { LogEvent } from "../types.js" */
/** @import { Entry } from "../events.js" */

/** Entries drawn before one asks for all. */
const AT_FIRST = 60;

export class TimelineView {
  #count = h("span", { class: "dim num" });
  #list = h("ol", { class: "timeline" });
  #all = h("button", { type: "button", class: "link", hidden: true });
  #problem = h("p", { class: "dim", hidden: true });
  el = h(
    "section",
    { class: "section" },
    h("div", { class: "section-head" }, h("h3", null, "History"), this.#count),
    h("div", { class: "section-body" }, this.#problem, this.#all, this.#list),
  );
  /** @type {Map<string, ReturnType<typeof entryView>>} */
  #views = new Map();
  /** @type {LogEvent[] | null} */
  #drawn = null;
  #whole = false;

  constructor() {
    this.#all.addEventListener("click", () => {
      this.#whole = true;
      if (this.#drawn) this.#draw(this.#drawn);
    });
  }

  /**
   * @param {LogEvent[] | null} events
   * @param {Error | null} problem
   * @param {number} _now
   */
  update(events, problem, _now) {
    show(this.#problem, problem !== null && events === null);
    if (problem) text(this.#problem, problem.message);
    if (events === this.#drawn || events === null) return;
    this.#drawn = events;
    this.#draw(events);
  }

  /** @param {LogEvent[]} events */
  #draw(events) {
    text(this.#count, plural(events[events.length - 1]?.version ?? 0, "event"));
    const entries = timelineOf(events).map((entry, i, all) => ({ entry, before: i > 0 ? all[i - 1].event : null }));
    const cut = this.#whole ? 0 : Math.max(0, entries.length - AT_FIRST);
    show(this.#all, cut > 0);
    text(this.#all, `Show ${plural(cut, "earlier entry", "earlier entries")}`);
    keyed(this.#list, this.#views, entries.slice(cut), (e) => e.entry.key, entryView);
  }
}

/** @typedef {{ entry: Entry, before: LogEvent | null }} Item */

/** @param {Item} _first */
function entryView(_first) {
  const title = h("span", { class: "entry-title", dir: "auto" });
  const by = h("span", { class: "entry-by", dir: "auto" });
  const gap = h("span", { class: "entry-gap num" });
  const at = h("time", { class: "entry-at num" });
  const seq = h("a", { class: "entry-seq num" });
  const body = h("div", { class: "entry-text", dir: "auto" });
  const el = h(
    "li",
    { class: "entry" },
    h("span", { class: "entry-dot", "aria-hidden": "true" }),
    h("div", { class: "entry-line" }, title, by, gap),
    body,
    h("div", { class: "entry-meta" }, at, seq),
  );
  /** @type {LogEvent | null} */
  let drawn = null;
  return {
    el,
    /** @param {Item} item */
    update({ entry, before }) {
      const e = entry.event;
      if (e === drawn) return;
      drawn = e;
      const words = eventWords(e, entry.worker);
      attr(el, "data-tone", words.tone);
      attr(el, "data-type", e.type);
      text(title, words.title);
      text(body, words.text);
      show(body, words.text !== "");
      text(by, e.type === "task.progressed" ? "" : actorWords(e.actor));
      attr(by, "title", e.actor);
      text(at, e.at === "" ? "" : absolute(e.at).slice(11));
      attr(at, "datetime", e.at);
      attr(at, "title", e.at === "" ? null : absolute(e.at));
      text(seq, entry.count > 1 ? `${integer(entry.count)} reports, to #${e.seq}` : `#${e.seq}`);
      attr(seq, "href", `#/tasks?at=${e.seq}`);
      attr(seq, "title", `The queue at this event: position ${e.seq} of the log, ${e.type}`);
      attr(seq, "aria-label", `The queue at event ${e.seq}`);
      text(gap, gapWords(before, entry));
    },
  };
}

/**
 * @param {LogEvent | null} before
 * @param {Entry} entry
 */
function gapWords(before, entry) {
  const a = time(before?.at);
  const b = time(entry.event.at);
  if (a === null || b === null) return "";
  return `+${span(b - a)}`;
}
