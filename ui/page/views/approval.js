// The form in which a person answers what a task asks.

import { loadStyle } from "../later.js";
import { answerFields, answerOf } from "../steps.js";
import { answerApproval } from "../taskapi.js";
import { fillIn } from "./sheet.js";
import { toast } from "./toast.js";

/** @import { Approval } from "../types.js" */

/**
 * Asks the user for the answer and sends it.
 * @param {Approval} what
 * @param {string} name of the task
 * @param {boolean} approve
 * @returns {Promise<boolean>} whether it was sent
 */
export async function answer(what, name, approve) {
  await Promise.all([loadStyle("form"), loadStyle("places")]);
  const reason = { name: "reason", label: "Reason (optional)", hint: "Kept with the answer.", long: true };
  const done = await fillIn({
    title: what.title || (approve ? "Approve?" : "Reject?"),
    text: `${name}, step ${what.step}.`,
    fields: approve ? [...answerFields(what.fields), reason] : [reason],
    yes: approve ? "Approve" : "Reject",
    send: (values) => answerApproval(what.task_id, what.step, { approve, answer: approve ? answerOf(what.fields, values) : null, reason: values.reason || null }),
  });
  if (done) toast(`${approve ? "Approved" : "Rejected"}: ${name}`);
  return done;
}
