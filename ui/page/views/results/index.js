// Which view shows a result. The shape of the result decides, so that all types that give
// the same shape get the same view. Each view is loaded when the first such result is shown.

import { jsonView } from "./json.js";

/** @import { Task } from "../../types.js" */

const csv = () => import("./csv.js");
const images = () => import("./images.js");
const mail = () => import("./mail.js");

/**
 * @param {Task} task
 * @returns {Promise<Node[]>} rejected if the view cannot be loaded
 */
export async function resultView(task) {
  const r = task.result_data;
  if (isTable(r)) return (await csv()).csvView(r);
  if (Array.isArray(r?.images)) return (await images()).imagesView(r, task.parameters);
  if (Array.isArray(r?.recipients) && "sent_emails" in r) return (await mail()).mailView(r);
  return [jsonView(r)];
}

/** Loads all of the views. */
export function prefetchResults() {
  return Promise.all([csv(), images(), mail()]);
}

/** @param {any} r */
function isTable(r) {
  return Array.isArray(r?.columns) && r.columns.every((/** @type {any} */ c) => typeof c?.name === "string" && typeof c?.type === "string");
}
