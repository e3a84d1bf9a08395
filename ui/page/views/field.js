// One field of the form, drawn for its kind.

import { Problem } from "../api.js";
import { attr, h, icon, show, text } from "../dom.js";
import { isNumber, stringify } from "../exact.js";
import { bytes, humanize, isolated, number } from "../format.js";
import { OTHERS } from "../schema.js";
import { upload } from "../taskapi.js";
import "./icons.js";

/** @import { Exact } from "../exact.js" */
/** @import { Field, Value } from "../schema.js" */

/**
 * @typedef {{
 *   pointer: string,
 *   el: HTMLElement,
 *   get: () => Value | undefined,
 *   set: (value: any, names?: Record<string, string>) => void,
 *   names?: () => Record<string, string>,
 *   error: (message: string) => void,
 *   focus: () => void,
 *   busy: () => boolean,
 *   addFiles?: (files: File[]) => void,
 * }} FieldView
 */

let ids = 0;

/**
 * @param {Field} f
 * @param {string} pointer
 * @param {() => void} changed
 * @returns {FieldView}
 */
export function fieldView(f, pointer, changed) {
  if (f.kind === "file" || f.kind === "files") return fileField(f, pointer, changed);
  if (f.kind === "boolean" && f.default !== undefined) return tickField(f, pointer, changed);
  const control = controlOf(f);
  const field = frame(f, pointer, control, ["text", "lines", "json"].includes(f.kind));
  control.addEventListener("input", () => {
    field.error("");
    changed();
  });
  return {
    ...field,
    get: () => control.value,
    set: (value) => {
      control.value = valueText(f, value);
    },
    focus: () => control.focus(),
    busy: () => false,
  };
}

/**
 * @param {Field} f
 * @param {any} value
 */
function valueText(f, value) {
  if (value === undefined || value === null) return "";
  if (f.kind === "lines" && Array.isArray(value)) return value.join("\n");
  return (typeof value === "object" && !isNumber(value)) || f.kind === "json" ? stringify(value, 2) : String(value);
}

/** @type {Record<string, string>} */
const SIGNS = { ",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Bar" };

/** "resize" → "Resize", "png" → "PNG". @param {string} value */
function optionWords(value) {
  if (SIGNS[value]) return SIGNS[value];
  return /^(png|jpe?g|gif|bmp|tiff?|webp|csv|tsv)$/.test(value) ? value.toUpperCase() : humanize(value);
}

/** @param {Field} f */
function controlOf(f) {
  switch (f.kind) {
    case "boolean":
      return h("select", { class: "input" }, ...[["", "Automatic"], ["true", "Yes"], ["false", "No"]].map(([value, words]) => h("option", { value }, words)));
    case "enum": {
      const options = f.options.map((o) => h("option", { value: String(o), selected: String(o) === String(f.default) }, optionWords(String(o))));
      const none = f.default === undefined ? [h("option", { value: "" }, f.required ? "Choose…" : "Automatic")] : [];
      return h("select", { class: "input" }, ...none, ...options);
    }
    case "text":
    case "lines":
    case "json":
      return h("textarea", { class: f.kind === "json" ? "input code" : "input", rows: f.kind !== "json" ? 3 : f.name === OTHERS ? 5 : 2, placeholder: f.placeholder || (f.kind === "lines" ? "One per line" : ""), spellcheck: "false", dir: f.kind === "json" ? "ltr" : "auto" });
    case "integer":
    case "number":
      return h("input", { class: "input", type: "text", inputmode: f.kind === "integer" && Number(f.min ?? -1) >= 0 ? "numeric" : "decimal", placeholder: f.placeholder, autocomplete: "off" });
    default:
      return h("input", { class: "input", type: "text", placeholder: f.placeholder, autocomplete: "off", spellcheck: "false", dir: "auto" });
  }
}

/**
 * Label, hint and error around a control.
 * @param {Field} f
 * @param {string} pointer
 * @param {HTMLElement} control
 * @param {boolean} whole takes the whole width
 */
function frame(f, pointer, control, whole) {
  const id = `field-${++ids}`;
  const hintId = `${id}-hint`;
  const errorId = `${id}-error`;
  attr(control, "id", id);
  attr(control, "aria-describedby", `${hintId} ${errorId}`);
  if (f.required) attr(control, "aria-required", "true");
  const error = h("p", { class: "field-error", id: errorId, dir: "auto", hidden: true });
  const el = h(
    "div",
    { class: whole ? "field whole" : "field", "data-pointer": pointer },
    h("label", { for: id }, f.label, f.required ? h("span", { class: "dim" }, " · needed") : null),
    control,
    h("p", { class: "hint", id: hintId, hidden: f.hint === "" && rangeWords(f) === "", title: f.hint }, [f.hint, rangeWords(f)].filter(Boolean).join(" ")),
    error,
  );
  return {
    pointer,
    el,
    /** @param {string} message */
    error(message) {
      text(error, message === "" ? "" : sentence(message));
      show(error, message !== "");
      attr(control, "aria-invalid", message === "" ? null : "true");
      attr(el, "data-wrong", message !== "");
    },
  };
}

/** @param {Field} f */
function rangeWords(f) {
  if (f.kind !== "integer" && f.kind !== "number") return "";
  const max = f.max !== null && Number(f.max) < Number.MAX_SAFE_INTEGER ? f.max : null;
  if (f.min !== null && max !== null) return `${limit(f.min)} to ${limit(max)}.`;
  if (f.min !== null) return Number(f.min) === 0 ? "" : `At least ${limit(f.min)}.`;
  return max !== null ? `At most ${limit(max)}.` : "";
}

/** @param {number | Exact} n */
function limit(n) {
  return number(n).replace("-", "−");
}

/** "must be at least 1" → "Must be at least 1." @param {string} words */
function sentence(words) {
  const s = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(s) ? s : `${s}.`;
}

/**
 * @param {Field} f
 * @param {string} pointer
 * @param {() => void} changed
 * @returns {FieldView}
 */
function tickField(f, pointer, changed) {
  const box = h("input", { type: "checkbox", id: `field-${++ids}` });
  box.checked = f.default === true;
  box.addEventListener("change", changed);
  const error = h("p", { class: "field-error", hidden: true });
  const el = h("div", { class: "field tick", "data-pointer": pointer }, h("label", null, box, h("span", null, f.label)), f.hint ? h("p", { class: "hint" }, f.hint) : null, error);
  return {
    pointer,
    el,
    get: () => box.checked,
    set: (value) => {
      box.checked = value === true;
    },
    error: (message) => {
      text(error, message);
      show(error, message !== "");
    },
    focus: () => box.focus(),
    busy: () => false,
  };
}

/**
 * @typedef {{ name: string, named: boolean, size: number, id: string | null, fraction: number, error: string, abort: AbortController }} Item
 */

/**
 * A place to drop files, which go up at once.
 * @param {Field} f
 * @param {string} pointer
 * @param {() => void} changed
 * @returns {FieldView}
 */
function fileField(f, pointer, changed) {
  const many = f.kind === "files";
  const input = h("input", { type: "file", class: "sr", multiple: many, tabindex: -1, "aria-hidden": "true" });
  const zone = h(
    "button",
    { type: "button", class: "zone" },
    icon("upload"),
    h("span", null, h("strong", null, many ? "Choose pictures" : "Choose a file"), " or drop ", many ? "them" : "it", " here"),
  );
  const list = h("ul", { class: "uploads" });
  const control = h("div", { class: "zone-box" }, zone, input, list);
  const field = frame(f, pointer, zone, true);
  field.el.insertBefore(control, field.el.children[1]);
  control.prepend(zone);
  /** @type {{ item: Item, view: ReturnType<typeof uploadView> }[]} */
  let items = [];

  const drawZone = () => {
    show(zone, many || items.length === 0);
    zone.classList.toggle("slim", items.length > 0);
  };
  /** @param {Item} item */
  const remove = (item) => {
    item.abort.abort();
    items.find((i) => i.item === item)?.view.el.remove();
    items = items.filter((i) => i.item !== item);
    drawZone();
    changed();
  };
  /** @param {Item} item */
  const add = (item) => {
    const view = uploadView(item, () => remove(item));
    items.push({ item, view });
    list.append(view.el);
    return view;
  };
  /** @param {File} file */
  const send = async (file) => {
    /** @type {Item} */
    const item = { name: file.name, named: true, size: file.size, id: null, fraction: 0, error: "", abort: new AbortController() };
    const view = add(item);
    try {
      const info = await upload(
        file,
        (fraction) => {
          item.fraction = fraction;
          view.update();
        },
        item.abort.signal,
      );
      item.id = info.id;
      item.name = info.name;
      item.fraction = 1;
    } catch (err) {
      if (item.abort.signal.aborted) return;
      item.error = err instanceof Problem ? err.message : "The upload was interrupted.";
    }
    view.update();
    changed();
  };
  /** @param {File[]} files */
  const addFiles = (files) => {
    if (files.length === 0) return;
    field.error("");
    if (!many) for (const { item } of [...items]) remove(item);
    for (const file of many ? files : files.slice(0, 1)) void send(file);
    drawZone();
    changed();
  };
  zone.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    addFiles([...(input.files ?? [])]);
    input.value = "";
  });
  return {
    ...field,
    addFiles,
    get: () => items.filter((i) => i.item.id !== null).map((i) => /** @type {string} */ (i.item.id)),
    names: () => Object.fromEntries(items.flatMap(({ item }) => (item.id !== null && item.named ? [[item.id, item.name]] : []))),
    set: (value, names = {}) => {
      for (const { item } of [...items]) remove(item);
      const given = Array.isArray(value) ? value : value ? [value] : [];
      for (const id of given) {
        add({ name: names[id] ?? String(id).slice(0, 12), named: id in names, size: NaN, id: String(id), fraction: 1, error: "", abort: new AbortController() });
      }
      drawZone();
    },
    focus: () => zone.focus(),
    busy: () => items.some((i) => i.item.id === null && i.item.error === ""),
  };
}

/**
 * @param {Item} item
 * @param {() => void} remove
 */
function uploadView(item, remove) {
  const state = h("span", { class: "upload-state num" });
  const fill = h("i", null);
  const bar = h("span", { class: "bar" }, fill);
  const el = h(
    "li",
    { class: "upload" },
    icon("file"),
    h("span", { class: "upload-name", dir: "auto" }, item.name),
    state,
    h("button", { type: "button", class: "copy", "aria-label": `Remove ${isolated(item.name)}`, title: "Remove", onclick: remove }, icon("x")),
    bar,
  );
  const view = {
    el,
    update() {
      const done = item.id !== null;
      attr(el, "data-wrong", item.error !== "");
      show(bar, !done && item.error === "");
      fill.style.setProperty("--p", String(item.fraction));
      text(state, item.error || (done ? (Number.isNaN(item.size) ? "uploaded before" : bytes(item.size)) : `${Math.floor(item.fraction * 100)} %`));
    },
  };
  view.update();
  return view;
}
