// One schedule: its times, what became of the latest, and what it submits.

import { may } from "../access.js";
import { Problem } from "../api.js";
import { attr, h, keyed, show, text } from "../dom.js";
import { absolute, ago, integer, isolated, plural, quoted, shortId, span } from "../format.js";
import { Refresh } from "../refresh.js";
import { CATCH_UP, OVERLAP, haveSeconds, inZone, lateWords, nominalWords, outcomeWords, pausedWords, runHref } from "../schedule.js";
import { backfill, deleteSchedule, getRuns } from "../scheduleapi.js";
import { STATUS_WORDS } from "../task.js";
import { placeTable, run } from "./place.js";
import { ask } from "./question.js";
import { jsonView } from "./results/json.js";
import { scheduleButtons } from "./schedules.js";
import { fillIn } from "./sheet.js";
import { toast } from "./toast.js";

/** @import { Schedule, ScheduleRun } from "../types.js" */
/** @import { PlaceContext } from "../places.js" */

export class ScheduleView {
  title = "";
  #name = h("h1", { tabindex: -1, class: "breaks" });
  #words = h("p", { class: "place-about" });
  #paused = h("p", { class: "place-why place-warn", dir: "auto" });
  #missing = h("p", { class: "place-note", hidden: true });
  #buttons = scheduleButtons(() => /** @type {Schedule} */ (this.#schedule), () => this.#changed());
  #edit = h("a", { class: "button small operator" }, "Change");
  #fill = h("button", { type: "button", class: "button small operator", onclick: () => void this.#backfill() }, "Backfill");
  #delete = h("button", { type: "button", class: "button small danger operator", onclick: () => void this.#remove() }, "Delete");
  #next = h("ol", { class: "place-times" });
  #noNext = h("p", { class: "dim" });
  #facts = h("dl", { class: "place-facts" });
  #what = h("h2");
  #task = h("div", { class: "place-task" });
  #history = placeTable("What became of its times", ["Time", "What became of it", "Late"]);
  #noRuns = h("p", { class: "dim" }, "No time has come since the schedule was created.");
  #whole = h(
    "div",
    { class: "place-parts" },
    h("div", { class: "place-tools" }, ...this.#buttons.all, this.#edit, this.#fill, this.#delete),
    h("section", null, h("h2", null, "Next times"), this.#next, this.#noNext),
    h("section", null, h("h2", null, "How it runs"), this.#facts),
    h("section", { class: "whole" }, this.#what, this.#task),
    h("section", { class: "whole" }, h("h2", null, "History"), this.#noRuns, this.#history.el),
  );
  el = h("div", { class: "place-page" }, h("p", null, h("a", { class: "to-task", href: "#/schedules" }, "All schedules")), this.#name, this.#words, this.#paused, this.#missing, this.#whole);
  /** @type {Map<string, RunRow>} */
  #rows = new Map();
  /** @type {Schedule | null} */
  #schedule = null;
  /** @type {ScheduleRun[] | null} */
  #runs = null;
  #drawn = "";
  /** Its history is fetched: there is such a schedule. */
  #follows = false;
  #dirty;
  #again;
  #refresh = new Refresh(() => this.#fetch());

  /** @param {() => void} dirty @param {() => void} again fetches the schedules */
  constructor(dirty, again) {
    this.#dirty = dirty;
    this.#again = again;
  }

  /** @param {string} name */
  open(name) {
    this.title = name;
    this.#schedule = this.#runs = null;
    this.#drawn = "";
    this.#follows = false;
  }

  close() {
    this.#refresh.close();
  }

  received() {
    this.#refresh.soon();
  }

  #changed() {
    this.#again();
    this.#refresh.now();
  }

  async #fetch() {
    const name = this.title;
    try {
      const runs = await getRuns(name);
      if (name === this.title) this.#runs = runs;
    } catch (err) {
      if (!(err instanceof Problem)) throw err; // the list says what is wrong
    }
    this.#dirty();
  }

  /**
   * @param {Schedule[] | null} schedules
   * @param {PlaceContext} c
   */
  draw(schedules, c) {
    const s = schedules?.find((one) => one.name === this.title) ?? null;
    text(this.#name, this.title);
    show(this.#missing, s === null);
    text(this.#missing, schedules === null ? "Loading…" : `There is no schedule ${quoted(this.title)}. It may have been deleted; its tasks stay.`);
    for (const part of [this.#words, this.#whole]) show(part, s !== null);
    show(this.#paused, s !== null && s.paused);
    if (s === null) return this.#refresh.close();
    if (!this.#follows) this.#refresh.open();
    this.#follows = true;
    this.#schedule = s;
    text(this.#words, s.in_words);
    text(this.#paused, pausedWords(s, c.now));
    this.#buttons.update(s);
    attr(this.#edit, "href", `#/schedules/${encodeURIComponent(s.name)}/edit`);
    show(this.#fill, may("operator"));
    for (const el of [this.#edit, this.#delete]) show(el, may("operator") && !s.declared_in); // the server refuses it: the file is to be changed
    this.#drawDefinition(s);
    this.#drawTimes(s, c);
    this.#drawHistory(c);
  }

  /** @param {Schedule} s */
  #drawDefinition(s) {
    const key = JSON.stringify([s.changed_at, s.fired, s.skipped]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    const every = s.every_seconds === null ? "" : `Every ${span(s.every_seconds * 1000)}`;
    const facts = /** @type {[string, string][]} */ ([
      [s.cron === null ? "Interval" : "Cron", s.cron ?? every],
      ["Time zone", s.timezone],
      [s.workflow ? "While the workflow before runs" : "While the task before runs", OVERLAP[s.overlap] ?? s.overlap],
      ["Of runs that are late", `${CATCH_UP[s.catch_up] ?? s.catch_up}, if not later than ${span(s.max_lateness_seconds * 1000)}`],
      ["Delay by chance", s.jitter_seconds === null ? "" : `up to ${span(s.jitter_seconds * 1000)}`],
      ["From", s.starts_at === null ? "" : absolute(s.starts_at)],
      ["Until", s.ends_at === null ? "" : absolute(s.ends_at)],
      ["Pauses itself", s.pause_on_failure === null ? "" : `after ${plural(s.pause_on_failure, s.workflow ? "failed workflow" : "failed task")} in a row`],
      ["Runs so far", `${integer(s.fired)} fired, ${integer(s.skipped)} skipped`],
      ["Declared in", s.declared_in ?? ""],
    ]);
    this.#facts.replaceChildren(...facts.filter(([, value]) => value !== "").map(([name, value]) => h("div", null, h("dt", null, name), h("dd", { dir: "auto" }, value))));
    text(this.#what, s.workflow ? "Its workflow" : "Its task");
    const what = s.workflow ?? s.task;
    this.#task.replaceChildren(what ? jsonView(what) : h("p", { class: "dim" }, "It was erased. Change the schedule to give it one."));
  }

  /** @param {Schedule} s @param {PlaceContext} c */
  #drawTimes(s, c) {
    show(this.#noNext, s.next_runs.length === 0);
    text(this.#noNext, s.paused ? "None while it is paused." : "It is not due any more.");
    const seconds = haveSeconds(s.next_runs);
    const words = s.next_runs.map((at) => [inZone(at, s.timezone, seconds), ago(at, c.now), absolute(at)]);
    while (this.#next.childElementCount > words.length) this.#next.lastElementChild?.remove();
    while (this.#next.childElementCount < words.length) this.#next.append(h("li", null, h("span", { class: "num" }), " ", h("span", { class: "dim num" })));
    for (const [i, [at, soon, local]] of words.entries()) {
      const [first, second] = this.#next.children[i].children;
      text(first, at);
      text(second, soon);
      attr(first, "title", `${local} on your clock`);
    }
  }

  /** @param {PlaceContext} c */
  #drawHistory(c) {
    const runs = this.#runs ?? [];
    show(this.#noRuns, this.#runs !== null && runs.length === 0);
    show(this.#history.el, runs.length > 0);
    keyed(this.#history.body, this.#rows, runs, (r) => String(r.seq), () => new RunRow());
    const seconds = haveSeconds(runs.flatMap((r) => [r.nominal, r.last]));
    for (const r of runs) this.#rows.get(String(r.seq))?.age(c, seconds);
  }

  async #backfill() {
    const { name, timezone } = /** @type {Schedule} */ (this.#schedule);
    let done = "";
    const sent = await fillIn({
      title: `Backfill ${quoted(name)}`,
      text: "Submits the tasks of past times, each once: times that have fired are left out. At most 10,000.",
      fields: [
        { name: "from", label: "From", hint: "Such as 2026-11-01T00:00:00Z." },
        { name: "to", label: "To (exclusive)", hint: `The times themselves are those of ${timezone}.` },
      ],
      yes: "Submit them",
      send: async ({ from, to }) => {
        const { submitted, left_out } = await backfill(name, { from, to });
        done = `${plural(submitted, "task")} submitted${left_out > 0 ? `, ${integer(left_out)} left out` : ""}: ${isolated(name)}`;
      },
    });
    if (!sent) return;
    toast(done);
    this.#changed();
  }

  async #remove() {
    const { name } = /** @type {Schedule} */ (this.#schedule);
    if (!(await ask({ title: `Delete ${quoted(name)}?`, text: "It submits nothing any more. Tasks that it has submitted stay, and go on.", yes: "Delete schedule", no: "Keep it", bad: true }))) return;
    await run(
      async () => {
        this.#refresh.close();
        await deleteSchedule(name);
        location.hash = "#/schedules";
      },
      `Deleted: schedule ${isolated(name)}`,
      this.#again,
    );
  }
}

class RunRow {
  #time = h("span", { class: "num" });
  #when = h("p", { class: "place-why" });
  #what = h("span", null);
  #task = h("a", { class: "to-task" });
  #detail = h("p", { class: "place-why", dir: "auto" });
  #late = h("td", { role: "cell", "data-label": "Late" });
  el = h(
    "tr",
    { role: "row" },
    h("th", { role: "rowheader", scope: "row", class: "c-name" }, this.#time, this.#when),
    h("td", { role: "cell", "data-label": "What became of it" }, this.#what, " ", this.#task, this.#detail),
    this.#late,
  );
  /** @type {ScheduleRun} */
  #run = /** @type {any} */ (null);

  /** @param {ScheduleRun} r */
  update(r) {
    this.#run = r;
    attr(this.el, "data-outcome", r.outcome);
    text(this.#what, r.outcome === "fired" && r.status !== null ? STATUS_WORDS[r.status] : outcomeWords(r));
    show(this.#task, r.task_id !== null);
    if (r.task_id !== null) {
      attr(this.#task, "href", runHref(r));
      text(this.#task, shortId(r.task_id));
    }
    show(this.#detail, r.detail !== null);
    text(this.#detail, r.detail ?? "");
    text(this.#late, lateWords(r) || "–");
  }

  /** @param {PlaceContext} c @param {boolean} seconds whether nominal times are shown with them */
  age(c, seconds) {
    const { nominal, last } = this.#run;
    text(this.#time, nominal === null ? "Run on request" : nominalWords(nominal, seconds) + (last === null ? "" : ` to ${nominalWords(last, seconds)}`));
    text(this.#when, ago(this.#run.at, c.now));
    attr(this.#when, "title", absolute(this.#run.at));
  }
}
