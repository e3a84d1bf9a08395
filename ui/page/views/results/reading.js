// How a table was read: what was assumed, which rows were passed over, and its dialect.

import { h, icon } from "../../dom.js";
import { integer, isolated, plural, quoted } from "../../format.js";

const DELIMITERS = new Map([
  [",", "comma"],
  [";", "semicolon"],
  ["\t", "tab"],
  ["|", "bar"],
  [" ", "space"],
  ["", "none, one column"],
]);

/** How many texts for nothing are shown; the rest is counted. */
const MOST_NULLS = 6;

/** Bad rows that are shown without being asked for. */
const FEW_ROWS = 5;

/**
 * What a reader must know before the figures.
 * @param {any} r a table's result
 * @returns {Node[]}
 */
export function readingNotes(r) {
  const warnings = Array.isArray(r.warnings) ? r.warnings : [];
  const bad = Array.isArray(r.first_bad_rows) ? r.first_bad_rows : [];
  const parts = [];
  if (warnings.length > 0) {
    parts.push(h("ul", { class: "result-notes", "aria-label": "Warnings" }, ...warnings.map((/** @type {any} */ w) => h("li", { dir: "auto" }, String(w)))));
  }
  if (bad.length > 0) parts.push(badRows(bad, r.bad_rows ?? bad.length));
  return parts;
}

/**
 * @param {any[]} rows
 * @param {any} all
 */
function badRows(rows, all) {
  const few = rows.length <= FEW_ROWS;
  const words = integer(all) === integer(rows.length) ? plural(rows.length, "bad row was skipped", "bad rows were skipped") : `The first ${rows.length} of ${integer(all)} bad rows, which were skipped`;
  return h(
    "details",
    { class: "result-more", open: few },
    h("summary", null, icon("right"), words),
    h("ul", { class: "bad-rows" }, ...rows.map((row) => h("li", null, h("span", { class: "num" }, `Line ${integer(row.line ?? 0)}`), h("span", { dir: "auto" }, String(row.reason ?? ""))))),
  );
}

/**
 * The dialect: one line, and all of it when opened.
 * @param {any} r
 * @returns {Node[]}
 */
export function dialectView(r) {
  const d = r.dialect;
  if (typeof d !== "object" || d === null) return [];
  const line = [
    d.delimiter === "" ? "one column" : `${DELIMITERS.get(d.delimiter) ?? quoted(d.delimiter)} between fields`,
    d.has_header ? "with a header" : "without a header",
    d.encoding,
    d.skip_lines > 0 ? `${plural(d.skip_lines, "line")} above it skipped` : "",
    r.compression ? String(r.compression) : "",
  ];
  const facts = factsOf(d, r).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", { dir: "auto" }, value)));
  return [
    h(
      "details",
      { class: "result-more" },
      h("summary", null, icon("right"), h("span", null, h("strong", null, "Read as"), ` ${line.filter(Boolean).join(", ")}`)),
      h("dl", { class: "column-facts" }, ...facts),
      h("p", { class: "dim" }, "To change this, submit the file again with the right settings."),
    ),
  ];
}

/**
 * @param {any} d
 * @param {any} r
 * @returns {[string, string][]}
 */
function factsOf(d, r) {
  const nulls = Array.isArray(d.nulls) ? d.nulls : [];
  const more = nulls.length - MOST_NULLS;
  return [
    ["Delimiter", DELIMITERS.get(d.delimiter) ?? character(d.delimiter)],
    ["Quote", character(d.quote)],
    ["Escape", d.quote !== "" && (d.escape === d.quote || d.escape === "") ? "quotes are doubled" : character(d.escape)],
    ["Comment", character(d.comment)],
    ["Lines skipped", integer(d.skip_lines ?? 0)],
    ["Header", d.has_header ? "first row" : "none"],
    ["Encoding", String(d.encoding ?? "")],
    ["Compression", r.compression ? String(r.compression) : "none"],
    ["Decimal", character(d.decimal)],
    ["Thousands", character(d.thousands)],
    ["Date order", d.date_order ?? "–"],
    ["Read as null", ["empty", ...nulls.slice(0, MOST_NULLS).map((/** @type {any} */ n) => isolated(String(n)))].join(", ") + (more > 0 ? `, ${integer(more)} more` : "")],
  ];
}

/** @param {unknown} c */
function character(c) {
  if (c === "" || c === null || c === undefined) return "none";
  return c === " " || c === "\u00a0" ? "space" : c === "\t" ? "tab" : String(c);
}
