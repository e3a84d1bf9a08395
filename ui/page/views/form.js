// The form that submits a task, drawn from the type's own schema.

import { Problem, lead } from "../api.js";
import { byId, h, icon, show, text } from "../dom.js";
import { parse, stringify } from "../exact.js";
import { isolated, shortId } from "../format.js";
import { typeForFile } from "../schema.js";
import { retryAs, submit } from "../taskapi.js";
import { copyText } from "./copy.js";
import { inOrder } from "./hints.js";
import { TaskFields } from "./taskfields.js";
import "./icons.js";

/** @import { FieldError, Task, TaskType } from "../types.js" */

/** @typedef {{ submitted: (task: Task) => void, queues: () => string[], href: (id: string) => string }} FormActions */

export class FormView {
  #dialog = /** @type {HTMLDialogElement} */ (byId("form"));
  #actions;
  /** @type {TaskType[]} */
  #types = [];
  /** @type {TaskType | null} */
  #type = null;
  #fields;
  #choices = h("div", { class: "types", role: "radiogroup", "aria-label": "Type" });
  #about = h("p", { class: "type-about" });
  #problem = h("div", { class: "form-problem", role: "alert", hidden: true });
  #done = h("div", { class: "form-done", role: "status", hidden: true });
  #submit = h("button", { class: "button primary", type: "submit" });
  #again = h("input", { type: "checkbox" });
  #another = h("label", { class: "again" }, this.#again, "Submit another");
  #heading = h("h2", { id: "form-title", tabindex: -1 }, "New task");
  /** The task that is retried with changes; null: the form submits a new one. @type {Task | null} */
  #retryOf = null;
  #busy = false;
  #built = false;
  #json = "";

  /** @param {FormActions} actions */
  constructor(actions) {
    this.#actions = actions;
    this.#fields = new TaskFields({ queues: actions.queues, changed: () => this.#changed() });
  }

  /** @param {string} json the task types, as the server gives them */
  setTypes(json) {
    if (json === this.#json) return;
    this.#json = json;
    const chosen = this.#type;
    this.#types = /** @type {TaskType[]} */ (parse(json)).sort(inOrder);
    const at = this.#types.findIndex((t) => t.name === chosen?.name);
    // A type that was declared anew gets new fields, unless somebody is filling in the old ones.
    const anew = chosen !== null && at >= 0 && JSON.stringify(chosen) !== JSON.stringify(this.#types[at]) && !this.#fields.touched;
    if (chosen !== null && at >= 0 && !anew) this.#types[at] = chosen;
    this.#choices.replaceChildren(...this.#types.map((t) => this.#choice(t)));
    if (anew) this.#choose(this.#types[at]);
  }

  get isOpen() {
    return this.#dialog.open;
  }

  /**
   * Opens the form, with a type, the values of a task, or files. With retry, it retries the
   * task with other parameters.
   * @param {{ type?: string, files?: File[], task?: Task, retry?: boolean }} [how]
   */
  open(how = {}) {
    this.#build();
    const files = how.files ?? [];
    if (!this.isOpen) show(this.#done, false);
    const byFile = files.length > 0 ? typeForFile(this.#types, files[0]) : null;
    const takes = files.length > 0 && this.isOpen && this.#fileField(files) ? this.#type : null;
    const type = takes ?? byFile ?? this.#types.find((t) => t.name === how.type) ?? this.#type ?? this.#types[0];
    if (!type) return;
    const retryOf = how.retry && how.task?.task_type === type.name ? how.task : this.isOpen && type === this.#type ? this.#retryOf : null;
    if (type !== this.#type || how.task || retryOf !== this.#retryOf) {
      this.#retryOf = retryOf;
      this.#choose(type);
    }
    if (how.task) this.#fill(how.task);
    if (!this.isOpen) this.#dialog.showModal();
    if (files.length > 0) this.#give(files);
    else this.#fields.focus();
  }

  #build() {
    if (this.#built) return;
    this.#built = true;
    const close = h("button", { type: "button", class: "button quiet small icon-only", "aria-label": "Close", onclick: () => this.#dialog.close() }, icon("x"));
    const curl = h("button", { type: "button", class: "button quiet small" }, "Copy as curl");
    curl.addEventListener("click", async () => {
      const done = await copyText(this.#curl());
      text(curl, done ? "Copied" : "Could not copy");
      setTimeout(() => text(curl, "Copy as curl"), 1400);
    });
    const form = h(
      "form",
      { class: "form", novalidate: true },
      h("header", { class: "form-head" }, this.#heading, close),
      h("div", { class: "form-body" }, this.#done, this.#choices, this.#about, this.#problem, this.#fields.grid, this.#fields.more),
      h(
        "footer",
        { class: "form-foot" },
        curl,
        this.#another,
        this.#submit,
      ),
    );
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      void this.#send();
    });
    form.addEventListener("keydown", (e) => {
      if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
        e.preventDefault();
        void this.#send();
      }
    });
    this.#dialog.addEventListener("click", (e) => {
      if (e.target === this.#dialog && !this.#fields.touched) this.#dialog.close();
    });
    this.#dialog.replaceChildren(form);
  }

  /** @param {TaskType} t */
  #choice(t) {
    const known = document.getElementById(`i-t-${t.name}`) ? `t-${t.name}` : "t-OTHER";
    const radio = h("input", { type: "radio", name: "type", value: t.name, class: "sr", checked: t === this.#type });
    radio.addEventListener("change", () => this.#choose(t));
    return h("label", { class: "type" }, radio, icon(known, "type-icon"), h("span", null, t.title || t.name));
  }

  /** @param {TaskType} type */
  #choose(type) {
    this.#type = type;
    for (const radio of this.#choices.querySelectorAll("input")) radio.checked = radio.value === type.name;
    text(this.#about, this.#retryOf ? `Creates another ${isolated(type.title || type.name)} task with these parameters. Everything else is copied from task ${shortId(this.#retryOf.id)}.` : (type.description ?? ""));
    text(this.#heading, this.#retryOf ? "Retry with changes" : "New task");
    for (const part of [this.#choices, this.#fields.more, this.#another]) show(part, this.#retryOf === null);
    this.#fields.choose(type);
    this.#clearErrors();
    this.#changed();
  }

  /** @param {Task} task */
  #fill(task) {
    this.#fields.fillParameters(task);
    if (!this.#retryOf) this.#fields.fillAdvanced(task);
    this.#changed();
  }

  /** The field that takes such files. @param {File[]} files */
  #fileField(files) {
    const picture = typeForFile(this.#types, files[0])?.name;
    if (this.#type?.name !== picture) return undefined;
    return this.#fields.views.find((v) => v.addFiles);
  }

  /** @param {File[]} files */
  #give(files) {
    this.#fields.give(files, `a task takes one file: ${isolated(files[0].name)} was taken, ${files.length - 1} left out`);
    this.#heading.focus(); // #changed moves it to the button after the uploads
  }

  /** Draws again what the button says. */
  leadChanged() {
    if (this.#busy) this.#changed();
  }

  #changed() {
    this.#fields.update();
    const { busy } = this.#fields;
    this.#submit.disabled = busy || this.#busy;
    const sends = lead.node === "" ? "No node leads: trying again…" : "Submitting…";
    text(this.#submit, this.#busy ? sends : busy ? "Uploading…" : this.#retryOf ? "Retry task" : "Submit task");
    if (!busy && document.activeElement === this.#heading) this.#submit.focus();
  }

  #clearErrors() {
    show(this.#problem, false);
    show(this.#done, false);
    this.#fields.clearErrors();
  }

  #collect() {
    const { body, errors } = this.#fields.collect();
    return { body: /** @type {Record<string, any>} */ ({ task_type: this.#type?.name ?? "", ...body }), errors };
  }

  async #send() {
    if (this.#busy || this.#submit.disabled) return;
    this.#clearErrors();
    const { body, errors } = this.#collect();
    if (errors.length > 0) return this.#refuse(errors, "");
    this.#busy = true;
    this.#changed();
    try {
      const task = await (this.#retryOf ? retryAs(this.#retryOf.id, body.parameters) : submit(body));
      if (this.#again.checked && !this.#retryOf) return this.#anew(task);
      this.#dialog.close();
      this.#type = null; // a fresh form next time
      this.#actions.submitted(task);
    } catch (err) {
      if (!(err instanceof Problem)) throw err;
      this.#refuse(err.errors, err.errors.length > 0 ? "" : err.message);
    } finally {
      this.#busy = false;
      this.#changed();
    }
  }

  /** Stays open for another task. It clears the idempotency key, which would return the same task. @param {Task} task */
  #anew(task) {
    this.#fields.set("idempotency_key", "");
    const link = h("a", { href: this.#actions.href(task.id), onclick: () => this.#dialog.close() }, "Open it");
    this.#done.replaceChildren(icon("SUCCESS"), h("span", null, `Submitted ${shortId(task.id)}. Edit the form to submit another.`), link);
    show(this.#done, true);
    this.#done.scrollIntoView({ block: "nearest" });
  }

  /**
   * Shows each error at its field.
   * @param {FieldError[]} errors
   * @param {string} message
   */
  #refuse(errors, message) {
    const { first, rest } = this.#fields.refuse(errors);
    if (message !== "") rest.unshift(message);
    show(this.#problem, rest.length > 0);
    this.#problem.replaceChildren(...(rest.length > 0 ? [icon("FAILED"), h("p", null, rest.join("\n"))] : []));
    if (first) first.focus();
    else this.#problem.scrollIntoView({ block: "nearest" });
  }

  #curl() {
    const whole = this.#collect().body;
    const path = this.#retryOf ? `api/tasks/${this.#retryOf.id}/retry` : "api/tasks/submit";
    const body = stringify(this.#retryOf ? { parameters: whole.parameters } : whole).replace(/'/g, "'\\''");
    return `curl -s ${new URL(path, document.baseURI)} -H 'Content-Type: application/json' -d '${body}'`;
  }
}
