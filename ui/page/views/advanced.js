// The fields of the form that all types have.

import { readNumber } from "../schema.js";
import { fieldView } from "./field.js";

/** @import { FieldError } from "../types.js" */
/** @import { Field, Kind } from "../schema.js" */
/** @import { FieldView } from "./field.js" */

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

/** @type {Field[]} */
const FIELDS = [
  field("subject", "string", "Subject", { hint: "One line that says which task it is. By default, made from the parameters." }),
  field("queue", "string", "Queue", { placeholder: "default" }),
  field("priority", "integer", "Priority", { placeholder: "0", min: -100, max: 100, hint: "A point counts like having waited 5 minutes longer." }),
  field("delay_seconds", "number", "Delay in seconds", { placeholder: "0", min: 0 }),
  field("run_at", "string", "Or not before", { hint: "Your local time." }),
  field("max_attempts", "integer", "Maximum attempts", { placeholder: "3", min: 1 }),
  field("timeout_seconds", "number", "Time limit in seconds", { placeholder: "the server's", min: 0, hint: "For each attempt; 0 = no limit." }),
  field("tags", "string", "Tags", { placeholder: "nightly, import", hint: "Separate tags with commas." }),
  field("concurrency_key", "string", "Concurrency key", { hint: "What the limits of the queue for each key go by, such as a customer." }),
  field("idempotency_key", "string", "Idempotency key", { hint: "Submitting again with the same key returns the same task." }),
];

/**
 * @param {string[]} queues names to suggest
 * @param {() => void} changed
 * @param {string} prefix of their pointers
 * @param {string[]} without names of fields to leave out
 * @returns {FieldView[]}
 */
export function advancedFields(queues, changed, prefix, without) {
  return FIELDS.filter((f) => !without.includes(f.name)).map((f) => {
    const view = fieldView(f, `${prefix}/${f.name}`, changed);
    const input = view.el.querySelector("input");
    if (f.name === "run_at" && input) {
      input.type = "datetime-local";
      input.step = "1";
    }
    if (f.name === "queue" && input) {
      const list = document.createElement("datalist");
      list.id = `${input.id}-known`;
      for (const q of queues) list.append(new Option(q, q));
      input.setAttribute("list", list.id);
      view.el.append(list);
    }
    return view;
  });
}

/**
 * The values of the fields, as members of a submit.
 * @param {FieldView[]} views
 * @returns {{ body: Record<string, any>, errors: FieldError[] }}
 */
export function advancedOf(views) {
  /** @type {Record<string, any>} */
  const body = {};
  /** @type {FieldError[]} */
  const errors = [];
  for (const f of FIELDS) {
    const view = views.find((v) => v.pointer.endsWith(`/${f.name}`));
    const raw = String(view?.get() ?? "").trim();
    if (raw === "") continue;
    const { value, error } = read(f, raw);
    if (error) errors.push({ pointer: `/${f.name}`, detail: error });
    else body[f.name] = value;
  }
  if ("run_at" in body && "delay_seconds" in body) errors.push({ pointer: "/run_at", detail: "choose a delay or a time, not both" });
  return { body, errors };
}

/**
 * @param {Field} f
 * @param {string} raw
 * @returns {{ value?: any, error?: string }}
 */
function read(f, raw) {
  if (f.name === "tags") return { value: raw.split(",").map((t) => t.trim()).filter(Boolean) };
  if (f.name === "run_at") {
    const t = new Date(raw);
    return Number.isNaN(t.getTime()) ? { error: "must be a date and time" } : { value: t.toISOString() };
  }
  if (f.kind === "string") return { value: raw };
  return readNumber(f, raw);
}
