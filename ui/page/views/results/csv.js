// The columns of a table, with their statistics.

import { h, icon } from "../../dom.js";
import { isNumber } from "../../exact.js";
import { integer, isolated, number, percent, short, span } from "../../format.js";
import { histogram, histogramBins } from "./histogram.js";
import { dialectView, readingNotes } from "./reading.js";
import { figures } from "./stats.js";

/**
 * @typedef {{
 *   name: string, type: string, count: number, nulls: number, distinct: number, exact?: boolean,
 *   min?: any, max?: any, sum?: any, mean?: any, stddev?: any, p25?: any, median?: any, p75?: any,
 *   top?: { value: any, count: number }[], histogram?: any,
 * }} Column
 */

/**
 * @param {any} r
 * @returns {Node[]}
 */
export function csvView(r) {
  /** @type {[string, string, string?][]} */
  const top = [
    ["Rows", integer(r.total_rows ?? 0)],
    ["Columns", integer(r.columns.length)],
  ];
  if (r.short_rows) top.push(["Short rows", integer(r.short_rows), "warn"]);
  if (r.bad_rows) top.push(["Bad rows", integer(r.bad_rows), "warn"]);
  if (r.processing_time_seconds !== undefined) top.push(["Took", span(r.processing_time_seconds * 1000)]);
  if (r.rows_per_second) top.push(["Rows/s", short(Math.round(r.rows_per_second))]);
  const body = h("tbody", null);
  for (const column of r.columns) body.append(...columnRows(column));
  const table = h(
    "table",
    { class: "columns" },
    h("caption", { class: "sr" }, "Columns. Press a name for all its statistics."),
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        h("th", { scope: "col" }, "Column"),
        h("th", { scope: "col", class: "col-shape" }, "Distribution"),
        ...["Min", "Mean", "Max", "Distinct", "Nulls"].map((n) => h("th", { scope: "col", class: "fig" }, n)),
      ),
    ),
    body,
  );
  return [figures(top), ...readingNotes(r), h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Columns" }, table), ...dialectView(r)];
}

/**
 * @param {Column} c
 * @returns {Element[]}
 */
function columnRows(c) {
  const more = h("tr", { class: "column-more", hidden: true }, h("td", { colspan: 7 }));
  const button = h(
    "button",
    { type: "button", class: "column-name", "aria-expanded": "false", title: c.name },
    icon("right"),
    h("span", null, h("strong", { dir: "auto" }, c.name === "" ? "(no name)" : c.name), h("small", null, c.type)),
  );
  button.addEventListener("click", () => {
    const open = more.hidden;
    more.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (open && more.cells[0].childElementCount === 0) more.cells[0].append(...columnDetail(c));
  });
  const empty = c.count === 0 || c.count === c.nulls;
  const row = h(
    "tr",
    { class: "column" },
    h("th", { scope: "row" }, button),
    h("td", { class: "col-shape" }, shape(c)),
    ...(isMeasure(c)
      ? [fig("Min", c.min), fig("Mean", c.mean), fig("Max", c.max)]
      : [h("td", { class: "wide-fig", colspan: 3, title: empty ? null : rangeWords(c) }, empty ? "empty" : rangeWords(c))]),
    h("td", { class: "fig", "data-name": "Distinct", title: c.exact === false ? "Estimated, within 1 %" : null }, `${about(c)}${short(c.distinct)}`),
    nullsCell(c),
  );
  return [row, more];
}

/** @param {Column} c */
function isMeasure(c) {
  return c.type === "integer" || c.type === "number";
}

/** @param {Column} c */
function rangeWords(c) {
  if (c.type === "datetime") return `${dateWords(c.min)} – ${dateWords(c.max)}`;
  const top = c.top ?? [];
  if (c.count > 1 && c.distinct === c.count) return `all different, ${isolated(valueWords(c.min))} to ${isolated(valueWords(c.max))}`;
  return top
    .slice(0, 3)
    .map((t) => `${isolated(valueWords(t.value))} ${percent((t.count / Math.max(1, c.count)) * 100)}`)
    .join(" · ");
}

/** @param {any} v */
function dateWords(v) {
  return String(v ?? "–").replace(/T00:00:00(\.0+)?Z?$/, "").replace("T", " ").replace(/(\.0+)?Z$/, "");
}

/** @param {any} v */
function valueWords(v) {
  if (v === null || v === undefined) return "null";
  return v === "" ? "(empty)" : String(v);
}

/** @param {Column} c */
function shape(c) {
  const bins = histogramBins(c);
  if (bins.length > 0) return histogram(bins, `${isolated(c.name)}: distribution`);
  const top = (c.top ?? []).slice(0, 12);
  if (top.length > 0 && (top[0].count > 1 || c.count === 1)) return histogram(top.map((t) => ({ label: isolated(valueWords(t.value)), n: t.count })), `${isolated(c.name)}: most frequent values`, true);
  return h("span", { class: "dim" }, "–");
}

/** What marks an estimate. @param {Column} c */
function about(c) {
  return c.exact === false ? "≈\u2009" : "";
}

/** @param {string} name @param {any} value */
function fig(name, value) {
  return h("td", { class: "fig", "data-name": name, title: value === null || value === undefined ? null : String(value) }, number(value));
}

/** @param {Column} c */
function nullsCell(c) {
  const share = c.nulls / Math.max(1, c.count + c.nulls);
  return h("td", { class: "fig", "data-name": "Nulls", "data-tone": c.nulls > 0 ? "warn" : "quiet", title: c.nulls > 0 ? `${integer(c.nulls)}, ${percent(share * 100)}` : null }, c.nulls > 0 ? short(c.nulls) : "0");
}

/** @param {Column} c */
function columnDetail(c) {
  /** @type {[string, any][]} */
  const all = [
    ["Values", c.count],
    ["Nulls", c.nulls],
    ["Distinct", c.distinct],
    ["Sum", c.sum],
    ["Mean", c.mean],
    ["Std. deviation", c.stddev],
    ["Min", c.min],
    ["25 %", c.p25],
    ["Median", c.median],
    ["75 %", c.p75],
    ["Max", c.max],
  ];
  const facts = all
    .filter(([, v]) => v !== null && v !== undefined)
    .map(([k, v]) => h("div", null, h("dt", null, k), h("dd", { title: String(v), dir: "auto" }, isNumber(v) ? number(v) : dateWords(v))));
  const unique = (c.top?.[0]?.count ?? 0) === 1 && c.distinct > 1;
  const top = unique ? [] : (c.top ?? []);
  const most = Math.max(1, ...top.map((t) => t.count));
  return [
    h("dl", { class: "column-facts" }, ...facts),
    ...(top.length === 0
      ? []
      : [
          h(
            "ol",
            { class: "top-values" },
            ...top.map((t) => {
              const bar = h("i", null);
              bar.style.setProperty("--p", String(t.count / most));
              const words = valueWords(t.value);
              return h("li", null, bar, h("span", { title: words, dir: "auto" }, words), h("b", null, integer(t.count)));
            }),
          ),
        ]),
  ];
}
