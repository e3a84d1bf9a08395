// A form's fields from a JSON Schema, and the parameters from what was typed. Pure.

import { Exact, compare, exact, isNumber, isWhole, numberText, parse, stringify } from "./exact.js";
import { humanize } from "./format.js";

/** @import { FieldError } from "./types.js" */

/** @typedef {"integer" | "number" | "boolean" | "enum" | "string" | "text" | "lines" | "file" | "files" | "json"} Kind */

/**
 * @typedef {{
 *   name: string,
 *   kind: Kind,
 *   label: string,
 *   hint: string,
 *   required: boolean,
 *   default: any,
 *   options: any[],
 *   min: number | Exact | null,
 *   max: number | Exact | null,
 *   maxItems: number | null,
 *   placeholder: string,
 * }} Field
 */

/** What a field holds: text as typed, a tick, or ids of files. @typedef {string | boolean | string[]} Value */

const FILE = "daybook-file";

/** The name of the field for parameters that the schema allows but does not name. It holds a JSON object. */
export const OTHERS = "";

/**
 * The fields of an object's schema, in the order it names them, then OTHERS if it allows more.
 * @param {any} schema
 * @param {Record<string, any>} [defaults]
 * @returns {Field[]}
 */
export function fieldsOf(schema, defaults = {}) {
  const required = new Set(Array.isArray(schema?.required) ? schema.required : []);
  const fields = Object.entries(schema?.properties ?? {}).map(([name, raw]) => {
    const p = resolve(raw, schema);
    const kind = kindOf(p, schema);
    const fallback = name in defaults ? defaults[name] : p.default;
    return {
      name,
      kind,
      label: typeof p.title === "string" ? p.title : humanize(name),
      hint: hintOf(p, kind),
      required: required.has(name),
      default: fallback,
      options: kind === "enum" ? p.enum : [],
      min: bound(p.minimum, p.exclusiveMinimum),
      max: bound(p.maximum, p.exclusiveMaximum),
      maxItems: typeof p.maxItems === "number" ? p.maxItems : null,
      placeholder: placeholderOf(fallback, p),
    };
  });
  return schema?.additionalProperties === false ? fields : [...fields, othersField(fields.length > 0)];
}

/**
 * @param {boolean} besides there are other fields
 * @returns {Field}
 */
function othersField(besides) {
  return {
    name: OTHERS,
    kind: "json",
    label: besides ? "Other parameters" : "Parameters",
    hint: "A JSON object.",
    required: false,
    default: undefined,
    options: [],
    min: null,
    max: null,
    maxItems: null,
    placeholder: '{"name": "value"}',
  };
}

/**
 * The description; a form does not speak of ids of files, it takes the files.
 * @param {any} p
 * @param {Kind} kind
 */
function hintOf(p, kind) {
  const words = typeof p.description === "string" ? p.description : "";
  return kind === "file" ? words.replace(/^The id of an uploaded /, "A ") : words;
}

/**
 * @param {any} p
 * @param {any} root
 * @returns {any}
 */
function resolve(p, root) {
  if (typeof p?.$ref !== "string") return p ?? {};
  const parts = p.$ref.replace(/^#\/?/, "").split("/").filter(Boolean);
  let at = root;
  for (const part of parts) at = at?.[part.replace(/~1/g, "/").replace(/~0/g, "~")];
  return { ...(at ?? {}), ...p };
}

/**
 * @param {any} p
 * @param {any} root
 * @returns {Kind}
 */
function kindOf(p, root) {
  const type = Array.isArray(p.type) ? p.type.find((/** @type {string} */ t) => t !== "null") : p.type;
  if (p.format === FILE) return "file";
  if (Array.isArray(p.enum) && type !== "array") return "enum";
  switch (type) {
    case "integer":
    case "number":
    case "boolean":
      return type;
    case "array": {
      const items = resolve(p.items, root);
      if (items.format === FILE) return "files";
      return items.type === "string" ? "lines" : "json";
    }
    case "string":
      return isLong(p) ? "text" : "string";
    default:
      return "json";
  }
}

/**
 * Whether a string needs more than one line.
 * @param {any} p
 */
function isLong(p) {
  return (p.maxLength ?? 0) > 4000 || String(p.default ?? "").includes("\n");
}

/**
 * @param {unknown} limit
 * @param {unknown} exclusive
 */
function bound(limit, exclusive) {
  if (isNumber(limit)) return limit;
  return isNumber(exclusive) ? exclusive : null;
}

/**
 * @param {any} fallback
 * @param {any} p
 */
function placeholderOf(fallback, p) {
  if (fallback instanceof Exact) return fallback.text;
  if (fallback !== undefined && fallback !== null && typeof fallback !== "object" && fallback !== "") return String(fallback);
  const example = Array.isArray(p.examples) ? p.examples[0] : undefined;
  if (example === undefined) return "";
  if (Array.isArray(example) && example.every((item) => typeof item === "string")) return example.join("\n"); // as it is typed
  return typeof example === "string" ? example : stringify(example);
}

/**
 * The parameters that the values stand for, and what is wrong with them. A field left
 * empty is left out: the server knows its default.
 * @param {Field[]} fields
 * @param {Record<string, Value>} values
 * @returns {{ parameters: Record<string, any>, errors: FieldError[] }}
 */
export function parametersOf(fields, values) {
  /** @type {Record<string, any>} */
  const parameters = {};
  /** @type {FieldError[]} */
  const errors = [];
  for (const f of fields) {
    const { value, error } = read(f, values[f.name]);
    if (error) errors.push({ pointer: pointerOf(f), detail: error });
    else if (f.name === OTHERS) Object.assign(parameters, value);
    else if (value !== undefined) parameters[f.name] = value;
    else if (f.required) errors.push({ pointer: pointerOf(f), detail: "is needed" });
  }
  return { parameters, errors };
}

/**
 * @param {Field} f
 * @param {Value | undefined} raw
 * @returns {{ value?: any, error?: string }}
 */
function read(f, raw) {
  if (raw === undefined || raw === "") return {};
  switch (f.kind) {
    case "integer":
    case "number":
      return readNumber(f, String(raw));
    case "boolean":
      if (typeof raw === "string") return { value: raw === "true" };
      return raw === f.default || (raw === false && f.default === undefined) ? {} : { value: raw };
    case "lines":
      return readLines(f, String(raw));
    case "file":
      return Array.isArray(raw) && raw.length > 0 ? { value: raw[0] } : {};
    case "files":
      return Array.isArray(raw) && raw.length > 0 ? { value: raw } : {};
    case "json":
      return f.name === OTHERS ? readObject(String(raw)) : readJSON(String(raw));
    case "enum":
      return { value: f.options.find((o) => String(o) === raw) ?? raw };
    default:
      return { value: raw };
  }
}

/**
 * @param {Field} f
 * @param {string} raw
 */
export function readNumber(f, raw) {
  const text = numberText(raw);
  if (text === "") return { error: "must be a number" };
  if (f.kind === "integer" && !isWhole(text)) return { error: "must be a whole number" };
  if (f.min !== null && compare(text, String(f.min)) < 0) return { error: `must be at least ${f.min}` };
  if (f.max !== null && compare(text, String(f.max)) > 0) return { error: `must be at most ${f.max}` };
  return { value: exact(text) };
}

/**
 * @param {Field} f
 * @param {string} raw
 */
function readLines(f, raw) {
  const lines = raw.split(/\r?\n/).map((l) => l.trim()).filter(Boolean);
  if (f.maxItems !== null && lines.length > f.maxItems) return { error: `must be at most ${f.maxItems} lines` };
  return lines.length > 0 ? { value: lines } : {};
}

/** @param {string} raw */
function readJSON(raw) {
  try {
    return { value: parse(raw) };
  } catch {
    return { error: "must be JSON" };
  }
}

/** @param {string} raw */
function readObject(raw) {
  const { value, error } = readJSON(raw);
  if (error === undefined && isObject(value)) return { value };
  return { error: 'must be a JSON object, such as {"name": "value"}' };
}

/** @param {any} value */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isNumber(value);
}

/**
 * The JSON pointer of a field in the body of a submit.
 * @param {Field} f
 */
export function pointerOf(f) {
  return f.name === OTHERS ? "/parameters" : `/parameters/${f.name.replace(/~/g, "~0").replace(/\//g, "~1")}`;
}

/**
 * The field that a pointer speaks of: "/parameters/files/0" is of "/parameters/files".
 * @param {string} pointer
 * @param {Iterable<string>} known pointers of the form's fields
 * @returns {string | null}
 */
export function fieldOf(pointer, known) {
  let best = null;
  for (const k of known) {
    if ((pointer === k || pointer.startsWith(`${k}/`)) && (best === null || k.length > best.length)) best = k;
  }
  return best;
}

/**
 * The task type that fits a file best; null if none does.
 * @template {{ name: string, parameters_schema: any }} T
 * @param {T[]} types
 * @param {{ name: string, type: string }} file
 * @returns {T | null}
 */
export function typeForFile(types, file) {
  const picture = file.type.startsWith("image/") || /\.(png|jpe?g|gif|bmp|tiff?|webp)$/i.test(file.name);
  const wanted = picture ? "files" : "file";
  const preferred = picture ? "IMAGE_PROCESSING" : "DATA_PROCESSING";
  const able = types.filter((t) => fieldsOf(t.parameters_schema).some((f) => f.kind === wanted));
  return able.find((t) => t.name === preferred) ?? able[0] ?? null;
}
