// The form that creates or changes a schedule. While it is filled in, the server says in words when the schedule
// would be due.

import { Problem, getTaskTypes } from "../api.js";
import { h, icon, show, text } from "../dom.js";
import { isolated, quoted } from "../format.js";
import { parse } from "../exact.js";
import { haveSeconds, inZone } from "../schedule.js";
import { preview, saveSchedule } from "../scheduleapi.js";
import { readNumber } from "../schema.js";
import { getTask } from "../taskapi.js";
import { fieldView } from "./field.js";
import { inOrder } from "./hints.js";
import { TaskFields } from "./taskfields.js";
import { toast } from "./toast.js";

/** @import { FieldError, Schedule, TaskType } from "../types.js" */
/** @import { Field, Kind } from "../schema.js" */
/** @import { FieldView } from "./field.js" */

/** How long the page waits for another key before it asks for the times, in milliseconds. */
const DEBOUNCE = 250;

/**
 * @param {string} name
 * @param {Kind} kind
 * @param {string} label
 * @param {Partial<Field>} [more]
 * @returns {Field}
 */
function field(name, kind, label, more = {}) {
  return { name, kind, label, hint: "", required: false, default: undefined, options: [], min: null, max: null, maxItems: null, placeholder: "", ...more };
}

const WHEN = [
  field("name", "string", "Name", { hint: "A to Z, a to z, 0 to 9, dot, underscore and hyphen.", placeholder: "nightly-report", required: true }),
  field("timezone", "string", "Time zone", { placeholder: "UTC", hint: "An IANA name." }),
  field("cron", "string", "Cron expression", { placeholder: "30 2 * * *", hint: "Minute, hour, day, month, day of the week; with seconds first, or @daily." }),
  field("every_seconds", "number", "Or every, in seconds", { min: 1, placeholder: "3600" }),
];

const MORE = [
  field("overlap", "enum", "While the task before runs", { options: ["skip", "allow", "buffer_one", "cancel_other"], default: "skip" }),
  field("catch_up", "enum", "Late runs that fire", { options: ["one", "none", "all"], default: "one", hint: "As after a stop of the server." }),
  field("max_lateness_seconds", "number", "Greatest lateness in seconds", { placeholder: "3600", min: 1 }),
  field("jitter_seconds", "number", "Delay by chance, up to seconds", { placeholder: "0", min: 0 }),
  field("pause_on_failure", "integer", "Pause after failures in a row", { placeholder: "never", min: 1 }),
  field("starts_at", "string", "Not before", { placeholder: "2026-12-01T00:00:00Z" }),
  field("ends_at", "string", "Not after", { placeholder: "2027-01-01T00:00:00Z" }),
];

const WORKFLOW = field("workflow", "json", "Workflow", { required: true, hint: "JSON, as POST /api/workflows takes it. depends_on names the tasks that come before." });

/** What a new one begins with. */
const EXAMPLE = { name: "nightly", tasks: { fetch: { task_type: "SLEEP", parameters: { seconds: 1 } }, report: { task_type: "SLEEP", depends_on: ["fetch"] } } };

/** Lines of the workflow that are in view. */
const LINES = 16;

/** The fields that say when it is due. */
const TIMES = ["cron", "every_seconds", "timezone", "jitter_seconds", "starts_at", "ends_at"];

export class ScheduleForm {
  title = "";
  #heading = h("h1", { tabindex: -1 });
  #wait = h("p", { class: "place-note", hidden: true });
  #problem = h("div", { class: "form-problem", role: "alert", hidden: true });
  #preview = h("div", { class: "place-preview", role: "status" });
  #times = h("div", { class: "fields" });
  #policies = h("div", { class: "fields" });
  #type = h("select", { class: "input", id: "schedule-type" });
  #what = h("select", { class: "input", id: "schedule-what", onchange: () => this.#showWhat() }, new Option("A task", "task"), new Option("A workflow", "workflow"));
  #taskPart = h("div", { class: "place-form" });
  #workflowPart = h("div", { class: "fields" });
  #task = new TaskFields({ queues: () => [], changed: () => this.#task.update(), prefix: "/task", without: ["run_at", "delay_seconds", "idempotency_key"] });
  #save = h("button", { class: "button primary", type: "submit" });
  #back = h("a", { class: "button" }, "Cancel");
  #form = h(
    "form",
    { class: "place-form", novalidate: true },
    this.#problem,
    h("h2", null, "When"),
    this.#times,
    this.#preview,
    h("details", { class: "advanced" }, h("summary", null, icon("chevron"), "Overlap, late runs, limits"), this.#policies),
    h("h2", null, "What it submits"),
    h("div", { class: "field" }, h("label", { for: "schedule-what" }, "Submits"), this.#what),
    this.#taskPart,
    this.#workflowPart,
    h("div", { class: "place-tools" }, this.#save, this.#back),
  );
  el = h("div", { class: "place-page" }, this.#heading, this.#wait, this.#form);
  /** @type {Map<string, FieldView>} */
  #views = new Map();
  /** @type {TaskType[]} */
  #types = [];
  /** The schedule that is changed; null: a new one. @type {Schedule | null} */
  #old = null;
  /** What the task has that the form does not show. @type {Record<string, any>} */
  #rest = {};
  /** The name of the schedule to change that is not known yet. */
  #wanted = "";
  #timer = 0;
  /** How often the form was opened. */
  #turn = 0;
  #asked = new AbortController();
  #again;

  /** @param {() => void} again fetches the schedules */
  constructor(again) {
    this.#again = again;
    this.#taskPart.append(h("div", { class: "field" }, h("label", { for: "schedule-type" }, "Type"), this.#type), this.#task.grid, this.#task.more);
    this.#type.addEventListener("change", () => this.#choose(this.#type.value));
    this.#form.addEventListener("submit", (e) => {
      e.preventDefault();
      void this.#send();
    });
  }

  /**
   * @param {string} name "" = a new one
   * @param {string} query with task=ID, a new one for such tasks
   * @param {Schedule[] | null} known
   */
  open(name, query, known) {
    this.title = name;
    this.#wanted = name;
    this.#old = null;
    this.#rest = {};
    this.#types = []; // they are fetched again: a worker may have offered one since
    this.#build();
    text(this.#heading, name === "" ? "New schedule" : `Change ${quoted(name)}`);
    text(this.#save, name === "" ? "Create schedule" : "Save changes");
    this.#back.href = name === "" ? "#/schedules" : `#/schedules/${encodeURIComponent(name)}`;
    show(this.#form, name === "");
    show(this.#wait, name !== "");
    text(this.#wait, "Loading…");
    void this.#start(name, new URLSearchParams(query).get("task"), known);
  }

  close() {
    clearTimeout(this.#timer);
    this.#asked.abort();
  }

  received() {}

  /** @param {Schedule[] | null} schedules */
  draw(schedules) {
    if (this.#wanted === "" || schedules === null || this.#types.length === 0) return;
    const s = schedules.find((one) => one.name === this.#wanted);
    if (!s) return text(this.#wait, `There is no schedule ${quoted(this.#wanted)}.`);
    this.#wanted = "";
    this.#fill(s);
  }

  #build() {
    for (const [fields, into] of /** @type {[Field[], HTMLElement][]} */ ([[WHEN, this.#times], [MORE, this.#policies], [[WORKFLOW], this.#workflowPart]])) {
      into.replaceChildren(
        ...fields.map((f) => {
          const view = fieldView(f, `/${f.name}`, () => this.#changed(f.name));
          this.#views.set(f.name, view);
          return view.el;
        }),
      );
    }
    for (const area of this.#workflowPart.querySelectorAll("textarea")) area.rows = LINES;
    this.#views.get("workflow")?.set(EXAMPLE);
    this.#what.value = "task";
    this.#showWhat();
    const zone = this.#views.get("timezone")?.el.querySelector("input");
    const zones = h("datalist", { id: "schedule-zones" }, ...Intl.supportedValuesOf("timeZone").map((name) => new Option(name, name)));
    zone?.setAttribute("list", "schedule-zones");
    zone?.after(zones);
    this.#preview.replaceChildren();
    this.#refuse([], "");
  }

  /** @param {string} name @param {string | null} id @param {Schedule[] | null} known */
  async #start(name, id, known) {
    const turn = ++this.#turn;
    try {
      const [types, task] = await Promise.all([getTaskTypes(), id === null ? null : getTask(id)]);
      if (turn !== this.#turn) return; // the form was opened again meanwhile
      this.#types = /** @type {TaskType[]} */ (parse(types)).sort(inOrder);
      this.#type.replaceChildren(...this.#types.map((t) => new Option(t.title || t.name, t.name)));
      if (name !== "") return this.draw(known);
      this.#choose(task?.task_type ?? this.#types[0]?.name ?? "");
      this.#views.get("timezone")?.set(Intl.DateTimeFormat().resolvedOptions().timeZone);
      if (task) this.#fillTask(task);
      this.#views.get("name")?.focus();
    } catch (err) {
      if (!(err instanceof Problem)) throw err;
      this.#refuse([], err.message);
    }
  }

  /** Shows the fields of what it submits. */
  #showWhat() {
    const workflow = this.#what.value === "workflow";
    show(this.#taskPart, !workflow);
    show(this.#workflowPart, workflow);
  }

  /** @param {string} name of a task type */
  #choose(name) {
    let type = this.#types.find((t) => t.name === name);
    if (!type) {
      type = { name, title: name, description: "", parameters_schema: {} }; // no worker offers it now
      this.#types.push(type);
      this.#type.append(new Option(name, name));
    }
    this.#type.value = name;
    this.#task.choose(type);
    this.#task.update();
  }

  /** @param {Record<string, any>} task */
  #fillTask(task) {
    this.#task.fillParameters(task);
    this.#task.fillAdvanced(task);
    this.#task.update();
  }

  /** @param {Schedule} s */
  #fill(s) {
    this.#old = s;
    show(this.#wait, false);
    show(this.#form, true);
    const values = /** @type {Record<string, any>} */ (s);
    for (const [name, view] of this.#views) if (values[name] !== null && values[name] !== undefined) view.set(values[name]);
    const name = this.#views.get("name")?.el.querySelector("input");
    if (name) name.readOnly = true;
    this.#what.value = s.workflow ? "workflow" : "task";
    this.#showWhat();
    const { task_type, parameters, subject, queue, priority, tags, timeout_seconds, max_attempts, file_names, ...rest } = s.task ?? {};
    this.#rest = rest;
    this.#choose(task_type ?? this.#types[0]?.name);
    this.#fillTask(s.task ?? {});
    for (const [key, value] of Object.entries({ subject, max_attempts })) if (value !== undefined && value !== null) this.#task.set(key, value);
    void this.#ask();
  }

  /** @param {string} name of the field that was edited */
  #changed(name) {
    if (name === "cron" && this.#text("cron") !== "") this.#views.get("every_seconds")?.set("");
    if (name === "every_seconds" && this.#text("every_seconds") !== "") this.#views.get("cron")?.set("");
    if (!TIMES.includes(name)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), DEBOUNCE);
  }

  /** @param {string} name */
  #text(name) {
    return String(this.#views.get(name)?.get() ?? "").trim();
  }

  /** Asks the server when it would be due. */
  async #ask() {
    this.#asked.abort();
    this.#asked = new AbortController();
    const { signal } = this.#asked;
    const { body } = this.#collect();
    if (!("cron" in body) && !("every_seconds" in body)) return this.#preview.replaceChildren();
    try {
      const { in_words, next_runs } = await preview(Object.fromEntries(Object.entries(body).filter(([key]) => TIMES.includes(key))), signal);
      const zone = body.timezone ?? "UTC";
      const list = next_runs.length === 0 ? h("p", null, "It is never due.") : h("ol", { class: "place-times" }, ...next_runs.map((at) => h("li", { class: "num" }, inZone(at, zone, haveSeconds(next_runs)))));
      this.#preview.replaceChildren(h("p", null, h("strong", null, in_words)), list);
      for (const key of TIMES) this.#views.get(key)?.error("");
    } catch (err) {
      if (!(err instanceof Problem)) return; // another question is on its way
      this.#preview.replaceChildren();
      for (const { pointer, detail } of err.errors) this.#views.get(pointer.split("/")[1])?.error(detail);
    }
  }

  /** @returns {{ body: Record<string, any>, errors: FieldError[] }} */
  #collect() {
    /** @type {Record<string, any>} */
    const body = {};
    const errors = [];
    for (const f of [...WHEN, ...MORE]) {
      const raw = this.#text(f.name);
      if (raw === "") continue;
      const { value, error } = f.kind === "string" || f.kind === "enum" ? { value: raw, error: undefined } : readNumber(f, raw);
      if (error) errors.push({ pointer: `/${f.name}`, detail: error });
      else body[f.name] = value;
    }
    if (this.#old) body.dst = this.#old.dst;
    if (this.#what.value === "workflow") {
      try {
        body.workflow = parse(this.#text("workflow"));
      } catch (err) {
        errors.push({ pointer: "/workflow", detail: `is no JSON: ${err instanceof Error ? err.message : err}` });
      }
      return { body, errors };
    }
    const task = this.#task.collect();
    body.task = { ...this.#rest, task_type: this.#type.value, ...task.body };
    return { body, errors: [...errors, ...task.errors] };
  }

  async #send() {
    if (this.#save.disabled) return;
    this.#refuse([], "");
    const { body, errors } = this.#collect();
    if (errors.length > 0) return this.#refuse(errors, "");
    this.#save.disabled = true;
    try {
      await saveSchedule(body, this.#old !== null);
      toast(`${this.#old ? "Changed" : "Created"}: schedule ${isolated(body.name)}`);
      this.#again();
      location.hash = `#/schedules/${encodeURIComponent(body.name)}`;
    } catch (err) {
      if (!(err instanceof Problem)) throw err;
      this.#refuse(err.errors, err.errors.length > 0 ? "" : err.message);
    } finally {
      this.#save.disabled = false;
    }
  }

  /** Shows each error at its field. @param {FieldError[]} errors @param {string} message */
  #refuse(errors, message) {
    const views = [...this.#views.values()];
    if (errors.length === 0) for (const v of views) v.error("");
    if (errors.length === 0) this.#task.clearErrors();
    const { first, rest } = this.#task.refuse(atWorkflow(errors), views);
    if (message !== "") rest.unshift(message);
    show(this.#problem, rest.length > 0);
    this.#problem.replaceChildren(...(rest.length > 0 ? [icon("FAILED"), h("p", null, rest.join("\n"))] : []));
    if (first) {
      const details = first.el.closest("details");
      if (details) details.open = true;
      first.focus();
    } else if (rest.length > 0) this.#problem.scrollIntoView({ block: "nearest" });
  }
}

/** All errors within the workflow as one of its field, with the place of each. @param {FieldError[]} errors */
function atWorkflow(errors) {
  const within = errors.filter((e) => e.pointer.startsWith("/workflow/"));
  if (within.length === 0) return errors;
  const detail = within.map((e) => `at ${e.pointer.slice("/workflow/".length)}: ${e.detail}`).join("\n");
  return [...errors.filter((e) => !within.includes(e)), { pointer: "/workflow", detail }];
}
