// Actions on tasks: cancel, retry, undo, and submitting an example.

import { Problem } from "./api.js";
import { undo } from "./bulkapi.js";
import { percent } from "./format.js";
import { loadStyle } from "./later.js";
import { numberOrText } from "./queue.js";
import { ended, nameOf } from "./task.js";
import { cancel, getApproval, moveTask, retry, submit } from "./taskapi.js";
import { answer } from "./views/approval.js";
import { ask } from "./views/question.js";
import { fillIn } from "./views/sheet.js";
import { toast } from "./views/toast.js";

/** @import { Row } from "./types.js" */

const MOVED = "The list has just moved. Check that this is the task you meant.";

export class TaskActions {
  #title;
  /** Names of the tasks that were cancelled in this tab and have not ended. @type {Map<string, string>} */
  #cancelling = new Map();

  /** @param {(type: string) => string} title */
  constructor(title) {
    this.#title = title;
  }

  /**
   * @param {string} kind "cancel", "retry", "now", "priority", "approve" or "reject"
   * @param {Row} row as it was when the user chose
   * @param {{ ask?: boolean }} [how] with ask, the user is asked first: the click may have been meant for another task
   */
  async act(kind, row, how = {}) {
    const name = nameOf(row, this.#title);
    try {
      if (kind === "cancel") await this.#cancel(row, name, how.ask ?? false);
      if (kind === "retry") await this.#retry(row, name, how.ask ?? false);
      if (kind === "now") await this.#runNow(row, name);
      if (kind === "priority") await this.#priority(row, name);
      if (kind === "approve" || kind === "reject") await this.#answer(row, name, kind === "approve");
    } catch (err) {
      if (!(err instanceof Problem)) throw err;
      this.#cancelling.delete(row.id);
      toast(`${name}: ${err.message}`, { bad: true });
    }
  }

  /**
   * Submits an example of a task type. Returns its id, or null if the server refused it.
   * @param {string} type
   */
  async example(type) {
    try {
      const task = await submit({ task_type: type, parameters: type === "DATA_PROCESSING" ? { rows: 1000, processing_time: 3 } : {} });
      return task.id;
    } catch (err) {
      toast(err instanceof Problem ? err.message : String(err), { bad: true });
      return null;
    }
  }

  /** Tells the user about cancelled tasks that have ended. @param {Row[]} rows */
  rowsChanged(rows) {
    for (const row of rows) if (this.#cancelling.has(row.id) && ended(row.status)) this.#tell(row);
  }

  /** @param {Row} row @param {string} name @param {boolean} unsure */
  async #cancel(row, name, unsure) {
    const running = row.status === "RUNNING";
    const lost = `It is running at ${percent(row.progress)}. The work of this attempt is lost; a retry starts from the beginning.`;
    const sure =
      (!running && !unsure) ||
      (await ask({ title: `Cancel ${name}?`, text: running ? lost : `It is not running. ${MOVED}`, yes: "Cancel task", no: running ? "Keep running" : "Keep it", bad: true }));
    if (!sure) return;
    this.#cancelling.set(row.id, name);
    const answer = await cancel(row.id);
    if (answer.status === "CANCELLED") this.#tell({ ...row, status: answer.status, last_seq: answer.seq });
    else if (this.#cancelling.has(row.id)) toast(`Cancel requested: ${name}`);
  }

  /** Says how a cancelled task ended, and offers to undo. @param {Row} row */
  #tell(row) {
    const name = this.#cancelling.get(row.id) ?? "";
    if (!this.#cancelling.delete(row.id)) return;
    if (row.status !== "CANCELLED") return toast(`Ended before it could be cancelled: ${name}`);
    toast(`Cancelled: ${name}`, this.#undoing(name, row.last_seq));
  }

  /** A button that takes an event back. @param {string} name of the task @param {number} seq of the event */
  #undoing(name, seq) {
    return { action: { word: "Undo", act: () => void this.#undo(name, seq) } };
  }

  /** @param {string} name @param {number} seq */
  async #undo(name, seq) {
    try {
      await undo(seq);
      toast(`Undone: ${name}`);
    } catch (err) {
      if (!(err instanceof Problem)) throw err;
      toast(`${name}: ${err.message}`, { bad: true });
    }
  }

  /** @param {Row} row @param {string} name */
  async #runNow(row, name) {
    await moveTask(row.id, { run_at: null });
    toast(`Due now: ${name}`);
  }

  /** @param {Row} row @param {string} name */
  async #priority(row, name) {
    await Promise.all([loadStyle("form"), loadStyle("places")]);
    let seq = 0;
    const set = await fillIn({
      title: "Change the priority",
      text: `Each point counts like having waited 5 minutes longer. ${name} has ${row.priority}.`,
      fields: [{ name: "priority", label: "Priority", hint: "A whole number, −100 to 100. Usual is 0.", value: String(row.priority), numeric: true }],
      yes: "Set priority",
      send: async ({ priority }) => {
        seq = (await moveTask(row.id, { priority: numberOrText(priority) })).last_seq;
      },
    });
    if (set) toast(`Priority changed: ${name}`, this.#undoing(name, seq));
  }

  /** Answers what the task asks. @param {Row} row @param {string} name @param {boolean} approve */
  async #answer(row, name, approve) {
    const what = await getApproval(row.id);
    if (!what) return toast(`${name} asks nothing any more`);
    await answer(what, name, approve);
  }

  /** @param {Row} row @param {string} name @param {boolean} unsure */
  async #retry(row, name, unsure) {
    if (unsure && !(await ask({ title: `Retry ${name}?`, text: MOVED, yes: "Retry task", no: "Do not retry", bad: false }))) return;
    await retry(row.id);
    toast(`Retried: ${name}`);
  }
}
