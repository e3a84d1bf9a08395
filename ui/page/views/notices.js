// Short words that come and go, and questions that must be answered.

import { byId, h, icon } from "../dom.js";
import { changed } from "../press.js";

const STAY = 5000;
const STAY_LONG = 10_000;

/**
 * Says something for a few seconds. What it says of a task names it.
 * @param {string} message
 * @param {{ bad?: boolean, action?: { word: string, act: () => void } }} [how] with an action
 *   that takes it back
 */
export function toast(message, how = {}) {
  const toasts = byId("toasts");
  const leave = () => el.remove();
  const action = how.action && h("button", { type: "button", class: "toast-action" }, how.action.word);
  action?.addEventListener("click", () => {
    leave();
    how.action?.act();
  });
  const close = h("button", { type: "button", "aria-label": "Dismiss", onclick: leave }, "Close");
  const el = h("div", { class: how.bad ? "toast bad" : "toast" }, icon(how.bad ? "FAILED" : "check"), h("span", { dir: "auto" }, message), action, close);
  changed(toasts); // it comes to where rows are
  toasts.append(el);
  while (toasts.childElementCount > 3) toasts.firstElementChild?.remove();
  setTimeout(leave, how.bad || how.action ? STAY_LONG : STAY);
}

/**
 * Asks before something that cannot be taken back.
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
    changed(dialog); // the second click of two is no answer
    dialog.showModal();
  });
}

const KEYS = [
  [["j", "↓"], "Next task"],
  [["k", "↑"], "Previous task"],
  [["PgDn", "PgUp"], "Next page, previous page"],
  [["Home", "End"], "First task, last task"],
  [["Enter"], "Open the task and go to it"],
  [["Space"], "Open the task and stay in the list"],
  [["←", "→"], "Tags and button of the task"],
  [["Esc"], "Back to the list, or clear the search"],
  [["1", "…", "6"], "All, pending, … cancelled"],
  [["/"], "Search"],
  [["n"], "New task"],
  [["r"], "Retry the task"],
  [["c"], "Cancel the task"],
  [["t"], "Go to the newest task"],
  [["d"], "Light, dark or system theme"],
  [["?"], "Show these keys"],
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
