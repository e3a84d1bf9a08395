// The schedules: when each is due, what its last run did, and the pause. One of them, and the form, are views of
// their own, which are loaded when they are opened.

import { may } from "../access.js";
import { attr, h, keyed, show, text } from "../dom.js";
import { absolute, ago, isolated, quoted } from "../format.js";
import { Later } from "../later.js";
import { Pushed, byName } from "../pushed.js";
import { lateWords, nextWords, outcomeWords, pausedWords, runHref } from "../schedule.js";
import { getSchedules, pauseSchedule, resumeSchedule, runSchedule } from "../scheduleapi.js";
import { STATUS_WORDS } from "../task.js";
import { headed, placeTable, run, unloaded } from "./place.js";
import { fillIn } from "./sheet.js";
import { toast } from "./toast.js";

/** @import { Message, Schedule } from "../types.js" */
/** @import { PlaceContext } from "../places.js" */

/** The item of the form for a new schedule: no schedule can have that name. */
export const NEW = "~new";

const COLUMNS = ["Schedule", "Next run", "Last run", ""];

/**
 * A part of the place: one schedule, or the form.
 * @typedef {{
 *   el: HTMLElement,
 *   title: string,
 *   open: (name: string, query: string, known: Schedule[] | null) => void,
 *   close: () => void,
 *   received: () => void,
 *   draw: (schedules: Schedule[] | null, c: PlaceContext) => void,
 * }} Part
 */

export class SchedulesView {
  views = "schedules";
  #table = placeTable("Schedules", COLUMNS);
  #wait = h("p", { class: "place-note" }, "Loading…");
  #none = h("p", { class: "place-note", hidden: true }, "There is no schedule yet. A schedule submits a task or a workflow again and again, by cron or at an interval.");
  #new = h("a", { class: "button primary operator", href: `#/schedules/${NEW}` }, "New schedule");
  #list = headed("Schedules", "A schedule submits its task or workflow at each of its times, once, whatever restarts and changes of the clock do.", h("div", { class: "place-tools" }, this.#new), this.#wait, this.#none, this.#table.el);
  el = h("div", { class: "place-shell" }, this.#list);
  /** The title of what is shown; that of the place by default. @type {string | undefined} */
  title = undefined;
  /** @type {Map<string, ScheduleItem>} */
  #rows = new Map();
  /** @type {Pushed<Schedule>} */
  #schedules;
  #dirty;
  /** @type {Part | null} */
  #part = null;
  #parts;

  /** @param {() => void} dirty */
  constructor(dirty) {
    this.#dirty = dirty;
    this.#schedules = new Pushed({ view: "schedules", key: (s) => s.name, before: byName, fetch: getSchedules, failed: unloaded(this.#wait, "schedules"), changed: dirty });
    const again = () => this.#schedules.again();
    const failed = () => toast("Part of the page could not be loaded. Reload the page when the server can be reached.", { bad: true });
    this.#parts = {
      one: new Later(() => import("./schedule.js"), ({ ScheduleView }) => new ScheduleView(dirty, again), failed),
      form: new Later(() => import("./scheduleform.js"), ({ ScheduleForm }) => new ScheduleForm(again), failed),
    };
    void this.#parts.one.prefetch().catch(() => {});
    void this.#parts.form.prefetch().catch(() => {});
  }

  open() {
    this.#schedules.open();
  }

  close() {
    this.#schedules.close();
    this.#part?.close();
  }

  /** @param {{ item: string, query: string }} at */
  show({ item, query }) {
    const [name, what = ""] = item.split("/");
    this.#part?.close();
    this.#part = null;
    this.title = item === "" ? undefined : name === NEW ? "New schedule" : name;
    this.el.replaceChildren(this.#list);
    if (item === "") return this.#dirty();
    const later = name === NEW || what === "edit" ? this.#parts.form : this.#parts.one;
    this.el.replaceChildren();
    const title = this.title;
    void /** @type {Promise<Part | null>} */ (later.get()).then((part) => {
      if (part === null || this.title !== title) return;
      this.#part = part;
      part.open(name === NEW ? "" : name, query, this.#schedules.rows);
      this.el.replaceChildren(part.el);
      this.#dirty();
    });
  }

  /** @param {Message} m */
  received(m) {
    for (const row of m.views?.schedules?.rows ?? []) {
      const known = this.#schedules.rows?.find((s) => s.name === row.name);
      if (known?.changed_at === row.changed_at) Object.assign(row, { task: known?.task, workflow: known?.workflow });
      else this.#schedules.soon(); // a message has no exact numbers
    }
    if (this.#schedules.received(m)) this.#part?.received();
  }

  /** @param {PlaceContext} c */
  draw(c) {
    if (this.#part) return this.#part.draw(this.#schedules.rows, c);
    const list = this.#schedules.rows;
    show(this.#new, may("operator"));
    show(this.#wait, list === null);
    show(this.#none, list?.length === 0);
    show(this.#table.el, list !== null && list.length > 0);
    if (list === null) return;
    const again = () => this.#schedules.again();
    keyed(this.#table.body, this.#rows, list, (s) => s.name, () => new ScheduleItem(again));
    for (const s of list) this.#rows.get(s.name)?.age(c);
  }
}

class ScheduleItem {
  #name = h("a", { class: "place-name" });
  #about = h("p", { class: "place-why", dir: "auto" });
  #paused = h("p", { class: "place-why place-warn", dir: "auto" });
  #next = h("span", null);
  #last = h("span", null);
  #task = h("a", { class: "to-task" });
  #late = h("p", { class: "place-why" });
  #buttons = scheduleButtons(() => this.#schedule, () => this.#again());
  el = h(
    "tr",
    { role: "row" },
    h("th", { role: "rowheader", scope: "row", class: "c-name" }, this.#name, this.#about, this.#paused),
    h("td", { role: "cell", "data-label": "Next run" }, this.#next),
    h("td", { role: "cell", "data-label": "Last run" }, this.#last, " ", this.#task, this.#late),
    h("td", { role: "cell", class: "c-act" }, h("div", { class: "place-buttons" }, ...this.#buttons.all)),
  );
  #again;
  /** @type {Schedule} */
  #schedule = /** @type {any} */ (null);

  /** @param {() => void} again fetches the schedules */
  constructor(again) {
    this.#again = again;
  }

  /** @param {Schedule} s */
  update(s) {
    this.#schedule = s;
    attr(this.el, "data-schedule", s.name);
    attr(this.el, "data-paused", s.paused);
    text(this.#name, s.name);
    attr(this.#name, "href", `#/schedules/${encodeURIComponent(s.name)}`);
    text(this.#about, aboutWords(s));
    show(this.#paused, s.paused);
    this.#buttons.update(s);
  }

  /** Updates the times. @param {PlaceContext} c */
  age(c) {
    const s = this.#schedule;
    text(this.#paused, pausedWords(s, c.now));
    text(this.#next, nextWords(s, c.now));
    attr(this.#next, "title", s.next_runs.length > 0 ? absolute(s.next_runs[0]) : null);
    const last = s.last_run;
    text(this.#last, last === null ? "–" : last.outcome === "fired" ? ago(last.at, c.now) : `${ago(last.at, c.now)}, ${outcomeWords(last).toLowerCase()}`);
    attr(this.#last, "title", last === null ? null : absolute(last.at));
    show(this.#task, last?.outcome === "fired" && last.task_id !== null);
    if (last?.task_id) {
      attr(this.#task, "href", runHref(last));
      text(this.#task, last.status === null ? (last.workflow_id === null ? "Task" : "Workflow") : STATUS_WORDS[last.status]);
      attr(this.#task, "data-status", last.status);
    }
    const late = last === null ? "" : lateWords(last);
    show(this.#late, late !== "");
    text(this.#late, late);
  }
}

/** When a schedule is due and what it submits. @param {Schedule} s */
function aboutWords(s) {
  const zone = s.cron === null || s.in_words.includes(s.timezone) ? "" : ` (${s.timezone})`;
  return `${s.in_words}${zone} · ${isolated(s.workflow ? `workflow ${s.workflow.name}` : (s.task?.task_type ?? "its task was erased"))}`;
}

/**
 * The buttons of a schedule: run now, and pause or resume.
 * @param {() => Schedule} of
 * @param {() => void} again fetches the schedules
 */
export function scheduleButtons(of, again) {
  const start = h("button", { type: "button", class: "button small quiet operator" }, "Run now");
  const pause = h("button", { type: "button", class: "button small operator" });
  start.addEventListener("click", () => {
    const { name } = of();
    void run(async () => void (await runSchedule(name)), `Submitted: a run of ${isolated(name)}`, again);
  });
  pause.addEventListener("click", () => void pauseOrResume(of(), again));
  return {
    all: [start, pause],
    /** @param {Schedule} s */
    update(s) {
      for (const button of [start, pause]) show(button, may("operator"));
      attr(start, "aria-label", `Run ${s.name} now`);
      text(pause, s.paused ? "Resume" : "Pause");
      attr(pause, "class", s.paused ? "button small primary operator" : "button small operator");
      attr(pause, "aria-label", `${s.paused ? "Resume" : "Pause"} ${s.name}`);
    },
  };
}

/** @param {Schedule} s @param {() => void} again */
async function pauseOrResume({ name, paused }, again) {
  if (paused) return run(() => resumeSchedule(name), `Resumed: schedule ${isolated(name)}`, again);
  await fillIn({
    title: `Pause ${quoted(name)}`,
    text: "It submits nothing until somebody resumes it. The times that pass meanwhile are skipped.",
    fields: [{ name: "reason", label: "Reason (optional)", hint: "Everyone who looks at the schedule can read it.", long: true }],
    yes: "Pause schedule",
    send: ({ reason }) => pauseSchedule(name, reason),
  });
  again();
}
