// The dialog that lists the keys.

import { byId, h } from "../dom.js";

const KEYS = [
  [["j", "↓"], "Next task"],
  [["k", "↑"], "Previous task"],
  [["PgDn", "PgUp"], "Next page, previous page"],
  [["Home", "End"], "First task, last task"],
  [["Enter"], "Open the task and go to it"],
  [["Space"], "Select the task; with Shift, all from the last one"],
  [["←", "→"], "Tags and button of the task"],
  [["Esc"], "Back to the list, or clear the search"],
  [["1", "…", "6"], "All, pending, … cancelled"],
  [["/"], "Search"],
  [["n"], "New task"],
  [["r"], "Retry the task"],
  [["c"], "Cancel the task"],
  [["b"], "Change all tasks that match"],
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
