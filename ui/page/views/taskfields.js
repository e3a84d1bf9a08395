// The fields of a task to submit: its parameters, by the schema of its type, and those that all types have.

import { h, icon, show } from "../dom.js";
import { stringify } from "../exact.js";
import { OTHERS, fieldOf, fieldsOf, parametersOf, pointerOf } from "../schema.js";
import { advancedFields, advancedOf } from "./advanced.js";
import { fieldView } from "./field.js";
import { isRelevant } from "./hints.js";

/** @import { FieldError, TaskType } from "../types.js" */
/** @import { Field, Value } from "../schema.js" */
/** @import { FieldView } from "./field.js" */

/** What is known of a task that the fields are filled from. @typedef {Record<string, any>} Filled */

export class TaskFields {
  grid = h("div", { class: "fields" });
  #advancedGrid = h("div", { class: "fields" });
  more = h("details", { class: "advanced" }, h("summary", null, icon("chevron"), "Subject, queue, time and attempts"), this.#advancedGrid);
  /** Of the parameters. @type {FieldView[]} */
  views = [];
  #how;
  /** @type {Field[]} */
  #fields = [];
  /** @type {FieldView[]} */
  #advanced = [];

  /** @param {{ queues: () => string[], changed: () => void, prefix?: string, without?: string[] }} how prefix is that of the pointers */
  constructor(how) {
    this.#how = how;
  }

  /** Shows the fields of a type, empty. @param {TaskType} type */
  choose(type) {
    const { prefix = "", without = [], changed, queues } = this.#how;
    this.#fields = fieldsOf(type.parameters_schema, type.defaults);
    this.views = this.#fields.map((f) => fieldView(f, prefix + pointerOf(f), changed));
    this.grid.replaceChildren(...this.views.map((v) => v.el));
    this.#advanced = advancedFields(queues(), changed, prefix, without);
    this.#advancedGrid.replaceChildren(...this.#advanced.map((v) => v.el));
  }

  /** @param {Filled} task */
  fillParameters(task) {
    const named = new Set(this.#fields.map((f) => f.name));
    const others = Object.entries(task.parameters ?? {}).filter(([name]) => !named.has(name));
    for (const [i, f] of this.#fields.entries()) {
      const value = f.name !== OTHERS ? task.parameters?.[f.name] : others.length > 0 ? Object.fromEntries(others) : undefined;
      if (value !== undefined && stringify(value) !== stringify(f.default)) this.views[i].set(value, task.file_names);
    }
  }

  /** Fills in what all types have. @param {Filled} task */
  fillAdvanced(task) {
    if (task.queue && task.queue !== "default") this.set("queue", task.queue);
    if (task.priority) this.set("priority", task.priority);
    if (task.tags?.length > 0) this.set("tags", task.tags.join(", "));
    if (task.timeout_seconds) this.set("timeout_seconds", task.timeout_seconds);
  }

  /** Sets one of the fields that all types have. @param {string} name @param {any} value */
  set(name, value) {
    this.#advanced.find((v) => v.pointer.endsWith(`/${name}`))?.set(value);
  }

  focus() {
    (this.views[0] ?? this.#advanced[0])?.focus();
  }

  get busy() {
    return this.views.some((v) => v.busy());
  }

  get touched() {
    return this.views.some((v) => v.busy() || (typeof v.get() === "string" ? v.get() !== "" : Array.isArray(v.get()) && /** @type {string[]} */ (v.get()).length > 0));
  }

  /** Takes files that were dropped. @param {File[]} files @param {string} leftOut what to say when not all are taken */
  give(files, leftOut) {
    const field = this.views.find((v) => v.addFiles);
    field?.addFiles?.(files);
    const one = this.#fields[this.views.indexOf(/** @type {FieldView} */ (field))]?.kind === "file";
    if (one && files.length > 1) field?.error(leftOut);
  }

  /** Shows the parameters that matter with the others as they are. */
  update() {
    const form = {
      takesFiles: this.views.some((v) => v.addFiles),
      hasFiles: this.views.some((v) => v.addFiles && (v.busy() || /** @type {string[]} */ (v.get()).length > 0)),
      operation: this.#value("operation"),
    };
    for (const [i, f] of this.#fields.entries()) show(this.views[i].el, f.name === OTHERS ? this.#showsOthers(i) : isRelevant(f.name, form));
  }

  /** Whether the field of other parameters is shown: it is the only one, has a value, or is being edited. @param {number} i */
  #showsOthers(i) {
    const view = this.views[i];
    return this.#fields.length === 1 || view.get() !== "" || view.el.contains(document.activeElement);
  }

  /** @param {string} name */
  #value(name) {
    const i = this.#fields.findIndex((f) => f.name === name);
    return i < 0 ? null : String(this.views[i].get() ?? "");
  }

  clearErrors() {
    for (const v of [...this.views, ...this.#advanced]) v.error("");
  }

  /** The members of a submit, but for its type. @returns {{ body: Record<string, any>, errors: FieldError[] }} */
  collect() {
    /** @type {Record<string, Value>} */
    const values = {};
    for (const [i, f] of this.#fields.entries()) {
      const value = this.views[i].get();
      if (value !== undefined && !this.views[i].el.hidden) values[f.name] = value;
    }
    const { parameters, errors } = parametersOf(this.#fields, values);
    const advanced = advancedOf(this.#advanced);
    const names = Object.assign({}, ...this.views.filter((v) => !v.el.hidden).map((v) => v.names?.() ?? {}));
    const named = Object.keys(names).length > 0 ? { file_names: names } : {};
    const { prefix = "" } = this.#how;
    const all = [...errors, ...advanced.errors].map((e) => ({ ...e, pointer: prefix + e.pointer }));
    return { body: { parameters, ...named, ...advanced.body }, errors: all };
  }

  /**
   * Shows each error at its field, of these or of others.
   * @param {FieldError[]} errors
   * @param {FieldView[]} [others]
   * @returns {{ first: FieldView | null, rest: string[] }} the field to go to, and what belongs to none
   */
  refuse(errors, others = []) {
    const all = [...others, ...this.views, ...this.#advanced];
    const byPointer = new Map(all.map((v) => [v.pointer, v]));
    /** @type {FieldView | null} */
    let first = null;
    const rest = [];
    for (const e of errors) {
      const at = fieldOf(e.pointer, byPointer.keys());
      const view = at === null ? undefined : byPointer.get(at);
      if (!view) {
        rest.push(`${e.pointer} ${e.detail}`.trim());
        continue;
      }
      const inner = e.pointer.slice(view.pointer.length);
      view.error(inner === "" ? e.detail : `${inner.replace(/^\//, "item ").replace(/\d+/, (n) => String(Number(n) + 1))}: ${e.detail}`);
      first ??= view;
      if (this.#advanced.includes(view)) this.more.open = true;
    }
    return { first, rest };
  }
}
