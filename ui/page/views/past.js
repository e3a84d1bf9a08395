// The queue as it was: the banner over the list that says when, and the form that asks for it.

import { Problem, getStats, serverNow } from "../api.js";
import { attr, byId, h, show, text } from "../dom.js";
import { plural, time } from "../format.js";
import { AGO, STEPS, chosen, eventWords, fieldsOf, momentAgo, refusedWords, stepped, timeOf, whenWords } from "../moment.js";
import { patiently } from "../pastapi.js";
import { notes } from "./sheet.js";

/** @import { Store } from "../store.js" */
/** @import { Page } from "../types.js" */

export class PastView {
  #store;
  #page;
  #words = h("p", { class: "past-words", role: "status" });
  #bar = h("progress", { class: "past-bar", max: 100, "aria-label": "Computed from the log" });
  #percent = h("span", { class: "num past-percent" });
  #work = h("div", { class: "past-work" }, this.#bar, this.#percent);
  #steps = h("div", { class: "past-steps", role: "group", "aria-label": "Earlier or later" }, ...STEPS.map((minutes) => this.#step(minutes)));
  #now = h("button", { type: "button", class: "button small primary", onclick: () => this.#page.go("") }, "Back to now");
  #el = h("section", { class: "past", "aria-label": "The queue as it was", hidden: true }, this.#words, this.#work, this.#steps, this.#now);
  /** How much of the moment is computed, 0 to 100; null = it is, or that is not known. @type {number | null} */
  #done = null;

  /**
   * @param {Store} store
   * @param {{ go: (at: string) => void, dirty: () => void }} page go shows a moment, "" = now
   */
  constructor(store, page) {
    this.#store = store;
    this.#page = page;
    byId("toolbar").append(this.#el);
  }

  /** @param {number} minutes */
  #step(minutes) {
    const name = `${plural(Math.abs(minutes), "minute")} ${minutes < 0 ? "earlier" : "later"}`;
    const onclick = () => this.#page.go(stepped(timeOf(this.#store.filters.at, this.#store.past), minutes, serverNow()));
    return h("button", { type: "button", class: "button small num", title: name, "aria-label": name, onclick }, `${minutes < 0 ? "−" : "+"}${Math.abs(minutes)} min`);
  }

  /**
   * Fetches the counts of the moment, then its list; a moment that cannot be shown has an empty one.
   * @param {() => Promise<Page>} ask for the list
   * @param {AbortSignal} signal
   * @returns {Promise<Page>}
   */
  async fetch(ask, signal) {
    const store = this.#store;
    const { at } = store.filters;
    this.#done = null;
    const folding = (/** @type {number | null} */ percent) => {
      this.#done = percent;
      this.#page.dirty();
    };
    try {
      const stats = await patiently(() => getStats(at), signal, folding);
      if (!signal.aborted) {
        const now = timeOf(at, null) || (time(stats.log.at) ?? 0);
        store.past = { seq: stats.seq, now, counts: stats.counts, waiting: stats.waiting, waitingCounts: stats.waiting_counts, problem: null };
      }
      return await patiently(ask, signal, folding);
    } catch (err) {
      if (signal.aborted || !(err instanceof Problem) || err.status === 0 || store.past === null) throw err;
      store.past.problem = { status: err.status, message: refusedWords(at, err, serverNow(), store.seq) };
      return { rows: [], seq: 0, total: 0, totalExact: true, searchTruncated: false, next: null };
    } finally {
      if (!signal.aborted) this.#done = null;
    }
  }

  /** When it was, as a sentence. */
  get when() {
    const { filters, past } = this.#store;
    return `As it was ${whenWords(filters.at, past)}`;
  }

  draw() {
    const { filters, past } = this.#store;
    attr(byId("as-it-was"), "data-on", past !== null);
    if (past === null && this.#el.contains(document.activeElement)) byId("as-it-was").focus();
    show(this.#el, past !== null);
    if (past === null) return text(this.#words, "");
    const when = whenWords(filters.at, past);
    const folding = this.#done !== null;
    if (past.problem) text(this.#words, `The queue as it was ${when} cannot be shown`);
    else if (folding) text(this.#words, `Computing the queue as it was ${when} from the log`);
    else text(this.#words, `The queue as it was ${when}${past.now === 0 ? "" : ` (${eventWords(past)})`}`);
    show(this.#work, past.now === 0 && !past.problem); // after a moment: most answers come at once
    attr(this.#bar, "value", this.#done);
    text(this.#percent, folding ? `${this.#done} %` : "");
    show(this.#steps, timeOf(filters.at, past) !== 0);
  }

  /** Asks which moment to show. */
  ask() {
    const now = serverNow();
    const { seq, past, filters } = this.#store;
    const from = fieldsOf(timeOf(filters.at, past) || now);
    const go = (/** @type {string} */ at) => {
      dialog.close();
      this.#page.go(at);
    };
    const date = field("date", "Date", { type: "date", max: fieldsOf(now).date, value: from.date });
    const clock = field("time", "Local time", { type: "time", step: 1, value: from.time });
    const event = field("event", "Or the number of an event", { type: "text", inputmode: "numeric", autocomplete: "off", placeholder: seq > 0 ? `0 to ${seq}` : null });
    const fields = { date, time: clock, event };
    const form = h(
      "form",
      { novalidate: true },
      h("h2", { id: "past-title" }, "The queue as it was"),
      h("p", null, "Shows all tasks as they were at an earlier moment. Nothing is changed."),
      h("div", { class: "past-quick", role: "group", "aria-label": "How long ago" }, ...AGO.map(([words, minutes]) => h("button", { type: "button", class: "button", onclick: () => go(momentAgo(minutes, serverNow())) }, words))),
      h("div", { class: "past-fields" }, date.el, clock.el, event.el),
      h("div", { class: "dialog-actions" }, h("button", { class: "button", type: "button", onclick: () => dialog.close() }, "Cancel"), h("button", { class: "button primary", type: "submit" }, "Show")),
    );
    const dialog = h("dialog", { class: "small-dialog past-dialog", "aria-labelledby": "past-title" }, form);
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      for (const f of Object.values(fields)) f.refuse("");
      const to = chosen({ date: date.value, time: clock.value, event: event.value }, serverNow(), this.#store.seq);
      if ("at" in to) go(to.at);
      else fields[to.field].refuse(to.message);
    });
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }
}

/** @param {string} name @param {string} label @param {Record<string, any>} props */
function field(name, label, props) {
  const id = `past-${name}`;
  const input = h("input", { id, name, class: "input", "aria-describedby": `${id}-error`, ...props });
  const { error, refuse } = notes({}, id, input);
  return {
    el: h("div", { class: "field" }, h("label", { for: id }, label), input, error),
    get value() {
      return input.value.trim();
    },
    refuse,
  };
}
