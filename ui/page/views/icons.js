// The icons that the first screen does not need. Whoever draws one imports this module.

import { s } from "../dom.js";

/** The side of the square, and the shapes in it. @type {Record<string, [number, ...[string, Record<string, string | number>][]]>} */
const ICONS = {
  wide: [16, ["path", { d: "M9.5 3H13v3.5M6.5 13H3V9.5M12.6 3.4 9 7M3.4 12.6 7 9", fill: "none", stroke: "currentColor", "stroke-width": "1.4", "stroke-linecap": "round", "stroke-linejoin": "round" }]],
  out: [16, ["path", { d: "M6.5 3.5h-2a1.5 1.5 0 0 0-1.5 1.5v6.5A1.5 1.5 0 0 0 4.5 13H11a1.5 1.5 0 0 0 1.5-1.5v-2M9.2 3h3.8v3.8M12.7 3.3 7.5 8.5", fill: "none", stroke: "currentColor", "stroke-width": "1.4", "stroke-linecap": "round", "stroke-linejoin": "round" }]],
  file: [16, ["path", { d: "M9 2H5a1.5 1.5 0 0 0-1.5 1.5v9A1.5 1.5 0 0 0 5 14h6a1.5 1.5 0 0 0 1.5-1.5V5.5z", fill: "none", stroke: "currentColor", "stroke-width": "1.4", "stroke-linejoin": "round" }], ["path", { d: "M9 2v3.5h3.5", fill: "none", stroke: "currentColor", "stroke-width": "1.4", "stroke-linejoin": "round" }]],
  upload: [16, ["path", { d: "M8 10V3M5 5.7 8 2.7l3 3M3 10.5v1A1.5 1.5 0 0 0 4.5 13h7a1.5 1.5 0 0 0 1.5-1.5v-1", fill: "none", stroke: "currentColor", "stroke-width": "1.4", "stroke-linecap": "round", "stroke-linejoin": "round" }]],
  "t-DATA_PROCESSING": [20, ["path", { d: "M3.5 16.5h13M5.5 13.5v-3M9 13.5v-8M12.5 13.5v-5M16 13.5v-10", stroke: "currentColor", "stroke-width": "1.6", "stroke-linecap": "round" }]],
  "t-IMAGE_PROCESSING": [20, ["rect", { x: "2.75", y: "3.75", width: "14.5", height: "12.5", rx: 2, fill: "none", stroke: "currentColor", "stroke-width": "1.5" }], ["circle", { cx: 7, cy: 8, r: "1.4", fill: "currentColor" }], ["path", { d: "m3.5 14.5 4-3.7 2.5 2.2 3.5-3.7 3.5 3.5", fill: "none", stroke: "currentColor", "stroke-width": "1.5", "stroke-linejoin": "round" }]],
  "t-EMAIL_SIMULATION": [20, ["rect", { x: "2.75", y: "4.25", width: "14.5", height: "11.5", rx: 2, fill: "none", stroke: "currentColor", "stroke-width": "1.5" }], ["path", { d: "m3.5 6 6.5 5L16.5 6", fill: "none", stroke: "currentColor", "stroke-width": "1.5", "stroke-linejoin": "round" }]],
  "t-SLEEP": [20, ["circle", { cx: 10, cy: 10, r: "6.75", fill: "none", stroke: "currentColor", "stroke-width": "1.5" }], ["path", { d: "M10 6.2V10l2.6 1.7", fill: "none", stroke: "currentColor", "stroke-width": "1.5", "stroke-linecap": "round", "stroke-linejoin": "round" }]],
  "t-OTHER": [20, ["path", { d: "M10 2.75 16.5 6.25v7.5L10 17.25 3.5 13.75v-7.5z", fill: "none", stroke: "currentColor", "stroke-width": "1.5", "stroke-linejoin": "round" }], ["path", { d: "m3.8 6.5 6.2 3.4 6.2-3.4M10 10v7", fill: "none", stroke: "currentColor", "stroke-width": "1.5", "stroke-linejoin": "round" }]],
};

for (const [name, [side, ...shapes]] of Object.entries(ICONS)) {
  document.querySelector("svg.sheet")?.append(s("symbol", { id: `i-${name}`, viewBox: `0 0 ${side} ${side}` }, ...shapes.map(([tag, attributes]) => s(tag, attributes))));
}
