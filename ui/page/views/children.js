// The children of the open task: how many there are of each state, and the latest of them. Loaded when a task has some.

import { Problem, call, page } from "../api.js";
import { h, keyed, show, text } from "../dom.js";
import { isolated, plural } from "../format.js";
import { STATUS_WORDS } from "../task.js";
import { statusView } from "./status.js";

/** @import { Row, Status } from "../types.js" */

/** Children that are listed: those that were submitted last. */
const MOST_ROWS = 100;
/** How often they are looked at while the parent waits for them, in milliseconds. */
const EVERY = 2000;

export class ChildrenView {
  #count = h("span", { class: "dim num" });
  #sums = h("p", { class: "child-sums" });
  #problem = h("p", { class: "dim", hidden: true });
  #more = h("p", { class: "dim", hidden: true });
  #list = h("ul", { class: "children-list" });
  el = h("section", { class: "section" }, h("div", { class: "section-head" }, h("h3", null, "Children"), this.#count), h("div", { class: "section-body" }, this.#sums, this.#problem, this.#list, this.#more));
  /** @type {Map<string, ReturnType<typeof childView>>} */
  #views = new Map();
  #key = "";
  #at = 0;
  #abort = new AbortController();

  /** Ends what goes on for the task. */
  close() {
    this.#abort.abort();
  }

  /**
   * @param {Row} row
   * @param {(id: string) => string} href
   * @param {string} at an earlier moment; "" = now
   */
  update(row, href, at) {
    text(this.#count, plural(row.children, "child", "children"));
    const live = at === "" && (row.status === "PENDING" || row.status === "RUNNING");
    const key = `${row.id} ${row.version}`;
    if (key === this.#key && !(live && Date.now() - this.#at > EVERY)) return;
    this.#key = key;
    this.#at = Date.now();
    void this.#fetch(row, href, at && `&at=${encodeURIComponent(at)}`);
  }

  /**
   * @param {Row} row
   * @param {(id: string) => string} href
   * @param {string} then the rest of the query
   */
  async #fetch(row, href, then) {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      const { rows } = await page(`api/tasks/?parent=${row.id}&fields=summary&limit=${MOST_ROWS}${then}`, signal);
      const sums = row.children <= MOST_ROWS ? countOf(rows) : await counts(`${row.id}${then}`, signal);
      if (signal.aborted) return;
      show(this.#problem, false);
      this.#sums.replaceChildren(...sums.filter(([, n]) => n !== "0").map(([status, n]) => h("span", null, `${n} ${STATUS_WORDS[status].toLowerCase()}`)));
      keyed(this.#list, this.#views, rows, (r) => r.id, (r) => childView(r, href(r.id)));
      show(this.#more, row.children > rows.length);
      text(this.#more, `The ${rows.length} latest of ${row.children} are shown.`);
    } catch (err) {
      if (signal.aborted) return;
      show(this.#problem, true);
      text(this.#problem, err instanceof Problem ? err.message : String(err));
    }
  }
}

const STATUSES = /** @type {Status[]} */ (["FAILED", "CANCELLED", "RUNNING", "PENDING", "SUCCESS"]);

/** @param {Row[]} rows @returns {[Status, string][]} */
function countOf(rows) {
  return STATUSES.map((status) => [status, String(rows.filter((r) => r.status === status).length)]);
}

/**
 * @param {string} parent its id, and the rest of the query
 * @param {AbortSignal} signal
 * @returns {Promise<[Status, string][]>}
 */
function counts(parent, signal) {
  return Promise.all(
    STATUSES.map(async (status) => {
      const res = await call(`api/tasks/?parent=${parent}&status=${status}&fields=summary&limit=1`, { signal, headers: { Accept: "application/json" } });
      return /** @type {[Status, string]} */ ([status, `${res.headers.get("X-Total-Count") ?? "?"}${res.headers.has("X-Total-Count-Relation") ? "+" : ""}`]);
    }),
  );
}

/** @param {Row} _ @param {string} href */
function childView(_, href) {
  const status = statusView();
  const name = h("a", { href });
  const el = h("li", null, status.el, name);
  return {
    el,
    /** @param {Row} row */
    update(row) {
      status.update(row.status, row.partial);
      text(name, isolated(row.child_name ?? row.id));
    },
  };
}
