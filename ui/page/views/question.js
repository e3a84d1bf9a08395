// A question that must be answered before something is done.

import { byId, h } from "../dom.js";
import { changed } from "../press.js";

/**
 * Asks before something that cannot be undone.
 * @param {{ title: string, text: string, yes: string, no: string, bad: boolean }} question
 * @returns {Promise<boolean>}
 */
export function ask(question) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("confirm"));
  return new Promise((resolve) => {
    dialog.replaceChildren(
      h(
        "form",
        { method: "dialog" },
        h("h2", { id: "confirm-title" }, question.title),
        h("p", { id: "confirm-text", dir: "auto" }, question.text),
        h(
          "div",
          { class: "dialog-actions" },
          h("button", { class: "button", value: "no", autofocus: true }, question.no),
          h("button", { class: question.bad ? "button danger solid" : "button primary", value: "yes" }, question.yes),
        ),
      ),
    );
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    changed(dialog); // a double click is no answer
    dialog.showModal();
  });
}
