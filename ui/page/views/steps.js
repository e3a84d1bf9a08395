// The steps of a task as a timeline: when it waited, ran and was suspended, what it has done, and what it waits for.

import { may } from "../access.js";
import { Problem } from "../api.js";
import { attr, h, keyed, show, text } from "../dom.js";
import { DAMAGED } from "../events.js";
import { stringify } from "../exact.js";
import { absolute, plural, span } from "../format.js";
import { PHASE_WORDS, phaseSums, phasesOf, stepWords } from "../steps.js";
import { isSuspension, suspendedSentence } from "../task.js";
import { getSteps } from "../taskapi.js";

/** @import { LogEvent, Row, StepRow } from "../types.js" */

/** Phases that are drawn; of more, the latest. */
const MOST_PHASES = 200;
/** Steps that are drawn before one asks for all. */
const AT_FIRST = 50;
/** Characters of a value that are drawn. */
const MOST_TEXT = 2000;

export class StepsView {
  #count = h("span", { class: "dim num" });
  #bar = h("div", { class: "phases", role: "img" });
  #legend = h("ul", { class: "phase-sums" });
  #problem = h("p", { class: "dim", hidden: true });
  #all = h("button", { type: "button", class: "link", hidden: true });
  #list = h("ol", { class: "step-list" });
  #approve = h("button", { type: "button", class: "button small primary" }, "Approve…");
  #reject = h("button", { type: "button", class: "button small" }, "Reject…");
  #nowText = h("span", { class: "entry-title" });
  #nowStep = h("span", { class: "entry-by" });
  #answers = h("div", { class: "step-answers" }, this.#approve, this.#reject);
  #now = h("div", { class: "entry step-now", "data-tone": "active" }, h("span", { class: "entry-dot", "aria-hidden": "true" }), h("div", { class: "entry-line" }, this.#nowText, this.#nowStep), this.#answers);
  el = h(
    "section",
    { class: "section", hidden: true },
    h("div", { class: "section-head" }, h("h3", null, "Steps"), this.#count),
    h("div", { class: "section-body" }, this.#bar, this.#legend, this.#problem, this.#all, this.#list),
  );
  /** @type {Map<string, ReturnType<typeof stepView>>} */
  #views = new Map();
  /** What is fetched: the task and how many of its events there were; "" = nothing. */
  #key = "";
  /** @type {StepRow[]} */
  #steps = [];
  #whole = false;
  #abort = new AbortController();
  /** @type {Row | null} */
  #row = null;

  /** @param {(kind: string, row: Row) => void} act */
  constructor(act) {
    this.#all.addEventListener("click", () => {
      this.#whole = true;
      this.#drawSteps();
    });
    this.#approve.addEventListener("click", () => this.#row && act("approve", this.#row));
    this.#reject.addEventListener("click", () => this.#row && act("reject", this.#row));
  }

  /** Ends what goes on for the task. */
  close() {
    this.#abort.abort();
  }

  /**
   * @param {Row} row
   * @param {LogEvent[] | null} events
   * @param {number} now
   * @param {boolean} then as of an earlier moment
   */
  update(row, events, now, then) {
    this.#row = row;
    const w = row.waiting_for;
    const suspended = isSuspension(w?.reason);
    const phases = phasesOf(events ?? [], now);
    show(this.el, row.steps > 0 || suspended || phases.some((p) => p.kind === "suspended"));
    if (this.el.hidden) return;
    text(this.#count, plural(row.steps, "step"));
    this.#drawPhases(phases.slice(-MOST_PHASES));
    if (!suspended) this.#now.remove();
    else if (!this.#now.isConnected) this.#list.after(this.#now);
    text(this.#nowText, suspended ? suspendedSentence(w) : "");
    text(this.#nowStep, suspended ? (w?.step ?? "") : "");
    show(this.#answers, w?.reason === "approval" && may(/** @type {any} */ (w.role ?? "operator")));
    const key = `${row.id} ${row.steps} ${row.version - row.progress_reports}`;
    if (key === this.#key) return;
    this.#key = key;
    if (row.steps > 0) void this.#fetch(row.id, then ? row.steps : Infinity);
    else {
      this.#steps = [];
      this.#drawSteps();
    }
  }

  /** @param {string} id @param {number} most steps, the first */
  async #fetch(id, most) {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      const steps = await getSteps(id, signal);
      if (signal.aborted) return;
      this.#steps = steps.slice(0, most);
      show(this.#problem, false);
      this.#drawSteps();
    } catch (err) {
      if (signal.aborted) return;
      this.#key = "";
      show(this.#problem, true);
      text(this.#problem, err instanceof Problem ? err.message : String(err));
    }
  }

  #drawSteps() {
    const cut = this.#whole ? 0 : Math.max(0, this.#steps.length - AT_FIRST);
    show(this.#all, cut > 0);
    text(this.#all, `Show ${plural(cut, "earlier step")}`);
    keyed(this.#list, this.#views, this.#steps.slice(cut), (s) => `${s.name} ${s.at}`, stepView);
  }

  /** @param {import("../steps.js").Phase[]} phases */
  #drawPhases(phases) {
    const sums = phaseSums(phases);
    attr(this.#bar, "aria-label", sums.map((s) => s.words).join(", "));
    const whole = Math.max(1, phases.reduce((sum, p) => sum + p.to - p.from, 0));
    const parts = phases.map((p) => {
      const part = h("span", { "data-phase": p.kind, title: `${PHASE_WORDS[p.kind]} ${span(p.to - p.from)}` });
      part.style.flexGrow = String(Math.max(0.01, (p.to - p.from) / whole));
      return part;
    });
    this.#bar.replaceChildren(...parts);
    this.#legend.replaceChildren(...sums.map((s) => h("li", { "data-phase": s.kind }, s.words)));
  }
}

/** @param {StepRow} _first */
function stepView(_first) {
  const name = h("span", { class: "entry-title", dir: "auto" });
  const how = h("span", { class: "entry-by", dir: "auto" });
  const at = h("time", { class: "entry-gap num" });
  const value = h("pre", { class: "entry-text step-value", dir: "auto" });
  const el = h("li", { class: "entry" }, h("span", { class: "entry-dot", "aria-hidden": "true" }), h("div", { class: "entry-line" }, name, how, at), value);
  return {
    el,
    /** @param {StepRow} s */
    update(s) {
      const bad = s.outcome === "timeout" || (s.kind === "approval" && s.value?.approved === false);
      attr(el, "data-tone", bad ? "warn" : "good");
      text(name, s.name);
      text(how, stepWords(s));
      text(at, absolute(s.at).slice(11));
      attr(at, "datetime", s.at);
      attr(at, "title", `${absolute(s.at)}, attempt ${s.attempt}${s.build ? `, build ${s.build}` : ""}`);
      const said = s.damaged ? DAMAGED : s.value === null || (s.kind === "children" && s.outcome === "done") ? "" : stringify(s.kind === "approval" ? (s.value?.answer ?? null) : s.value);
      show(value, said !== "" && said !== "null");
      text(value, said.length > MOST_TEXT ? `${said.slice(0, MOST_TEXT)}…` : said);
    },
  };
}
