// What the list shows in place of tasks when its address is wrong, or the moment that it asks for cannot be shown.

import { h } from "../dom.js";
import { STATUSES } from "../filters.js";
import { STATUS_WORDS } from "../task.js";
import { wrongWords } from "../wrong.js";
import { art, button } from "./empty.js";

/** @import { Store } from "../store.js" */
/** @import { ListActions } from "./list.js" */

/**
 * @param {Store} store
 * @param {ListActions} actions
 * @returns {Element[]}
 */
export function refusal({ filters, past }, actions) {
  const problem = past?.problem;
  if (!problem) {
    return [
      art(),
      h("h2", null, "The address is not valid"),
      ...filters.wrong.map((w) => h("p", { class: "breaks" }, wrongWords(w), w.key === "status" ? ` A task is ${STATUSES.map((s) => STATUS_WORDS[s].toLowerCase()).join(", ").replace(/, (\w+)$/, " or $1")}.` : "")),
      h("div", { class: "empty-actions" }, button("Remove it", "primary", actions.clearWrong), button("Show all tasks", "", actions.clear)),
    ];
  }
  const again = problem.status >= 500 ? button("Try again", "primary", actions.reload) : null;
  return [art(), h("h2", null, "That moment cannot be shown"), h("p", { class: "breaks" }, problem.message), h("div", { class: "empty-actions" }, again, button("Back to now", again ? "" : "primary", actions.now))];
}
