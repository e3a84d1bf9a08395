// Messages that are shown for a few seconds.

import { byId, h, icon } from "../dom.js";
import { changed } from "../press.js";

const STAY = 5000;
const STAY_LONG = 10_000;

/**
 * Shows a message for a few seconds. A message about a task must name the task.
 * @param {string} message
 * @param {{ bad?: boolean, action?: { word: string, act: () => void } }} [how] with an action
 *   that undoes what was done
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
  changed(toasts); // it covers rows
  toasts.append(el);
  while (toasts.childElementCount > 3) toasts.firstElementChild?.remove();
  setTimeout(leave, how.bad || how.action ? STAY_LONG : STAY);
}
