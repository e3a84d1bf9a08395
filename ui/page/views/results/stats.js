// A row of figures above a result.

import { h } from "../../dom.js";

/**
 * @param {[label: string, value: string, tone?: string][]} figures
 */
export function figures(figures) {
  return h(
    "dl",
    { class: "figures" },
    ...figures.map(([label, value, tone]) => h("div", { "data-tone": tone }, h("dt", null, label), h("dd", null, value))),
  );
}
