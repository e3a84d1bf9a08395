// Rows of the list that are selected one by one, by checkbox or by key, and what can be done with them.

import { may } from "../access.js";
import { ACTIONS } from "../bulk.js";
import { attr, byId, h, show, text } from "../dom.js";
import { integer, plural, shortId } from "../format.js";
import { changeSelected } from "./bulk.js";
import { idAt } from "./presses.js";
import { toast } from "./toast.js";

/** @import { BulkAction } from "../bulk.js" */
/** @import { Store } from "../store.js" */

/** Most tasks that can be selected: see POST /api/tasks/bulk. */
const MOST = 1000;

/** The actions of the bar; the dialog has all. @type {BulkAction[]} */
const OFFERED = ["retry", "cancel", "reprioritise", "run_now"];

export class Picking {
  /** @type {Set<string>} */
  #picked = new Set();
  /** Where a range begins. @type {string | null} */
  #anchor = null;
  /** The filters of the list in which they were selected. */
  #filters;
  #store;
  #actions;
  /** @type {(type: string) => string} */
  #title = (type) => type;
  #pane = byId("list-pane");
  #count = h("span", { class: "num" });
  #all = h("button", { type: "button", class: "button quiet small" });
  #bar = h(
    "div",
    { class: "pick-bar", role: "toolbar", "aria-label": "Selected tasks", hidden: true },
    this.#count,
    ...OFFERED.map((action) => h("button", { type: "button", class: ACTIONS[action].bad ? "button small danger" : "button small", "data-action": action, onclick: () => this.#change(action) }, ACTIONS[action].name)),
    this.#all,
    h("button", { type: "button", class: "button quiet small", onclick: () => this.#clear(), "aria-keyshortcuts": "Escape" }, "Clear"),
  );

  /** @param {Store} store @param {{ changeAll: () => void, dirty: () => void }} actions */
  constructor(store, actions) {
    this.#store = store;
    this.#actions = actions;
    this.#filters = store.filters;
    this.#all.addEventListener("click", () => actions.changeAll());
    this.#pane.append(this.#bar);
    const rows = byId("rows");
    rows.addEventListener("click", (e) => this.#clicked(e), { capture: true });
    rows.addEventListener("keydown", (e) => this.#pressed(e), { capture: true });
    this.#bar.addEventListener("keydown", (e) => this.#pressed(e));
    actions.dirty();
  }

  /** Draws the checkbox of a row. @param {HTMLElement} el @param {string} id */
  row(el, id) {
    let box = /** @type {HTMLInputElement | null} */ (el.querySelector(".pick input"));
    if (box === null) {
      box = h("input", { type: "checkbox", tabindex: -1 });
      el.firstElementChild?.prepend(h("label", { class: "pick operator" }, box));
    }
    const on = this.#picked.has(id);
    box.checked = on;
    attr(box, "aria-label", `Select task ${shortId(id)}`);
    attr(el, "data-picked", on);
  }

  /** @param {(type: string) => string} title of a task type */
  draw(title) {
    this.#title = title;
    const { rows, filters, order, total, totalExact } = this.#store;
    if (filters !== this.#filters) this.#picked.clear();
    this.#filters = filters;
    for (const id of this.#picked) if (!rows.has(id)) this.#picked.delete(id); // it is not in the list any more
    const n = this.#picked.size;
    attr(this.#pane, "data-picking", n > 0);
    show(this.#bar, n > 0 && may("operator"));
    text(this.#count, n === 0 ? "" : `${integer(n)} selected`);
    show(this.#all, n < order.length || !totalExact);
    text(this.#all, `All ${totalExact ? plural(total, "task") : "that match"}…`);
  }

  #clear() {
    if (this.#bar.contains(document.activeElement)) toRow();
    this.#picked.clear();
    this.#anchor = null;
    this.#actions.dirty();
  }

  /** @param {BulkAction} action */
  #change(action) {
    const closed = () => {
      const on = document.activeElement;
      if (on === document.body || (this.#picked.size === 0 && this.#bar.contains(on))) toRow(); // the bar, which had the focus, is gone or goes
    };
    changeSelected([...this.#picked], action, this.#title, { started: () => this.#clear(), closed });
  }

  /**
   * Selects a row, or unselects it; with range, those from the last one too.
   * @param {string} id
   * @param {boolean} on
   * @param {boolean} range
   */
  #pick(id, on, range) {
    const { order } = this.#store;
    const to = order.indexOf(id);
    const from = range && this.#anchor !== null ? order.indexOf(this.#anchor) : -1;
    const ids = from < 0 || to < 0 ? [id] : order.slice(Math.min(from, to), Math.max(from, to) + 1);
    let left = 0;
    for (const one of ids) {
      if (!on) this.#picked.delete(one);
      else if (this.#picked.size < MOST) this.#picked.add(one);
      else if (!this.#picked.has(one)) left++;
    }
    if (left > 0) toast(`At most ${integer(MOST)} tasks can be selected. ${plural(left, "task")} were left out: filter the list and change all that match.`, { bad: true });
    this.#anchor = id;
    text(byId("say"), `${integer(this.#picked.size)} selected`);
    this.#actions.dirty();
  }

  /** A click on a checkbox opens no task. @param {MouseEvent} e */
  #clicked(e) {
    if (!(e.target instanceof Element) || !e.target.closest(".pick")) return;
    e.stopPropagation();
    const id = idAt(e.target);
    if (id === null || !(e.target instanceof HTMLInputElement)) return; // its label clicks it in turn
    this.#pick(id, e.target.checked, e.shiftKey);
  }

  /** @param {KeyboardEvent} e */
  #pressed(e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "Escape" && this.#picked.size > 0) this.#clear();
    else if (e.key === " " && e.target instanceof Element && e.target.matches("tr.row") && may("operator")) {
      const id = idAt(e.target);
      if (id !== null) this.#pick(id, e.shiftKey || !this.#picked.has(id), e.shiftKey);
    } else return;
    e.preventDefault();
    e.stopPropagation();
  }
}

/** Puts the focus on the row that the Tab key goes to. */
function toRow() {
  /** @type {HTMLElement | null} */ (byId("rows").querySelector('tr.row[tabindex="0"]'))?.focus({ preventScroll: true });
}
