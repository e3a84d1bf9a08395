// The workflows: how far each is. One of them, with its graph, is a view of its own, which is loaded when it is opened.

import { attr, h, keyed, show, text } from "../dom.js";
import { absolute, ago, span } from "../format.js";
import { newestFirst } from "../order.js";
import { Later, loadStyle } from "../later.js";
import { Pushed } from "../pushed.js";
import { STATUS_WORDS } from "../task.js";
import { endedWords, heldWords, took } from "../workflow.js";
import { getWorkflows } from "../workflowapi.js";
import { headed, placeTable, unloaded } from "./place.js";
import { statusView } from "./status.js";
import { toast } from "./toast.js";

/** @import { Message, Status, WorkflowRow } from "../types.js" */
/** @import { PlaceContext } from "../places.js" */

const COLUMNS = ["Workflow", "Status", "Its tasks", "Took"];

/** Rows of the list. */
const MOST = 100;

/** @type {("" | Status)[]} */
const SHOWN = ["", "PENDING", "RUNNING", "FAILED", "CANCELLED", "SUCCESS"];

export class WorkflowsView {
  views = "workflows";
  #table = placeTable("Workflows", COLUMNS);
  #wait = h("p", { class: "place-note" }, "Loading…");
  #none = h("p", { class: "place-note", hidden: true });
  #filter = h(
    "select",
    { class: "input", "aria-label": "Status", onchange: () => this.#choose() },
    ...SHOWN.map((status) => h("option", { value: status }, status === "" ? "All statuses" : STATUS_WORDS[status])),
  );
  #list = headed("Workflows", "Tasks that are submitted together and depend on each other. Each starts when those before it have ended.", h("div", { class: "place-tools" }, this.#filter), this.#wait, this.#none, this.#table.el);
  el = h("div", { class: "place-shell" }, this.#list);
  /** The title of what is shown; that of the place by default. @type {string | undefined} */
  title = undefined;
  /** @type {Map<string, WorkflowItem>} */
  #rows = new Map();
  /** @type {Pushed<WorkflowRow>} */
  #workflows;
  #dirty;
  /** @type {import("./workflow.js").WorkflowView | null} */
  #one = null;
  #item = "";
  #later;

  /** @param {() => void} dirty */
  constructor(dirty) {
    this.#dirty = dirty;
    this.#workflows = new Pushed({
      view: "workflows",
      key: (w) => w.id,
      before: newestFirst,
      fetch: () => getWorkflows(this.#filter.value),
      failed: unloaded(this.#wait, "workflows"),
      changed: dirty,
      shows: (w) => this.#filter.value === "" || w.status === this.#filter.value,
      most: MOST,
    });
    const failed = () => toast("Part of the page could not be loaded. Reload the page when the server can be reached.", { bad: true });
    this.#later = new Later(
      () => Promise.all([import("./workflow.js"), loadStyle("workflow")]),
      ([{ WorkflowView }]) => new WorkflowView(dirty),
      failed,
    );
    void this.#later.prefetch().catch(() => {});
  }

  open() {
    if (this.#item === "") this.#workflows.open();
  }

  close() {
    this.#workflows.close();
    this.#one?.close();
    this.#one = null;
  }

  /** @param {{ item: string, query: string }} at */
  show({ item }) {
    this.#one?.close();
    this.#one = null;
    this.#item = item;
    this.title = item === "" ? undefined : "Workflow";
    if (item === "") {
      this.el.replaceChildren(this.#list);
      this.#workflows.open();
      return this.#dirty();
    }
    this.#workflows.close();
    this.el.replaceChildren();
    void this.#later.get().then((one) => {
      if (one === null || this.#item !== item) return;
      this.#one = one;
      one.open(item);
      this.el.replaceChildren(one.el);
      this.#dirty();
    });
  }

  /** @param {Message} m */
  received(m) {
    this.#workflows.received(m);
    this.#one?.received(m);
  }

  #choose() {
    this.#workflows.restart();
    this.#dirty();
  }

  /** @param {PlaceContext} c */
  draw(c) {
    if (this.#one) {
      this.#one.draw(c);
      this.title = this.#one.title;
      return;
    }
    const list = this.#workflows.rows;
    show(this.#wait, list === null);
    show(this.#none, list?.length === 0);
    text(this.#none, this.#filter.value === "" ? "There is no workflow yet. Submit one with POST /api/workflows or “daybook workflow run”." : "No workflow has this status.");
    show(this.#table.el, list !== null && list.length > 0);
    if (list === null) return;
    keyed(this.#table.body, this.#rows, list, (w) => w.id, () => new WorkflowItem());
    for (const w of list) this.#rows.get(w.id)?.age(c);
  }
}

class WorkflowItem {
  #name = h("a", { class: "place-name", dir: "auto" });
  #when = h("p", { class: "place-why" });
  #why = h("p", { class: "place-why", dir: "auto" });
  #status = statusView();
  #counts = h("span", null);
  #took = h("td", { role: "cell", "data-label": "Took", class: "num" });
  el = h(
    "tr",
    { role: "row" },
    h("th", { role: "rowheader", scope: "row", class: "c-name" }, this.#name, this.#when),
    h("td", { role: "cell", "data-label": "Status" }, this.#status.el, this.#why),
    h("td", { role: "cell", "data-label": "Its tasks" }, this.#counts),
    this.#took,
  );
  /** @type {WorkflowRow} */
  #workflow = /** @type {any} */ (null);

  /** @param {WorkflowRow} w */
  update(w) {
    this.#workflow = w;
    attr(this.el, "data-workflow", w.id);
    text(this.#name, w.name ?? "Erased workflow");
    attr(this.#name, "href", `#/workflows/${w.id}`);
    this.#status.update(w.status);
    text(this.#counts, endedWords(w.task_count, w.open_count));
    attr(this.#when, "title", absolute(w.created_at));
  }

  /** @param {PlaceContext} c */
  age({ state, now }) {
    const w = this.#workflow;
    const why = heldWords(w, state, now);
    show(this.#why, why !== "");
    text(this.#why, why);
    text(this.#when, ago(w.created_at, now));
    const ms = took(w, now);
    text(this.#took, ms === null ? "–" : span(w.completed_at === null ? Math.floor(ms / 1000) * 1000 : ms));
  }
}
