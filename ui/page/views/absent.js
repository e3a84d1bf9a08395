// What the panel shows when the task is not there, or cannot be loaded.

import { h } from "../dom.js";

/** @import { Detail } from "../detail.js" */
/** @import { DetailActions } from "./detail.js" */

/** @param {Detail} d @param {DetailActions} actions */
export function absent(d, actions) {
  const gone = d.problem?.status === 404 || d.problem?.status === 400;
  return h(
    "div",
    { class: "empty" },
    h("h2", null, gone ? (d.at === "" ? "Task not found" : "No such task then") : "The task could not be loaded"),
    h("p", { class: "breaks" }, gone ? (d.at === "" ? `No task has the id ${d.id}.` : `At that moment no task had the id ${d.id}. It may have been submitted later.`) : (d.problem?.message ?? "")),
    h(
      "div",
      { class: "empty-actions" },
      gone ? null : h("button", { type: "button", class: "button primary", onclick: () => actions.retryLoad() }, "Try again"),
      d.at === "" ? null : h("button", { type: "button", class: "button", onclick: () => actions.now() }, "Show it now"),
      h("button", { type: "button", class: "button", onclick: () => actions.close() }, "Back to the list"),
    ),
  );
}
