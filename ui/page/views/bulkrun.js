// Stops bulks, undoes them, and says what they have done.

import { Problem } from "../api.js";
import { endedWords } from "../bulk.js";
import { awaitBulk, stopBulk, undoBulk } from "../bulkapi.js";
import { toast } from "./toast.js";

/** @import { Bulk } from "../types.js" */

/** The bulks whose end was told, so that it is told once. @type {Set<string>} */
const told = new Set();

/** Says what a bulk has done that has ended, and offers to undo it. @param {Bulk} b */
export function tellEnd(b) {
  if (told.has(b.id)) return;
  told.add(b.id);
  toast(endedWords(b), b.undoable && b.changed > 0 ? { action: { word: "Undo", act: () => void undoAll(b.id) } } : {});
}

/**
 * Follows a bulk to its end, and says what it has done.
 * @param {Bulk} b
 * @param {(b: Bulk) => void} [progress]
 */
export async function follow(b, progress) {
  while (b.status === "RUNNING") {
    progress?.(b);
    try {
      b = await awaitBulk(b.id);
    } catch (err) {
      if (!(err instanceof Problem) || err.status !== 0) throw err;
      await new Promise((go) => setTimeout(go, 1000)); // the server is restarted: the bulk goes on
    }
  }
  tellEnd(b);
}

/** Stops a bulk. @param {string} id */
export function stopAll(id) {
  return tried(() => stopBulk(id));
}

/** Takes back what a bulk has changed. @param {string} id */
export function undoAll(id) {
  return tried(async () => {
    const { bulk } = await undoBulk(id);
    if (bulk !== null) await follow(bulk);
  });
}

/** Does something, and says why it could not be done. @param {() => Promise<void>} act */
async function tried(act) {
  try {
    await act();
  } catch (err) {
    if (!(err instanceof Problem)) throw err;
    toast(err.message, { bad: true });
  }
}
