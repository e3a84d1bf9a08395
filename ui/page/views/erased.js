// What is shown of a task whose content was erased.

import { h, show, text } from "../dom.js";
import { erasureWords } from "../events.js";

/** @import { LogEvent, Row } from "../types.js" */

/** The word beside a status. */
export function erasedMark() {
  return h("span", { class: "tag" }, "Erased");
}

/** Stands where parameters, result and error would be. */
export class ErasedView {
  #why = h("p", { dir: "auto", class: "breaks" });
  el = h(
    "section",
    { class: "section", hidden: true },
    h("div", { class: "section-head" }, h("h3", null, "Parameters, result, error")),
    h("div", { class: "section-body" }, this.#why, h("p", { class: "dim" }, "It cannot be retried or copied. Submit a new task.")),
  );

  /** @param {Row} row @param {LogEvent[] | null} events */
  update(row, events) {
    show(this.el, row.erased === true);
    text(this.#why, erasureWords(events));
  }
}
