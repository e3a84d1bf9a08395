// The bulks that run and those that have ended lately: what each does, how far it is, and its undo.

import { may } from "../access.js";
import { actionWords, bulkWords, doneCount, skippedWords } from "../bulk.js";
import { getBulks } from "../bulkapi.js";
import { attr, h, keyed, show, text } from "../dom.js";
import { absolute, integer, isolated, plural, span } from "../format.js";
import { Pushed } from "../pushed.js";
import { stopAll, undoAll } from "./bulkrun.js";
import { headed, placeTable, since, unloaded } from "./place.js";
import { ask } from "./question.js";

/** @import { Bulk, Message } from "../types.js" */
/** @import { PlaceContext } from "../places.js" */

/** Bulks that the server lists, at most: those that run, and those that have ended. */
const MOST = 216;

/** The bulks, as the stream keeps them. @param {(err: unknown) => void} failed @param {() => void} changed @returns {Pushed<Bulk>} */
export function bulkList(failed, changed) {
  return new Pushed({ view: "bulks", key: (b) => b.id, before: (a, b) => (a.id < b.id ? 1 : -1), fetch: getBulks, failed, changed, most: MOST });
}

export class BulksView {
  views = "bulks";
  #table = placeTable("Bulks", ["Bulk", "Started", "What it has done", ""]);
  #wait = h("p", { class: "place-note" }, "Loading…");
  #none = h("p", { class: "place-note", hidden: true }, "No bulk was started yet. “Change all…” above the list of tasks starts one for the tasks that its filters match.");
  el = headed("Bulks", "A bulk does one thing with many tasks. It goes on after a restart of the server. The latest 200 that have ended are listed.", this.#wait, this.#none, this.#table.el);
  /** @type {Map<string, BulkRow>} */
  #rows = new Map();
  #bulks;

  /** @param {() => void} dirty */
  constructor(dirty) {
    this.#bulks = bulkList(unloaded(this.#wait, "bulks"), dirty);
  }

  open() {
    this.#bulks.open();
  }

  close() {
    this.#bulks.close();
  }

  /** @param {Message} m */
  received(m) {
    this.#bulks.received(m);
  }

  /** @param {PlaceContext} c */
  draw(c) {
    const bulks = this.#bulks.rows;
    show(this.#wait, bulks === null);
    show(this.#none, bulks?.length === 0);
    show(this.#table.el, bulks !== null && bulks.length > 0);
    if (bulks === null) return;
    keyed(this.#table.body, this.#rows, bulks, (b) => b.id, () => new BulkRow());
    for (const b of bulks) this.#rows.get(b.id)?.draw(c);
  }
}

class BulkRow {
  #name = h("span", { class: "place-name" });
  #which = h("p", { class: "place-why", dir: "auto" });
  #why = h("p", { class: "place-why", dir: "auto" });
  #when = h("span", { class: "num" });
  #took = h("p", { class: "place-why" });
  #done = h("span", { class: "num" });
  #bar = h("progress", { class: "bulk-bar" });
  #more = h("p", { class: "place-why" });
  #act = h("button", { type: "button", class: "button small operator", onclick: () => void this.#press() });
  el = h(
    "tr",
    { role: "row" },
    h("th", { role: "rowheader", scope: "row", class: "c-name" }, this.#name, this.#which, this.#why),
    h("td", { role: "cell", "data-label": "Started" }, this.#when, this.#took),
    h("td", { role: "cell", "data-label": "What it has done" }, this.#done, this.#bar, this.#more),
    h("td", { role: "cell", class: "c-act" }, this.#act),
  );
  /** @type {Bulk} */
  #bulk = /** @type {any} */ (null);

  /** @param {Bulk} b */
  update(b) {
    this.#bulk = b;
    const running = b.status === "RUNNING";
    const name = actionWords(b);
    attr(this.el, "data-bulk", b.id);
    attr(this.el, "data-status", b.status);
    text(this.#name, name);
    show(this.#why, b.reason !== null);
    text(this.#why, b.reason === null ? "" : `Reason: ${isolated(b.reason)}`);
    const done = doneCount(b);
    show(this.#bar, running);
    this.#bar.max = Math.max(b.matched, 1);
    this.#bar.value = Math.min(done, b.matched);
    attr(this.#bar, "aria-label", `Progress of ${name}`);
    const stopped = b.status === "STOPPED" ? `Stopped by ${isolated(b.ended_by ?? "somebody")}. ` : "";
    text(this.#done, running ? `${integer(done)} of ${plural(b.matched, "task")}` : `${stopped}${plural(b.changed, "task")} changed`);
    const undone = b.undone_by !== null ? "Undone" : "";
    const more = [skippedWords(b.skipped), undone].filter(Boolean).join(". ");
    show(this.#more, more !== "");
    text(this.#more, more);
    const undoable = b.undoable && b.changed > 0 && b.undone_by === null;
    show(this.#act, may("operator") && (running || undoable));
    text(this.#act, running ? "Stop" : "Undo");
    attr(this.#act, "aria-label", `${running ? "Stop" : "Undo"}: ${name}`);
  }

  /** @param {PlaceContext} c */
  draw(c) {
    const b = this.#bulk;
    text(this.#which, bulkWords(b, c.title));
    text(this.#when, since(b.started_at, c.now));
    attr(this.#when, "title", absolute(b.started_at));
    const took = b.ended_at === null ? "" : `, took ${span(Date.parse(b.ended_at) - Date.parse(b.started_at))}`;
    text(this.#took, `by ${isolated(b.actor)}${took}`);
  }

  async #press() {
    const b = this.#bulk;
    if (b.status === "RUNNING") return stopAll(b.id);
    const what = `${plural(b.changed, "task")} ${b.changed === 1 ? "goes" : "go"} back to how ${b.changed === 1 ? "it was" : "they were"}. Tasks that have changed since are left alone.`;
    if (await ask({ title: `Undo “${actionWords(b)}”?`, text: what, yes: "Undo", no: "Close", bad: false })) await undoAll(b.id);
  }
}
