// The inbox: the tasks that wait for the answer of a person, those that wait longest first.

import { may } from "../access.js";
import { attr, h, isField, keyed, show, text } from "../dom.js";
import { absolute, ago, isolated, shortId } from "../format.js";
import { getApprovals } from "../notifyapi.js";
import { Pushed } from "../pushed.js";
import { answer } from "./approval.js";
import { headed, placeTable, unloaded } from "./place.js";

/** @import { Approval, Message } from "../types.js" */
/** @import { PlaceContext } from "../places.js" */

/** Rows of the list, at most. */
const MOST = 200;

const COLUMNS = ["Question", "Task", "Waits since", "Until", ""];

export class ApprovalsView {
  views = "approvals";
  #table = placeTable("Approvals", COLUMNS);
  #wait = h("p", { class: "place-note" }, "Loading…");
  #none = h("p", { class: "place-note", hidden: true }, "No task waits for a person. A task asks with a step of the kind approval; docs/worker-protocol.md says how.");
  #more = h("p", { class: "place-note", hidden: true }, "There are more. They follow when these are answered.");
  #keys = h("p", { class: "place-note place-keys", hidden: true }, h("kbd", null, "J"), " ", h("kbd", null, "K"), " next and previous, ", h("kbd", null, "A"), " approve, ", h("kbd", null, "R"), " reject, ", h("kbd", null, "Enter"), " open the task");
  el = headed("Approvals", "Tasks that wait for the answer of a person. They hold nothing meanwhile, and go on when it has come.", this.#wait, this.#none, this.#table.el, this.#more, this.#keys);
  /** @type {Map<string, ApprovalRow>} */
  #rows = new Map();
  /** @type {Pushed<Approval>} */
  #approvals;
  /** The row that has the focus or had it last: where the focus goes when that row is gone. */
  #at = 0;
  #dirty;
  #title = (/** @type {string} */ type) => type;

  /** @param {() => void} dirty */
  constructor(dirty) {
    this.#dirty = dirty;
    const before = (/** @type {Approval} */ a, /** @type {Approval} */ b) => Date.parse(a.since) - Date.parse(b.since);
    this.#approvals = new Pushed({ view: "approvals", key: (a) => a.task_id, before, fetch: () => getApprovals(MOST), failed: unloaded(this.#wait, "approvals"), changed: dirty, most: MOST });
    this.el.addEventListener("focusin", (e) => {
      const row = /** @type {Element} */ (e.target).closest("tr[data-key]");
      if (row) this.#at = [...this.#table.body.children].indexOf(row);
    });
  }

  /** @param {KeyboardEvent} e */
  #key = (e) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || isField(e.target) || document.querySelector("dialog[open]")) return;
    const rows = /** @type {HTMLElement[]} */ ([...this.#table.body.children]);
    const here = rows.findIndex((row) => row.contains(document.activeElement));
    const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[e.key];
    if (by !== undefined && rows.length > 0) rows[Math.min(rows.length - 1, Math.max(0, here < 0 ? this.#at : here + by))].focus();
    else if (here < 0) return;
    else if (e.key === "Enter" && document.activeElement === rows[here]) location.hash = `#/tasks/${rows[here].dataset.task}`;
    else if (e.key === "a" || e.key === "r") this.#rows.get(/** @type {string} */ (rows[here].dataset.key))?.answer(e.key === "a");
    else return;
    e.preventDefault();
  };

  open() {
    document.addEventListener("keydown", this.#key);
    this.#approvals.open();
  }

  close() {
    document.removeEventListener("keydown", this.#key);
    this.#approvals.close();
  }

  /** @param {Message} m */
  received(m) {
    this.#change(() => this.#approvals.received(m));
  }

  /** Others get the places of those that are gone. @param {() => void} change */
  #change(change) {
    const full = this.#approvals.rows?.length === MOST;
    change();
    if (full && this.#approvals.rows?.length !== MOST) this.#approvals.soon();
  }

  /** @param {PlaceContext} c */
  draw(c) {
    const list = this.#approvals.rows;
    this.#title = c.title;
    show(this.#wait, list === null);
    show(this.#none, list?.length === 0);
    show(this.#more, list?.length === MOST && (c.state?.approvals ?? 0) > MOST);
    for (const part of [this.#table.el, this.#keys]) show(part, list !== null && list.length > 0);
    if (list === null) return;
    const had = this.#table.body.contains(document.activeElement);
    keyed(this.#table.body, this.#rows, list, keyOf, () => new ApprovalRow((a, approve) => void this.#answer(a, approve)));
    for (const a of list) this.#rows.get(keyOf(a))?.age(c);
    if (had && !this.#table.body.contains(document.activeElement)) this.#focus();
  }

  /** Puts the focus on the row that has taken the place of the one that is gone. */
  #focus() {
    const rows = /** @type {NodeListOf<HTMLElement>} */ (this.#table.body.querySelectorAll("tr"));
    if (rows.length > 0) rows[Math.min(this.#at, rows.length - 1)].focus();
    else this.el.querySelector("h1")?.focus();
  }

  /** @param {Approval} a @param {boolean} approve */
  async #answer(a, approve) {
    const sent = await answer(a, `${isolated(this.#title(a.task_type))} ${shortId(a.task_id)}`, approve);
    if (!sent) return;
    this.#change(() => (this.#approvals.rows = (this.#approvals.rows ?? []).filter((other) => keyOf(other) !== keyOf(a))));
    this.#dirty();
    requestAnimationFrame(() => this.#focus());
  }
}

/** @param {Approval} a */
function keyOf(a) {
  return `${a.task_id} ${a.step}`;
}

class ApprovalRow {
  #question = h("span", { class: "place-name", dir: "auto" });
  #step = h("p", { class: "place-why", dir: "auto" });
  #task = h("a", { class: "to-task" });
  #subject = h("p", { class: "place-why", dir: "auto" });
  #since = h("span", null);
  #until = h("span", null);
  #approve = h("button", { type: "button", class: "button small primary", onclick: () => this.answer(true) }, "Approve…");
  #reject = h("button", { type: "button", class: "button small", onclick: () => this.answer(false) }, "Reject…");
  el = h(
    "tr",
    { role: "row", tabindex: -1 },
    h("th", { role: "rowheader", scope: "row", class: "c-name" }, this.#question, this.#step),
    h("td", { role: "cell", "data-label": "Task", class: "c-line" }, this.#task, this.#subject),
    h("td", { role: "cell", "data-label": "Waits since", class: "c-line" }, this.#since),
    h("td", { role: "cell", "data-label": "Until", class: "c-line" }, this.#until),
    h("td", { role: "cell", class: "c-act" }, h("div", { class: "place-buttons" }, this.#approve, this.#reject)),
  );
  #send;
  /** @type {Approval} */
  #approval = /** @type {any} */ (null);

  /** @param {(a: Approval, approve: boolean) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** Asks the user for the answer, if they may give it. @param {boolean} approve */
  answer(approve) {
    if (!this.#approve.hidden) this.#send(this.#approval, approve);
  }

  /** @param {Approval} a */
  update(a) {
    this.#approval = a;
    attr(this.el, "data-key", keyOf(a));
    attr(this.el, "data-task", a.task_id);
    text(this.#question, a.title || a.step);
    text(this.#step, `${a.title ? `Step ${isolated(a.step)} · ` : ""}needs the role ${a.role}`);
    attr(this.#task, "href", `#/tasks/${a.task_id}`);
    attr(this.#task, "title", a.task_id);
    show(this.#subject, a.subject !== null);
    text(this.#subject, a.subject ?? "");
    const mine = may(/** @type {any} */ (a.role));
    show(this.#approve, mine);
    show(this.#reject, mine);
    attr(this.#approve, "aria-label", `Approve ${a.title || a.step}…`);
    attr(this.#reject, "aria-label", `Reject ${a.title || a.step}…`);
  }

  /** Updates the times. @param {PlaceContext} c */
  age(c) {
    const a = this.#approval;
    text(this.#task, `${isolated(c.title(a.task_type))} ${shortId(a.task_id)}`);
    text(this.#since, ago(a.since, c.now));
    attr(this.#since, "title", absolute(a.since));
    text(this.#until, ago(a.until, c.now));
    attr(this.#until, "title", a.until === null ? null : absolute(a.until));
  }
}
