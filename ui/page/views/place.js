// What the places have in common.

import { Problem } from "../api.js";
import { h } from "../dom.js";
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
