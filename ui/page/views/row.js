// One task in the list.

import { attr, h, icon, setIcon, show, text } from "../dom.js";
import { absolute, ago, isolated, percent, shortId } from "../format.js";
import { changed } from "../press.js";
import { attemptSentence, attemptWords, attemptsUsed, canCancel, canRetry, durationWords, listLine } from "../task.js";
import { barView, statusView } from "./status.js";

/** @import { Row, SchedulerState } from "../types.js" */

/**
 * What rows are drawn with.
 * @typedef {{
 *   now: number,
 *   state: SchedulerState | null,
 *   title: (type: string) => string,
 *   href: (id: string) => string,
 *   openId: string | null,
 *   picking?: import("./picking.js").Picking | null,
 * }} RowContext
 */

/** Tags that are shown; the panel has them all. */
const MOST_TAGS = 2;

export class RowView {
  el;
  /** @type {Row | null} */
  #row = null;
  #version = -1;
  #status = statusView();
  #bar = barView();
  #title = h("span", { class: "task-title", dir: "auto" });
  #idHead = h("span", { class: "task-id-head" });
  #idTail = h("span", null);
  #id = h("span", { class: "task-id" }, this.#idHead, this.#idTail);
  #link = h("a", { class: "task-link", tabindex: -1 }, this.#title, this.#id);
  /** Queue and tags a second time, for widths without their columns. */
  #moreQueue = h("span", { class: "more-queue" });
  #moreTags = h("span", { class: "tag-list" });
  #more = h("span", { class: "task-more" }, this.#moreQueue, this.#moreTags);
  #pct = h("span", { class: "pct" });
  #line = h("span", { class: "line", dir: "auto" });
  #tags = h("span", { class: "tag-list" });
  #created = h("time", null);
  #actionIcon = icon("stop");
  #action = h("button", { class: "row-action", type: "button", tabindex: -1 }, this.#actionIcon);
  #cells;

  constructor() {
    const cell = (/** @type {string} */ name, /** @type {Node[]} */ ...children) =>
      h("td", { class: `c-${name}`, role: "gridcell" }, ...children);
    this.#cells = { queue: cell("queue"), attempt: cell("attempt"), duration: cell("duration") };
    this.el = h(
      "tr",
      { class: "row", role: "row" },
      cell("status", this.#status.el),
      cell("task", this.#link, this.#more),
      cell("progress", h("div", { class: "progress-cell" }, this.#bar.el, this.#pct, this.#line)),
      cell("tags", this.#tags),
      this.#cells.queue,
      this.#cells.attempt,
      this.#cells.duration,
      cell("created", this.#created),
      cell("action", this.#action),
    );
  }

  /**
   * @param {number} index in the list
   * @param {boolean} tabStop the Tab key goes to this row
   * @param {boolean} cursor the keys act on this row
   */
  place(index, tabStop, cursor) {
    attr(this.el, "aria-rowindex", index + 2); // the head is the first
    attr(this.el, "tabindex", tabStop ? 0 : -1);
    attr(this.el, "data-cursor", cursor);
  }

  /**
   * @param {Row} row
   * @param {RowContext} c
   */
  update(row, c) {
    if (this.#version !== row.version || this.#row?.id !== row.id) this.#facts(row);
    this.#row = row;
    this.#version = row.version;
    const title = c.title(row.task_type);
    text(this.#title, title);
    attr(this.#link, "href", c.href(row.id));
    attr(this.el, "aria-selected", row.id === c.openId ? "true" : null);
    const line = listLine(row, c.state, c.now);
    text(this.#line, line);
    attr(this.#line, "title", line.length > 40 ? isolated(line) : null);
    text(this.#cells.duration, durationWords(row, c.now));
    text(this.#created, ago(row.created_at, c.now));
    this.#drawAction(row); // what may be done changes too
  }

  /** What changes only with the row's version. @param {Row} row */
  #facts(row) {
    attr(this.el, "data-id", row.id);
    attr(this.el, "data-status", row.status);
    attr(this.el, "data-partial", row.partial);
    this.#status.update(row.status, row.partial);
    const short = shortId(row.id);
    text(this.#idHead, short.slice(0, -4));
    text(this.#idTail, short.slice(-4));
    attr(this.#id, "title", row.id);
    const running = row.status === "RUNNING";
    show(this.#bar.el, running);
    show(this.#pct, running);
    this.#bar.update(row.progress);
    text(this.#pct, percent(row.progress));
    text(this.#cells.queue, row.queue);
    attr(this.#cells.queue, "title", row.queue);
    text(this.#moreQueue, row.queue);
    attr(this.#moreQueue, "title", `Queue ${row.queue}`);
    text(this.#cells.attempt, attemptWords(row));
    attr(this.#cells.attempt, "data-more", attemptsUsed(row) > 1 && row.status !== "SUCCESS");
    attr(this.#cells.attempt, "title", row.attempts_before_retry > 0 ? `Attempt ${attemptSentence(row)}` : null);
    attr(this.#created, "datetime", row.created_at);
    attr(this.#created, "title", absolute(row.created_at));
    this.#drawTags(row.tags);
  }

  /** @param {string[]} tags */
  #drawTags(tags) {
    const key = tags.join("\n");
    if (this.#tags.dataset.key === key) return;
    this.#tags.dataset.key = key;
    const button = (/** @type {string} */ t) =>
      h("button", { type: "button", class: "tag", tabindex: -1, "data-tag": t, title: `Only tasks tagged ${isolated(t)}` }, h("span", { dir: "auto" }, t));
    const rest = tags.slice(MOST_TAGS);
    for (const list of [this.#tags, this.#moreTags]) {
      list.replaceChildren(...tags.slice(0, MOST_TAGS).map(button));
      if (rest.length > 0) list.append(h("span", { class: "tag-rest", title: rest.map(isolated).join(", ") }, `+${rest.length}`));
    }
  }

  /** @param {Row} row */
  #drawAction(row) {
    const kind = canCancel(row) ? "cancel" : canRetry(row) ? "retry" : null;
    const was = this.#action.getAttribute("data-kind");
    if (was !== null && was !== kind) changed(this.#action);
    show(this.#action, kind !== null);
    if (kind === null) return;
    attr(this.#action, "data-kind", kind);
    setIcon(this.#actionIcon, kind === "cancel" ? "stop" : "retry");
    const word = kind === "cancel" ? "Cancel" : "Retry";
    attr(this.#action, "title", word);
    attr(this.#action, "aria-label", `${word} task ${row.id}`);
  }
}
