// What the places have in common.

import { Problem } from "../api.js";
import { h, text } from "../dom.js";
import { ago, clock, time } from "../format.js";
import { toast } from "./toast.js";

/**
 * @param {string} title
 * @param {string} about
 * @param {...Node} parts
 */
export function headed(title, about, ...parts) {
  return h("div", { class: "place-page" }, h("h1", { tabindex: -1 }, title), h("p", { class: "place-about" }, about), ...parts);
}

/**
 * A table. The roles are named because on a phone the rows are shown as cards, which takes them away from a table.
 * @param {string} label
 * @param {string[]} columns "" = the column of buttons
 */
export function placeTable(label, columns) {
  const body = h("tbody", { role: "rowgroup" });
  const heads = columns.map((name) => h("th", { role: "columnheader", scope: "col" }, name || h("span", { class: "sr" }, "Action")));
  const el = h("table", { role: "table", class: "place-table", "aria-label": label, hidden: true }, h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...heads)), body);
  return { el, body };
}

/** Says in an element that a list could not be loaded, and why. @param {Element} el @param {string} what */
export function unloaded(el, what) {
  return (/** @type {unknown} */ err) => text(el, `The ${what} could not be loaded. ${err instanceof Problem ? err.message : ""}`);
}

/**
 * The time of day of what began today, and how long ago: "12:30:04, 3 min ago"; of another day how long ago.
 * @param {string | null} at RFC 3339
 * @param {number} now milliseconds
 */
export function since(at, now) {
  const t = time(at);
  if (t === null) return "–";
  const today = new Date(t).toDateString() === new Date(now).toDateString();
  return today ? `${clock(t)}, ${ago(at, now)}` : ago(at, now);
}

/**
 * Does something and says that it is done, or why not.
 * @param {() => Promise<void>} act
 * @param {string} done
 * @param {() => void} then
 */
export async function run(act, done, then) {
  try {
    await act();
    toast(done);
  } catch (err) {
    if (!(err instanceof Problem)) throw err;
    toast(err.message, { bad: true });
  }
  then();
}
