// A status by word, shape and colour.

import { attr, h, icon, setIcon, text } from "../dom.js";
import { STATUS_WORDS } from "../task.js";

/** @import { Status } from "../types.js" */

export function statusView() {
  const shape = icon("PENDING");
  const word = h("span", null);
  const el = h("span", { class: "status" }, shape, word);
  return {
    el,
    /** @param {Status} status @param {boolean} [partial] it succeeded, but not in all of it */
    update(status, partial = false) {
      attr(el, "data-status", status);
      attr(el, "data-partial", partial);
      attr(el, "title", partial ? "Partly successful" : null);
      setIcon(shape, partial ? "PARTIAL" : status);
      text(word, partial ? "Partial" : (STATUS_WORDS[status] ?? status));
    },
  };
}

/** A bar of progress. */
export function barView() {
  const fill = h("i", null);
  const el = h("span", { class: "bar", role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 }, fill);
  let drawn = -1;
  return {
    el,
    /** @param {number} percent */
    update(percent) {
      if (percent === drawn) return;
      drawn = percent;
      fill.style.setProperty("--p", String(Math.min(1, Math.max(0, percent / 100))));
      attr(el, "aria-valuenow", Math.floor(percent));
    },
  };
}

/** A time, relative, with the absolute one on hover. */
export function timeView() {
  return h("time", null);
}
