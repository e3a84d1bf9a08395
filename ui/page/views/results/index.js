// Which view shows a result: by the shape of it, so that a type that gives the same gets
// the same.

import { csvView } from "./csv.js";
import { imagesView } from "./images.js";
import { jsonView } from "./json.js";
import { mailView } from "./mail.js";

/** @import { Task } from "../../types.js" */

/**
 * @param {Task} task
 * @returns {Node[]}
 */
export function resultView(task) {
  const r = task.result_data;
  if (isTable(r)) return csvView(r);
  if (Array.isArray(r?.images)) return imagesView(r, task.parameters);
  if (Array.isArray(r?.recipients) && "sent_emails" in r) return mailView(r);
  return [jsonView(r)];
}

/** @param {any} r */
function isTable(r) {
  return Array.isArray(r?.columns) && r.columns.every((/** @type {any} */ c) => typeof c?.name === "string" && typeof c?.type === "string");
}
