// The panel of the open task: status, facts, result, parameters and history.

import { may } from "../access.js";
import { alsoSentence } from "../also.js";
import { attr, byId, h, icon, linkIn, show, text } from "../dom.js";
import { DAMAGED } from "../events.js";
import { stringify } from "../exact.js";
import { percent } from "../format.js";
import { swap } from "../press.js";
import { attemptsUsed, canCancel, canMove, canRetry, canRunNow, ended, waitingSentence } from "../task.js";
import { taskUrl } from "../taskapi.js";
import { absent } from "./absent.js";
import { erasedMark, ErasedView } from "./erased.js";
import { factsView } from "./facts.js";
import { copyButton } from "./copy.js";
import { LogView } from "./log.js";
import { jsonView } from "./results/json.js";
import { resultView } from "./results/index.js";
import { barView, statusView } from "./status.js";
import { StepsView } from "./steps.js";
import { TimelineView } from "./timeline.js";
import "./icons.js";

/** @import { Detail } from "../detail.js" */
/** @import { Row, SchedulerState, Task } from "../types.js" */

/**
 * @typedef {{
 *   close: () => void,
 *   act: (kind: string, row: Row) => void,
 *   again: (task: Task) => void,
 *   change: (task: Task) => void,
 *   now: () => void,
 *   move: (by: number) => void,
 *   retryLoad: () => void,
 *   incomplete: () => void,
 * }} DetailActions
 */

/** @typedef {{ now: number, state: SchedulerState | null, title: (type: string) => string, href: (id: string) => string, live: boolean, when: string }} DetailContext when is the earlier moment in words */

export class DetailView {
  #root = byId("detail");
  #main = byId("main");
  #say = byId("say");
  #actions;
  #shownId = "";
  #wide = false;
  #said = "";
  #focusAsked = false;
  /** @type {TaskPanel | null} */
  #panel = null;

  /** @param {DetailActions} actions */
  constructor(actions) {
    this.#actions = actions;
  }

  get hasFocus() {
    return this.#root.contains(document.activeElement);
  }

  /** Puts focus on the heading, as soon as there is one. */
  focus() {
    this.#focusAsked = true;
  }

  #giveFocus() {
    if (!this.#focusAsked) return;
    const heading = this.#root.querySelector("h2");
    if (!heading) return;
    this.#focusAsked = false;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }

  toggleWide() {
    this.#wide = !this.#wide;
    attr(this.#main, "data-detail", this.#wide ? "wide" : "side");
  }

  /**
   * @param {Detail} d
   * @param {DetailContext} c
   */
  draw(d, c) {
    this.#draw(d, c);
    this.#giveFocus();
  }

  /**
   * @param {Detail} d
   * @param {DetailContext} c
   */
  #draw(d, c) {
    const id = d.id ?? "";
    show(this.#root, id !== "");
    attr(this.#main, "data-detail", id === "" ? null : this.#wide ? "wide" : "side");
    if (id === "") {
      this.#shownId = "";
      this.#focusAsked = false;
      this.#panel?.close();
      this.#panel = null;
      if (this.#root.childElementCount > 0) this.#root.replaceChildren();
      return;
    }
    const shown = `${id} ${d.at}`;
    if (shown !== this.#shownId) this.#open(shown);
    if (d.problem && !d.row) return this.#refused(d);
    if (!d.row) return;
    if (!this.#panel) {
      this.#panel = new TaskPanel(this.#actions, () => this.toggleWide());
      this.#root.replaceChildren(...this.#panel.parts);
    }
    this.#panel.draw(d, c);
    this.#tell(d.row, c);
  }

  /** @param {string} shown the task, and when */
  #open(shown) {
    this.#shownId = shown;
    this.#said = "";
    this.#panel?.close();
    this.#panel = null;
    this.#root.replaceChildren(h("div", { class: "detail-wait" }, h("span", { class: "ghost-bar" }), h("span", { class: "ghost-bar" }), h("span", { class: "ghost-bar" })));
    this.#root.scrollTop = 0;
  }

  /** @param {Detail} d */
  #refused(d) {
    const key = `refused ${d.problem?.message}`;
    if (this.#said === key) return;
    this.#said = key;
    this.#panel?.close();
    this.#panel = null;
    this.#root.replaceChildren(absent(d, this.#actions));
  }

  /** Reads out a change of status. @param {Row} row @param {DetailContext} c */
  #tell(row, c) {
    if (this.#said === row.status) return;
    if (this.#said !== "") text(this.#say, `${c.title(row.task_type)}: ${row.status.toLowerCase()}`);
    this.#said = row.status;
  }
}

class TaskPanel {
  parts;
  #status = statusView();
  #title = h("h2", { class: "detail-title", tabindex: -1, dir: "auto" });
  #id = h("code", null);
  #copy = copyButton(() => this.#id.textContent ?? "", "Copy id");
  #raw = h("a", { class: "link-out" }, "JSON", icon("out"));
  #now = h("button", { type: "button", class: "button small" }, icon("right"), "Run now");
  #priority = h("button", { type: "button", class: "button small" }, icon("up"), "Priority");
  #cancel = h("button", { type: "button", class: "button small danger" }, icon("stop"), "Cancel");
  #retry = h("button", { type: "button", class: "button small" }, icon("retry"), "Retry");
  #change = h("button", { type: "button", class: "button small" }, icon("retry"), "Retry with changes");
  #again = h("button", { type: "button", class: "button small" }, icon("copy"), "Submit a copy");
  #schedule = h("a", { class: "button small operator" }, icon("t-SLEEP"), "Schedule");
  #bar = barView();
  #pct = h("strong", { class: "num" });
  #message = h("span", { class: "stand-message", dir: "auto" });
  #stand = h("div", { class: "stand" }, h("div", { class: "stand-line" }, this.#message, this.#pct), this.#bar.el);
  #wait = h("p", { class: "note" });
  #also = h("p", { class: "note" });
  #whenText = h("span", null);
  #when;
  #error = h("section", { class: "error-box" });
  #facts = factsView();
  #mark = erasedMark();
  #erased = new ErasedView();
  #result = section("Result");
  #parameters = section("Parameters");
  #log = new LogView();
  #timeline = new TimelineView();
  #family = h("div", null);
  /** @type {import("./children.js").ChildrenView | null} */
  #children = null;
  #loading = false;
  #steps;
  #incomplete;
  #errorKey = "";
  /** @type {any} */
  #drawnTask = null;
  /** @type {boolean | undefined} */
  #drawnErased;
  /** @type {Row | null} */
  #row = null;
  /** @type {Task | null} */
  #task = null;

  /**
   * @param {DetailActions} actions
   * @param {() => void} widen
   */
  constructor(actions, widen) {
    this.#incomplete = actions.incomplete;
    this.#when = h("p", { class: "note past-note" }, this.#whenText, h("button", { type: "button", class: "button small", onclick: actions.now }, "Show it now"));
    this.#steps = new StepsView(actions.act);
    const act = (/** @type {string} */ kind) => () => this.#row && actions.act(kind, this.#row);
    this.#now.addEventListener("click", act("now"));
    this.#priority.addEventListener("click", act("priority"));
    this.#cancel.addEventListener("click", act("cancel"));
    this.#retry.addEventListener("click", act("retry"));
    this.#change.addEventListener("click", () => this.#task && actions.change(this.#task));
    this.#again.addEventListener("click", () => this.#task && actions.again(this.#task));
    const tool = (/** @type {string} */ name, /** @type {string} */ label, /** @type {() => void} */ onclick, className = "") =>
      h("button", { type: "button", class: `button quiet small icon-only ${className}`, title: label, "aria-label": label, onclick }, icon(name));
    const back = tool("left", "Back to the list", actions.close, "only-phone");
    const bar = h(
      "header",
      { class: "detail-bar" },
      back,
      h("div", { class: "detail-id" }, this.#id, this.#copy, this.#raw),
      h(
        "div",
        { class: "detail-tools" },
        tool("up", "Previous task (k)", () => actions.move(-1), "only-wide"),
        tool("up", "Next task (j)", () => actions.move(1), "only-wide flip"),
        tool("wide", "Full width", widen, "only-wide"),
        tool("x", "Close (Esc)", actions.close, "only-wide"),
      ),
    );
    const body = h(
      "div",
      { class: "detail-body" },
      this.#when,
      h("div", { class: "detail-head" }, h("div", { class: "detail-names" }, this.#title, h("div", { class: "detail-state" }, this.#status.el, this.#mark)), h("div", { class: "detail-actions" }, this.#now, this.#priority, this.#cancel, this.#retry, this.#change, this.#again, this.#schedule)),
      this.#stand,
      this.#wait,
      this.#also,
      this.#error,
      this.#facts.el,
      this.#steps.el,
      this.#family,
      this.#erased.el,
      this.#result.el,
      this.#parameters.el,
      this.#log.el,
      this.#timeline.el,
    );
    this.parts = [bar, body];
  }

  /**
   * @param {Detail} d
   * @param {DetailContext} c
   */
  draw(d, c) {
    const row = /** @type {Row} */ (d.row);
    const put = this.#row === null ? show : swap; // a button may appear where another one was
    this.#row = row;
    this.#task = d.task;
    text(this.#title, c.title(row.task_type));
    text(this.#id, row.id);
    attr(this.#raw, "href", taskUrl(row.id, d.at));
    const then = d.at !== "";
    show(this.#when, then);
    text(this.#whenText, then ? c.when : "");
    this.#status.update(row.status, row.partial);
    this.#drawStand(row, c);
    this.#drawError(row);
    this.#facts.update(row, c);
    show(this.#mark, row.erased === true);
    this.#erased.update(row, d.events);
    const whole = d.task !== null && !row.erased && !lost(d.task, "parameters");
    put(this.#now, canRunNow(row, c.now));
    put(this.#priority, canMove(row));
    put(this.#cancel, canCancel(row));
    put(this.#retry, canRetry(row));
    put(this.#change, canRetry(row) && whole);
    put(this.#again, may("submitter") && ended(row.status) && !row.erased && d.task !== null);
    put(this.#schedule, may("operator") && whole);
    attr(this.#schedule, "href", `#/schedules/~new?task=${row.id}`);
    if (d.task !== this.#drawnTask || row.erased !== this.#drawnErased) this.#drawContent(d, c);
    this.#steps.update(row, d.events, c.now, then);
    this.#drawChildren(row, c, d.at);
    const logged = !row.erased && !then; // the lines are not in the event log
    show(this.#log.el, logged);
    if (logged) this.#log.update(row);
    this.#timeline.update(d.events, d.eventsProblem, c.now);
  }

  /** Ends what goes on for the task. */
  close() {
    this.#log.close();
    this.#steps.close();
    this.#children?.close();
  }

  /** @param {Row} row @param {DetailContext} c @param {string} at */
  #drawChildren(row, c, at) {
    show(this.#family, row.children > 0);
    if (row.children === 0) return;
    if (this.#children) return this.#children.update(row, c.href, at);
    if (this.#loading) return;
    this.#loading = true;
    import("./children.js").then(
      ({ ChildrenView }) => {
        this.#children = new ChildrenView();
        this.#family.replaceChildren(this.#children.el);
        if (this.#row) this.#children.update(this.#row, c.href, at);
      },
      () => this.#incomplete(),
    );
  }

  /** @param {Row} row @param {DetailContext} c */
  #drawStand(row, c) {
    const running = row.status === "RUNNING";
    show(this.#stand, running);
    if (running) {
      this.#bar.update(row.progress);
      text(this.#pct, percent(row.progress));
      text(this.#message, row.progress_message ?? (row.progress > 0 ? "Running" : "Started"));
    }
    const waiting = waitingSentence(row, c.state, c.now);
    show(this.#wait, waiting !== "");
    const first = row.waiting_for?.task_id ?? row.waiting_for?.waiting_on?.[0] ?? "";
    const called = row.waiting_for?.waiting_on ? (row.waiting_for.names?.[0] ?? first) : first;
    linkIn(this.#wait, waiting === "" ? "" : `${waiting}.`, called, c.href(first));
    const also = alsoSentence(row);
    show(this.#also, also !== "");
    text(this.#also, also === "" ? "" : `${also}.`);
  }

  /** @param {Row} row */
  #drawError(row) {
    const message = row.status === "SUCCESS" ? "" : (row.error_message ?? lost(row, "error_message"));
    const failed = row.status === "FAILED";
    const key = `${failed} ${row.attempt} ${message}`;
    show(this.#error, message !== "");
    if (key === this.#errorKey) return;
    this.#errorKey = key;
    attr(this.#error, "data-final", failed);
    const body = h("pre", { class: "error-text", tabindex: 0, dir: "auto" }, message);
    this.#error.replaceChildren(
      h("div", { class: "error-head" }, icon("FAILED"), h("h3", null, failed ? (attemptsUsed(row) > 1 ? `Failed after ${attemptsUsed(row)} attempts` : "Failed") : "The last attempt failed"), copyButton(() => message, "Copy error")),
      body,
    );
  }

  /** @param {Detail} d @param {DetailContext} c */
  #drawContent(d, c) {
    this.#drawnTask = d.task;
    this.#drawnErased = d.row?.erased;
    const task = d.row?.erased ? null : d.task; // what was fetched before the erasure is not shown any more
    const has = task !== null && task.result_data !== null && task.result_data !== undefined;
    show(this.#result.el, has || task?.status === "SUCCESS");
    if (has) void this.#drawResult(task);
    else this.#result.fill([h("p", { class: "dim" }, lost(task, "result_data") || "The task gave no result.")], null);
    const parameters = task?.parameters ?? {};
    const empty = Object.keys(parameters).length === 0;
    const gone = lost(task, "parameters");
    show(this.#parameters.el, task !== null);
    this.#parameters.fill(
      gone ? [h("p", { class: "dim" }, gone)] : empty ? [h("p", { class: "dim" }, `None: ${c.title(task?.task_type ?? "").toLowerCase()} used its defaults.`)] : [jsonView(parameters, task?.file_names)],
      empty ? null : copyButton(() => stringify(parameters, 2), "Copy parameters"),
    );
  }

  /** @param {Task} task */
  async #drawResult(task) {
    let nodes;
    try {
      nodes = await resultView(task);
    } catch {
      nodes = [jsonView(task.result_data)];
      this.#incomplete();
    }
    if (task !== this.#drawnTask || this.#drawnErased) return;
    this.#result.fill(nodes, copyButton(() => stringify(task.result_data, 2), "Copy result"));
  }
}

/** @param {string} name */
function section(name) {
  const head = h("div", { class: "section-head" }, h("h3", null, name));
  const body = h("div", { class: "section-body" });
  return {
    el: h("section", { class: "section" }, head, body),
    /**
     * @param {Node[]} children
     * @param {Node | null} tool
     */
    fill(children, tool) {
      head.replaceChildren(/** @type {Node} */ (head.firstChild), ...(tool ? [tool] : []));
      body.replaceChildren(...children);
    },
  };
}

/** Why a text of a task that was not erased is not there; "" = it is, or the task has none. @param {Row | Task | null} task @param {string} what */
const lost = (task, what) => (task?.damaged?.includes(what) ? DAMAGED : "");
