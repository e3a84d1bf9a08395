// The bulks that run, one line each, below the list of tasks so that no row moves. Their end is told in a toast.

import { may } from "../access.js";
import { actionWords, bulkWords, doneCount } from "../bulk.js";
import { attr, byId, h, keyed, show, text } from "../dom.js";
import { integer, plural } from "../format.js";
import { stopAll, tellEnd } from "./bulkrun.js";
import { bulkList } from "./bulks.js";

/** @import { Bulk, Message } from "../types.js" */
/** @import { PlaceContext } from "../places.js" */

export class BulkStrip {
  #root = h("section", { class: "strip bulk-strip", "aria-label": "Bulks that run", hidden: true });
  #list;
  /** @type {Map<string, BulkLine>} */
  #lines = new Map();
  #on = false;
  /** Those that were seen running. @type {Set<string>} */
  #seen = new Set();

  /** @param {() => void} dirty */
  constructor(dirty) {
    this.#list = bulkList(() => {}, dirty);
    byId("strip").before(this.#root);
  }

  /** @param {Message} m */
  received(m) {
    this.#list.received(m);
  }

  /**
   * @param {PlaceContext} c
   * @param {boolean} on whether bulks run, and the tasks are shown
   */
  draw(c, on) {
    if (on !== this.#on) {
      this.#on = on;
      if (on) this.#list.open();
    }
    const bulks = this.#list.rows ?? [];
    for (const b of bulks) {
      if (b.status === "RUNNING") this.#seen.add(b.id);
      else if (this.#seen.delete(b.id)) tellEnd(b);
    }
    if (!on && this.#seen.size === 0) this.#list.close();
    const running = on ? bulks.filter((b) => b.status === "RUNNING") : [];
    show(this.#root, running.length > 0);
    keyed(this.#root, this.#lines, running, (b) => b.id, () => new BulkLine());
    for (const b of running) this.#lines.get(b.id)?.draw(c);
  }
}

class BulkLine {
  #words = h("span", { dir: "auto" });
  #count = h("span", { class: "num" });
  #bar = h("progress", { class: "bulk-bar" });
  #stop = h("button", { type: "button", class: "button small quiet operator", onclick: () => void stopAll(this.#bulk.id) }, "Stop");
  el = h("p", null, this.#words, this.#bar, this.#count, h("a", { class: "button small quiet", href: "#/bulks" }, "All bulks"), this.#stop);
  /** @type {Bulk} */
  #bulk = /** @type {any} */ (null);

  /** @param {Bulk} b */
  update(b) {
    this.#bulk = b;
    const done = doneCount(b);
    attr(this.el, "data-bulk", b.id);
    this.#bar.max = Math.max(b.matched, 1);
    this.#bar.value = Math.min(done, b.matched);
    attr(this.#bar, "aria-label", `Progress of ${actionWords(b)}`);
    text(this.#count, `${integer(done)} of ${plural(b.matched, "task")}`);
    attr(this.#stop, "aria-label", `Stop: ${actionWords(b)}`);
    show(this.#stop, may("operator"));
  }

  /** @param {PlaceContext} c */
  draw(c) {
    text(this.#words, `${actionWords(this.#bulk)} · ${bulkWords(this.#bulk, c.title)}`);
  }
}
