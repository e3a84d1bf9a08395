// A dialog that changes all tasks that the list's filters match, or those that were selected: what would happen, how far it
// is, and how to undo it.

import { may } from "../access.js";
import { Problem } from "../api.js";
import { ACTIONS, doneCount, filterBody, filterWords, fittingAction, skippedWords } from "../bulk.js";
import { previewBulk, startBulk, stopBulk } from "../bulkapi.js";
import { h, show, text } from "../dom.js";
import { integer, plural } from "../format.js";
import { changed } from "../press.js";
import { numberOrText } from "../queue.js";
import { nameOf } from "../task.js";
import { follow } from "./bulkrun.js";

/** @import { BulkAction } from "../bulk.js" */
/** @import { BulkFilter } from "../bulkapi.js" */
/** @import { Bulk, BulkAnswer, Filters } from "../types.js" */

/** How many tasks of the preview are shown. */
const SHOWN = 5;
/** How long after a key the preview is fetched, in milliseconds. */
const DEBOUNCE = 250;

/**
 * Opens the dialog.
 * @param {Filters} filters
 * @param {(type: string) => string} title
 */
export function changeAll(filters, title) {
  new BulkDialog({ head: "Change all matching tasks", words: filterWords(filters, title), filter: filterBody(filters), action: fittingAction(filters), title, started: () => {}, closed: () => {} }).open();
}

/**
 * Opens the dialog for tasks that were selected.
 * @param {string[]} ids
 * @param {BulkAction} action
 * @param {(type: string) => string} title
 * @param {{ started: () => void, closed: () => void }} calls when the server changes them, and when the dialog is closed
 */
export function changeSelected(ids, action, title, calls) {
  new BulkDialog({ head: "Change the selected tasks", words: `${plural(ids.length, "task")} selected`, filter: { ids }, action, title, ...calls }).open();
}

class BulkDialog {
  #of;
  /** @type {BulkAction} */
  #action;
  /** @type {BulkAnswer | null} */
  #preview = null;
  /** Counts the previews that were asked for: an answer to an older one is not shown. */
  #asked = 0;
  #timer = 0;
  /** @type {string | null} */
  #running = null;

  #choice = h("div", { class: "bulk-actions", role: "radiogroup", "aria-labelledby": "bulk-title" });
  #priority = h("input", { id: "bulk-priority", class: "input", inputmode: "numeric", value: "0", autocomplete: "off" });
  #priorityField = h("div", { class: "field", hidden: true }, h("label", { for: "bulk-priority" }, "Priority, −100 to 100"), this.#priority);
  #warning = h("p", { class: "hint", hidden: true }, "Deletes the parameters, results, texts, steps and logs of tasks that have ended. This cannot be undone. The reason must be given, and stays.");
  #reason = h("input", { id: "bulk-reason", class: "input", dir: "auto", maxlength: 1000, autocomplete: "off" });
  #count = h("p", { class: "bulk-count", role: "status", "aria-live": "polite" });
  #skipped = h("p", { class: "hint" });
  #sample = h("ul", { class: "bulk-sample", "aria-label": "Some of them" });
  #problem = h("p", { class: "field-error", role: "alert", hidden: true });
  #submit = h("button", { class: "button primary", type: "submit", disabled: true });
  #close = h("button", { class: "button", type: "button", onclick: () => this.#dialog.close() }, "Close");
  #bar = h("progress", { class: "bulk-bar", max: 1, value: 0, "aria-label": "Progress" });
  #form;
  #dialog;

  /** @param {{ head: string, words: string, filter: BulkFilter, action: BulkAction, title: (type: string) => string, started: () => void, closed: () => void }} of */
  constructor(of) {
    this.#of = of;
    this.#action = of.action;
    for (const [action, { name }] of Object.entries(ACTIONS)) {
      if (action === "erase" && !may("admin")) continue;
      const radio = h("input", { type: "radio", name: "bulk-action", value: action, autofocus: action === this.#action, onchange: () => this.#choose(/** @type {BulkAction} */ (action)) });
      radio.checked = action === this.#action;
      this.#choice.append(h("label", { class: "bulk-action" }, radio, h("span", null, name)));
    }
    this.#priority.addEventListener("input", () => this.#later());
    this.#form = h(
      "form",
      { novalidate: true },
      h("h2", { id: "bulk-title" }, of.head),
      h("p", { dir: "auto" }, of.words),
      h(
        "div",
        { class: "sheet-fields" },
        this.#choice,
        this.#priorityField,
        this.#warning,
        h("div", { class: "field" }, h("label", { for: "bulk-reason" }, "Reason (optional)"), this.#reason, h("p", { class: "hint" }, "Kept in the history of each task.")),
      ),
      this.#count,
      this.#bar,
      this.#skipped,
      this.#sample,
      this.#problem,
      h("div", { class: "dialog-actions" }, h("a", { class: "to-task bulk-earlier", href: "#/bulks", onclick: () => this.#dialog.close() }, "Earlier bulks"), this.#close, this.#submit),
    );
    show(this.#bar, false);
    this.#form.addEventListener("submit", (e) => {
      e.preventDefault();
      void this.#pressed();
    });
    this.#dialog = h("dialog", { class: "small-dialog sheet-form bulk-dialog", "aria-labelledby": "bulk-title" }, this.#form);
    this.#dialog.addEventListener("close", () => {
      this.#dialog.remove();
      of.closed();
    });
  }

  open() {
    document.body.append(this.#dialog);
    changed(this.#dialog); // a double click is no answer
    this.#dialog.showModal();
    this.#choose(this.#action);
  }

  /** @param {BulkAction} action */
  #choose(action) {
    this.#action = action;
    show(this.#priorityField, action === "reprioritise");
    show(this.#warning, action === "erase");
    this.#later(0);
  }

  /** What the server is asked for. */
  get #order() {
    const order = { action: this.#action, reason: this.#reason.value.trim() || null };
    return this.#action === "reprioritise" ? { ...order, priority: numberOrText(this.#priority.value.trim()) } : order;
  }

  /** Fetches the preview, soon. */
  #later(wait = DEBOUNCE) {
    clearTimeout(this.#timer);
    this.#preview = null;
    this.#submit.disabled = true;
    text(this.#submit, ACTIONS[this.#action].name);
    this.#submit.className = ACTIONS[this.#action].bad ? "button danger solid" : "button primary";
    if (wait === 0) text(this.#count, "Counting…");
    this.#timer = setTimeout(() => void this.#show(), wait);
  }

  async #show() {
    const asked = ++this.#asked;
    try {
      const preview = await previewBulk(this.#of.filter, this.#order);
      if (asked !== this.#asked) return;
      this.#refuse("");
      this.#preview = preview;
      this.#draw(preview);
    } catch (err) {
      if (!(err instanceof Problem)) throw err;
      if (asked === this.#asked) this.#refused(err);
    }
  }

  /** @param {BulkAnswer} a */
  #draw(a) {
    const n = a.would_change ?? 0;
    text(this.#count, n === a.matched ? `${plural(n, "task")} will be changed.` : `${integer(n)} of ${plural(a.matched, "task")} will be changed.`);
    text(this.#skipped, skippedWords(a.skipped));
    this.#sample.replaceChildren(...a.sample.slice(0, SHOWN).map((row) => h("li", { dir: "auto" }, row.subject === null ? "" : `${row.subject} · `, nameOf(row, this.#of.title))));
    if (n > SHOWN) this.#sample.append(h("li", { class: "hint" }, `and ${integer(n - Math.min(SHOWN, a.sample.length))} more`));
    this.#submit.disabled = n === 0;
    text(this.#submit, n === 0 ? ACTIONS[this.#action].name : `${ACTIONS[this.#action].verb} ${plural(n, "task")}`);
  }

  /** @param {string} message "" = nothing is wrong */
  #refuse(message) {
    text(this.#problem, message);
    show(this.#problem, message !== "");
  }

  /** @param {Problem} err */
  #refused(err) {
    const first = err.errors[0];
    this.#refuse(first ? `${first.pointer.replace(/^\//, "")} ${first.detail}` : err.message);
    text(this.#count, "");
  }

  /** The button of the form: starts the bulk, or stops the one that runs. */
  async #pressed() {
    if (this.#submit.disabled) return;
    this.#submit.disabled = true;
    try {
      if (this.#running !== null) await stopBulk(this.#running);
      else if (this.#preview !== null) await this.#start(this.#preview);
    } catch (err) {
      if (!(err instanceof Problem)) throw err;
      if (err.kind === "other-count") await this.#show(); // and let the user look again
      this.#refused(err);
      if (this.#preview !== null) this.#draw(this.#preview);
    }
  }

  /** @param {BulkAnswer} preview */
  async #start(preview) {
    const started = await startBulk(this.#of.filter, this.#order, preview.matched);
    if (started.bulk === null) return this.#dialog.close();
    this.#running = started.bulk.id;
    this.#of.started();
    for (const input of this.#form.querySelectorAll("input")) input.disabled = true;
    text(this.#submit, "Stop");
    this.#submit.disabled = false;
    this.#sample.replaceChildren();
    text(this.#skipped, "It goes on if you close this.");
    show(this.#bar, true);
    await follow(started.bulk, (b) => this.#progress(b));
    this.#dialog.close();
  }

  /** @param {Bulk} b */
  #progress(b) {
    const done = doneCount(b);
    this.#bar.max = Math.max(b.matched, 1);
    this.#bar.value = Math.min(done, b.matched);
    text(this.#count, `${integer(done)} of ${plural(b.matched, "task")}`);
  }
}
