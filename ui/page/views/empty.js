// What an empty list shows.

import { may } from "../access.js";
import { h, s } from "../dom.js";
import { quoted } from "../format.js";
import { Later } from "../later.js";

/** @import { Emptiness, Store } from "../store.js" */
/** @import { ListActions } from "./list.js" */

export class EmptyView {
  #el;
  #actions;
  #key = "";
  #refusal;

  /**
   * @param {HTMLElement} el
   * @param {ListActions} actions
   */
  constructor(el, actions) {
    this.#el = el;
    this.#actions = actions;
    this.#refusal = new Later(
      () => import("./refusal.js"),
      ({ refusal }) => refusal,
      actions.incomplete,
    );
  }

  /** Loads what a list that cannot be shown says. */
  prefetch() {
    return this.#refusal.prefetch();
  }

  /**
   * @param {Store} store
   * @param {Emptiness} kind with "", the view is cleared
   */
  draw(store, kind) {
    const key = kind === "" ? "" : JSON.stringify([kind, store.filters, store.past?.problem, store.counts === null, this.#actions.types()]);
    if (key === this.#key) return;
    this.#key = key;
    const refused = kind === "wrong" || store.past?.problem;
    this.#el.replaceChildren(...(kind === "" || refused ? [] : contents(kind, store, this.#actions)));
    if (refused) void this.#refusal.get().then((contents) => this.#key === key && contents && this.#el.replaceChildren(...contents(store, this.#actions)));
  }
}

/**
 * @param {Emptiness} kind
 * @param {Store} store
 * @param {ListActions} actions
 * @returns {Element[]}
 */
function contents(kind, store, actions) {
  const f = store.filters;
  switch (kind) {
    case "failed":
      return [
        h("h2", null, "The list could not be loaded"),
        h("p", null, "The server did not answer, or it refused the request. The page tries again when the connection is back."),
        h("div", { class: "empty-actions" }, button("Try now", "primary", actions.reload)),
      ];
    case "searched":
      return [
        art(),
        h("h2", null, "Nothing found"),
        h("p", { class: "breaks" }, `No task under these filters has an id that begins with ${quoted(f.q)}, or parameters, a result, an error or a message with words that begin with it.`),
        h("p", { class: "fine" }, "The search matches the beginnings of words: “port” finds “ports”, but not “report”."),
        h("div", { class: "empty-actions" }, button("Clear search and filters", "", actions.clear)),
      ];
    case "filtered":
      return [
        art(),
        h("h2", null, "No task matches"),
        h("p", { class: "breaks" }, unknownWords(store, actions.types()) || (store.past ? "No task matched these filters then." : "") || "No task matches these filters now. Matching tasks will appear here automatically."),
        h("div", { class: "empty-actions" }, button("Clear filters", "", actions.clear)),
      ];
    default:
      if (store.past) return [art(), h("h2", null, "No tasks yet"), h("p", null, "At that moment the queue had no tasks.")];
      if (!may("submitter")) return [art(), h("h2", null, "No tasks yet"), h("p", null, "Tasks appear here when somebody submits them.")];
      return [
        art(),
        h("h2", null, "No tasks yet"),
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
 * Which type or queue in the filters the server does not have; "" if it has all.
 * @param {Store} store
 * @param {string[]} types that the server runs
 */
function unknownWords({ filters, counts }, types) {
  if (counts === null || types.length === 0) return "";
  const type = filters.task_type.find((t) => !types.includes(t) && !counts.some((c) => c.task_type === t));
  if (type !== undefined) return `There is no task type ${quoted(type)}. The types are ${types.join(", ")}.`;
  if (counts.some((c) => c.queue === "" && c.n > 0)) return ""; // it may be one of those
  const queue = filters.queue.find((q) => !counts.some((c) => c.queue === q));
  return queue === undefined ? "" : `There is no task in queue ${quoted(queue)}.`;
}

/**
 * @param {string} label
 * @param {string} look
 * @param {() => void} onclick
 */
export function button(label, look, onclick) {
  return h("button", { type: "button", class: `button ${look}`, onclick }, label);
}

export function art() {
  return s(
    "svg",
    { class: "art", viewBox: "0 0 72 72", fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round", "aria-hidden": "true" },
    s("rect", { x: 12, y: 8, width: 48, height: 56, rx: 8 }),
    s("path", { d: "M22 22h28M22 32h28M22 42h18M22 52h10" }),
    s("path", { class: "hot", d: "m42 50 5 5 10-11" }),
  );
}
