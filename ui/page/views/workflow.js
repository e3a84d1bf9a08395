// One workflow: its graph, which lights up as its tasks run, and the same as a list.

import { may } from "../access.js";
import { Problem } from "../api.js";
import { attr, h, keyed, show, text } from "../dom.js";
import { absolute, ago, isolated, plural, quoted, span } from "../format.js";
import { Refresh } from "../refresh.js";
import { durationWords, ended } from "../task.js";
import { afterWords, countStatuses, heldWords, metBy, nodesOf, noteOf, progressWords, took, whyOf } from "../workflow.js";
import { cancelWorkflow, getWorkflow, retryWorkflow } from "../workflowapi.js";
import { GraphView, MOST_DRAWN } from "./graph.js";
import { placeTable, run } from "./place.js";
import { ask } from "./question.js";
import { fillIn } from "./sheet.js";
import { statusView } from "./status.js";

/** @import { Message, Row, Workflow } from "../types.js" */
/** @import { PlaceContext } from "../places.js" */

/** @typedef {ReturnType<typeof nodesOf>[number]} Node */

const COLUMNS = ["Task", "Status", "After", "Took", ""];

/** Rows of the list that are drawn before somebody asks for all. */
const AT_FIRST = 200;

export class WorkflowView {
  title = "Workflow";
  #name = h("h1", { tabindex: -1, class: "breaks", dir: "auto" });
  #status = statusView();
  #about = h("p", { class: "place-about" });
  #why = h("p", { class: "place-about place-warn", dir: "auto" });
  #missing = h("p", { class: "place-note", hidden: true });
  #task = h("a", { class: "button small" }, "Its own task");
  #cancel = h("button", { type: "button", class: "button small danger operator", onclick: () => void this.#askCancel() }, "Cancel workflow");
  #retry = h("button", { type: "button", class: "button small primary operator", onclick: () => void this.#askRetry() }, "Retry what failed");
  #graph = new GraphView();
  #frame = h("div", { class: "graph-frame" }, this.#graph.el);
  #large = h("p", { class: "place-note", hidden: true });
  #table = placeTable("Tasks of the workflow, each after those that it depends on", COLUMNS);
  #all = h("button", { type: "button", class: "link", hidden: true, onclick: () => this.#showAll() });
  #whole = h("div", { class: "place-workflow" }, h("div", { class: "place-tools" }, this.#task, this.#retry, this.#cancel), this.#frame, this.#large, this.#table.el, this.#all);
  el = h(
    "div",
    { class: "place-page" },
    h("p", null, h("a", { class: "to-task", href: "#/workflows" }, "All workflows")),
    h("div", { class: "place-line" }, this.#name, this.#status.el),
    this.#about,
    this.#why,
    this.#missing,
    this.#whole,
  );
  #id = "";
  /** @type {Workflow | null} */
  #workflow = null;
  /** @type {Node[]} */
  #nodes = [];
  /** @type {Problem | null} */
  #problem = null;
  #shown = AT_FIRST;
  /** @type {Map<string, NodeRow>} */
  #rows = new Map();
  #dirty;
  #abort = new AbortController();
  #refresh = new Refresh(() => this.#fetch());

  /** @param {() => void} dirty */
  constructor(dirty) {
    this.#dirty = dirty;
  }

  /** @param {string} id */
  open(id) {
    this.#id = id;
    this.title = "Workflow";
    this.#workflow = this.#problem = null;
    this.#nodes = [];
    this.#shown = AT_FIRST;
    this.#refresh.open();
  }

  close() {
    this.#refresh.close();
    this.#abort.abort();
  }

  /** @param {Message} m */
  received(m) {
    if (m.truncated) this.#refresh.soon();
    const rows = new Map((m.rows ?? []).map((r) => [r.id, r]));
    for (const node of this.#nodes) {
      const row = rows.get(node.task.id);
      if (row && row.version > node.task.version) node.task = row;
    }
    if (rows.has(this.#id)) this.#refresh.soon();
    if (rows.size > 0) this.#dirty();
  }

  async #fetch() {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      const w = await getWorkflow(this.#id, signal);
      if (signal.aborted) return;
      this.#workflow = w;
      this.#nodes = nodesOf(w);
      this.title = w.name ?? "Workflow";
      this.#problem = null;
    } catch (err) {
      if (signal.aborted) return;
      if (!(err instanceof Problem)) throw err;
      this.#problem = err;
    }
    this.#dirty();
  }

  #showAll() {
    this.#shown = Infinity;
    this.#dirty();
  }

  /** @param {PlaceContext} c */
  draw(c) {
    const w = this.#workflow;
    show(this.#missing, w === null);
    text(this.#missing, this.#problem === null ? "Loading…" : this.#problem.status === 404 ? `There is no workflow ${quoted(this.#id)}.` : this.#problem.message);
    for (const part of [this.#about, this.#whole, this.#status.el]) show(part, w !== null);
    text(this.#name, w === null ? "Workflow" : (w.name ?? "Erased workflow"));
    const why = w === null ? "" : heldWords(w, c.state, c.now);
    show(this.#why, why !== "");
    text(this.#why, why);
    if (w === null) return;
    const tasks = new Map(this.#nodes.map((n) => [n.task.id, n.task]));
    const ms = took(w, c.now);
    this.#status.update(w.status);
    text(
      this.#about,
      [`Submitted ${ago(w.created_at, c.now)}`, ms === null ? "" : `${w.completed_at === null ? "running for" : "took"} ${span(ms)}`, progressWords(countStatuses([...tasks.values()]))].filter(Boolean).join(" · "),
    );
    attr(this.#about, "title", absolute(w.created_at));
    attr(this.#task, "href", href(w.id));
    show(this.#cancel, may("operator") && !ended(w.status));
    show(this.#retry, may("operator") && w.name !== null && (w.status === "FAILED" || w.status === "CANCELLED"));
    this.#drawGraph(tasks, c.now);
    const nodes = this.#nodes.slice(0, this.#shown);
    show(this.#table.el, nodes.length > 0);
    keyed(this.#table.body, this.#rows, nodes, (n) => n.name, () => new NodeRow((name) => void this.#askRetry(name)));
    for (const n of nodes) this.#rows.get(n.name)?.age(c, tasks, ended(w.status) && w.name !== null);
    show(this.#all, nodes.length < this.#nodes.length);
    text(this.#all, `Show ${plural(this.#nodes.length - nodes.length, "more task")}`);
  }

  /** @param {Map<string, Row>} tasks by id @param {number} now */
  #drawGraph(tasks, now) {
    const drawn = this.#nodes.length <= MOST_DRAWN;
    show(this.#frame, drawn);
    show(this.#large, !drawn);
    text(this.#large, `A graph of ${plural(this.#nodes.length, "task")} is too large to draw: here is the list.`);
    if (drawn) this.#graph.update(this.#nodes.map(({ name, task, after }) => ({ name, after, met: metBy(task, tasks), status: task.status, note: noteOf(task, now), href: href(task.id) })));
  }

  async #askCancel() {
    const w = /** @type {Workflow} */ (this.#workflow);
    await fillIn({
      title: `Cancel ${quoted(this.title)}`,
      text: "Its tasks that wait are cancelled, and those that run are told to stop.",
      fields: [{ name: "reason", label: "Reason (optional)", hint: "It is kept in the history of the workflow.", long: true }],
      yes: "Cancel workflow",
      send: ({ reason }) => cancelWorkflow(w.id, reason),
    });
    this.#refresh.now();
  }

  /** @param {string} [from] */
  async #askRetry(from = "") {
    const w = /** @type {Workflow} */ (this.#workflow);
    const sure =
      from === "" ||
      (await ask({ title: `Run again from ${quoted(from)}?`, text: "This task and all after it run again, also those that have succeeded.", yes: "Run again", no: "Leave them", bad: false }));
    if (!sure) return;
    await run(() => retryWorkflow(w.id, from), `Runs again: ${isolated(this.title)}`, () => this.#refresh.now());
  }
}

class NodeRow {
  #name = h("a", { class: "place-name", dir: "auto" });
  #why = h("p", { class: "place-why", dir: "auto" });
  #status = statusView();
  #after = h("span", { dir: "auto" });
  #took = h("td", { role: "cell", "data-label": "Took", class: "num" });
  #again = h("button", { type: "button", class: "button small operator", onclick: () => this.#retry(this.#node.name) }, "Run again from here");
  el = h(
    "tr",
    { role: "row" },
    h("th", { role: "rowheader", scope: "row", class: "c-name" }, this.#name, this.#why),
    h("td", { role: "cell", "data-label": "Status" }, this.#status.el),
    h("td", { role: "cell", "data-label": "After" }, this.#after),
    this.#took,
    h("td", { role: "cell", class: "c-act" }, this.#again),
  );
  /** @type {Node} */
  #node = /** @type {any} */ (null);
  #retry;

  /** @param {(name: string) => void} retry */
  constructor(retry) {
    this.#retry = retry;
  }

  /** @param {Node} n */
  update(n) {
    this.#node = n;
    attr(this.el, "data-node", n.name);
    text(this.#name, n.name);
    attr(this.#name, "href", href(n.task.id));
    this.#status.update(n.task.status, n.task.partial ?? false);
    text(this.#after, afterWords(n, 6));
    attr(this.#again, "aria-label", `Run again from ${n.name}`);
  }

  /** @param {PlaceContext} c @param {Map<string, Row>} tasks by id @param {boolean} over the workflow has ended, and can run again */
  age(c, tasks, over) {
    const { task } = this.#node;
    const why = whyOf(task, tasks, c.state, c.now);
    show(this.#why, why !== "");
    text(this.#why, why);
    text(this.#took, durationWords(task, c.now));
    show(this.#again, may("operator") && over && !task.erased);
  }
}

/** @param {string} id */
function href(id) {
  return `#/tasks/${id}`;
}
