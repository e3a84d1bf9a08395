// Messages that are shown for a few seconds.

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
