// What an empty list says.

import { h, s } from "../dom.js";

/** @import { ListActions } from "./list.js" */

/**
 * @param {string} kind
 * @param {ListActions} actions
 * @returns {Element[]}
 */
export function emptyView(kind, actions) {
  switch (kind) {
    case "failed":
      return [
        h("h2", null, "The list could not be fetched"),
        h("p", null, "The server did not answer, or refused. The page tries again when the connection is back."),
        h("div", { class: "empty-actions" }, button("Try now", "primary", actions.reload)),
      ];
    case "searched":
      return [
        art(),
        h("h2", null, "Nothing found"),
        h("p", null, "No id begins so, and no parameters, result or error hold this text under the filters that are set."),
        h("div", { class: "empty-actions" }, button("Clear search and filters", "", actions.clear)),
      ];
    case "filtered":
      return [
        art(),
        h("h2", null, "No task matches"),
        h("p", null, "Nothing in the log fits these filters. A task that comes to fit them appears here by itself."),
        h("div", { class: "empty-actions" }, button("Clear filters", "", actions.clear)),
      ];
    default:
      return [
        art(),
        h("h2", null, "Nothing has been written down yet"),
        h("p", null, "Submit a task and watch it run. Or drop a CSV file or some pictures anywhere on this page."),
        h(
          "div",
          { class: "empty-actions" },
          button("Analyse 1,000 sample rows", "primary", () => actions.example("DATA_PROCESSING")),
          button("Draw and resize pictures", "", () => actions.example("IMAGE_PROCESSING")),
          button("New task…", "", actions.create),
        ),
        h("p", { class: "fine" }, "Press ", h("kbd", null, "n"), " for a new task, ", h("kbd", null, "?"), " for all keys."),
      ];
  }
}

/**
 * @param {string} label
 * @param {string} look
 * @param {() => void} onclick
 */
function button(label, look, onclick) {
  return h("button", { type: "button", class: `button ${look}`, onclick }, label);
}

function art() {
  return s(
    "svg",
    { class: "art", viewBox: "0 0 72 72", fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round", "aria-hidden": "true" },
    s("rect", { x: 12, y: 8, width: 48, height: 56, rx: 8 }),
    s("path", { d: "M22 22h28M22 32h28M22 42h18M22 52h10" }),
    s("path", { class: "hot", d: "m42 50 5 5 10-11" }),
  );
}
