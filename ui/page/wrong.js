// What is wrong with the address of a list, in words. Pure.

import { LISTS, LONGEST_SEARCH } from "./filters.js";
import { quoted } from "./format.js";

/** @import { Wrong } from "./types.js" */

/** @type {Record<string, string>} */
const KEY_WORDS = { task_type: "task type", q: "search", waiting: "state of pending tasks", at: "moment" };

/**
 * What is wrong with an address, as a sentence.
 * @param {Wrong} w
 */
export function wrongWords({ key, value }) {
  if (key === "q") return `A search has at most ${LONGEST_SEARCH} characters.`;
  if (key === "#") return `This page has no place ${quoted(value)}.`;
  if (![...LISTS, "q", "at"].includes(/** @type {any} */ (key))) return `The list has no filter ${quoted(key)}.`;
  return `There is no ${KEY_WORDS[key] ?? key} ${quoted(value)}.`;
}
