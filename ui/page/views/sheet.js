// A small form over the page: a few fields, sent as one call. What the server refuses is shown at its field.

import { Problem } from "../api.js";
import { h, show, text } from "../dom.js";
import { changed } from "../press.js";

/**
 * @typedef {{ name: string, label: string, hint?: string, value?: string, numeric?: boolean, long?: boolean, tick?: boolean, choices?: [string, string][] }} SheetField
 */

/**
 * Opens the form. The value of a tick is "true" or "". The choices of a field are values and their labels; the first is chosen. A wide form has two fields beside each other where there is room.
 * @param {{
 *   title: string,
 *   text?: string,
 *   fields: SheetField[],
 *   yes: string,
 *   wide?: boolean,
 *   send: (values: Record<string, string>) => Promise<void>,
 * }} how
 * @returns {Promise<boolean>} whether it was sent; false if the user closed it
 */
export function fillIn(how) {
  const fields = how.fields.map((f) => (f.tick ? tickView(f) : fieldView(f)));
  const problem = h("p", { class: "field-error", role: "alert", hidden: true });
  const submit = h("button", { class: "button primary", type: "submit" }, how.yes);
  const form = h(
    "form",
    { novalidate: true },
    h("h2", { id: "sheet-title" }, how.title),
    how.text ? h("p", null, how.text) : null,
    h("div", { class: "sheet-fields" }, ...fields.map((f) => f.el)),
    problem,
    h("div", { class: "dialog-actions" }, h("button", { class: "button", type: "button", onclick: () => dialog.close() }, "Cancel"), submit),
  );
  const dialog = h("dialog", { class: `small-dialog sheet-form${how.wide ? " wide" : ""}`, "aria-labelledby": "sheet-title" }, form);
  let sent = false;
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    for (const f of fields) f.refuse("");
    show(problem, false);
    try {
      await how.send(Object.fromEntries(fields.map((f) => [f.name, f.value])));
      sent = true;
      dialog.close();
    } catch (err) {
      if (!(err instanceof Problem)) throw err;
      refuse(err);
    } finally {
      submit.disabled = false;
    }
  });

  /** @param {Problem} err */
  function refuse(err) {
    let rest = err.errors.length === 0 ? err.message : "";
    for (const { pointer, detail } of [...err.errors].reverse()) {
      const field = fields.find((f) => pointer === `/${f.name}`);
      if (field) field.refuse(detail);
      else rest = `${pointer.replace(/^\//, "")} ${detail}`.trim();
    }
    text(problem, rest);
    show(problem, rest !== "");
  }

  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(sent);
    });
    document.body.append(dialog);
    changed(dialog); // a double click is no answer
    dialog.showModal();
  });
}

/** @param {SheetField} f */
function fieldView(f) {
  const id = `sheet-${f.name}`;
  const props = { id, name: f.name, class: "input", dir: "auto", autocomplete: "off", "aria-describedby": `${id}-hint ${id}-error` };
  const control = f.choices ? choiceView(f.choices, props) : f.long ? h("textarea", { ...props, rows: 2 }) : h("input", { ...props, type: "text", inputmode: f.numeric ? "decimal" : null });
  control.value = f.value ?? f.choices?.[0][0] ?? "";
  const { hint, error, refuse } = notes(f, id, control);
  return {
    name: f.name,
    el: h("div", { class: "field", "data-pointer": `/${f.name}` }, h("label", { for: id }, f.label), control, hint, error),
    get value() {
      return control.value.trim();
    },
    refuse,
  };
}

/** @param {[string, string][]} choices @param {Record<string, any>} props */
function choiceView(choices, props) {
  return h("select", props, ...choices.map(([value, label]) => h("option", { value }, label)));
}

/** @param {SheetField} f */
function tickView(f) {
  const id = `sheet-${f.name}`;
  const box = h("input", { id, name: f.name, type: "checkbox", "aria-describedby": `${id}-hint ${id}-error` });
  box.checked = f.value === "true";
  const { hint, error, refuse } = notes(f, id, box);
  return {
    name: f.name,
    el: h("div", { class: "field tick", "data-pointer": `/${f.name}` }, h("label", null, box, h("span", null, f.label)), hint, error),
    get value() {
      return box.checked ? "true" : "";
    },
    refuse,
  };
}

/**
 * What stands below a control, and what shows that its value is refused.
 * @param {{ hint?: string }} f
 * @param {string} id
 * @param {HTMLElement} control
 */
export function notes(f, id, control) {
  const error = h("p", { class: "field-error", id: `${id}-error`, hidden: true });
  return {
    error,
    hint: f.hint ? h("p", { class: "hint", id: `${id}-hint` }, f.hint) : null,
    /** @param {string} message "" = nothing is wrong */
    refuse(message) {
      text(error, message === "" ? "" : `${message.charAt(0).toUpperCase()}${message.slice(1)}`);
      show(error, message !== "");
      if (message === "") return control.removeAttribute("aria-invalid");
      control.setAttribute("aria-invalid", "true");
      control.focus();
    },
  };
}
