// A row of a table that stands for rows that are not drawn.

import { h } from "../dom.js";

export function spacer() {
  const cell = h("td", null); // one cell: columns may be hidden
  const row = h("tr", { class: "space", "aria-hidden": "true" }, cell);
  let height = -1;
  return {
    row,
    /** @param {number} px */
    set(px) {
      if (px === height) return;
      height = px;
      row.hidden = px === 0;
      cell.style.height = `${px}px`;
    },
  };
}
