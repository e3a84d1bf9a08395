// Short words that come and go, and questions that must be answered.

import { byId, h, icon } from "../dom.js";

const STAY = 5000;

/**
 * Says something for a few seconds.
 * @param {string} message
 * @param {{ bad?: boolean }} [how]
 */
export function toast(message, how = {}) {
  const toasts = byId("toasts");
  const close = h("button", { type: "button", "aria-label": "Dismiss" }, "Close");
  const el = h("div", { class: how.bad ? "toast bad" : "toast" }, icon(how.bad ? "FAILED" : "check"), h("span", null, message), close);
  const leave = () => el.remove();
  close.addEventListener("click", leave);
  toasts.append(el);
  while (toasts.childElementCount > 3) toasts.firstElementChild?.remove();
  setTimeout(leave, how.bad ? STAY * 2 : STAY);
}

/**
 * Asks before something that cannot be taken back.
 * @param {{ title: string, text: string, yes: string, no: string }} question
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
        h("p", null, question.text),
        h(
          "div",
          { class: "dialog-actions" },
          h("button", { class: "button", value: "no", autofocus: true }, question.no),
          h("button", { class: "button danger solid", value: "yes" }, question.yes),
        ),
      ),
    );
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });
}

const KEYS = [
  [["j", "↓"], "Next task"],
  [["k", "↑"], "Task before"],
  [["Enter"], "Open the task"],
  [["Esc"], "Close, or clear the search"],
  [["/"], "Search"],
  [["n"], "New task"],
  [["r"], "Retry the open task"],
  [["c"], "Cancel the open task"],
  [["t"], "To the top of the list"],
  [["?"], "These keys"],
];

/** Shows which keys there are. */
export function showKeys() {
  const dialog = /** @type {HTMLDialogElement} */ (byId("keys"));
  if (dialog.open) return dialog.close();
  dialog.replaceChildren(
    h("h2", { id: "keys-title" }, "Keys"),
    h(
      "dl",
      null,
      ...KEYS.flatMap(([keys, words]) => [
        h("dt", null, .../** @type {string[]} */ (keys).map((k) => h("kbd", null, k))),
        h("dd", null, /** @type {string} */ (words)),
      ]),
    ),
    h("form", { method: "dialog", class: "dialog-actions" }, h("button", { class: "button", autofocus: true }, "Close")),
  );
  dialog.showModal();
}
