// Any JSON, as a tree. The content of a branch is made when it is opened.

import { fileUrl } from "../../taskapi.js";
import { h } from "../../dom.js";
import { isNumber } from "../../exact.js";
import { integer, plural } from "../../format.js";

const PAGE = 100;
const LONG = 600;
/** Ids of files are SHA-256 in hex; a link to one that is not there does no harm. */
const FILE_ID = /^[0-9a-f]{64}$/;

/** What files are called, by id. @typedef {Record<string, string>} Names */

/** @param {any} value @param {Names} [names] */
export function jsonView(value, names = {}) {
  return h("div", { class: "json" }, node(value, null, 0, names));
}

/**
 * @param {any} value
 * @param {string | null} key
 * @param {number} depth
 * @param {Names} names
 * @returns {Element}
 */
function node(value, key, depth, names) {
  if (value !== null && typeof value === "object" && !isNumber(value)) return branch(value, key, depth, names);
  return h("div", { class: "json-leaf" }, name(key), leaf(value, names));
}

/** @param {string | null} key */
function name(key) {
  return key === null ? null : h("span", { class: "json-key" }, h("bdi", null, key), h("span", { class: "json-colon" }, ": "));
}

/** @param {any} value @param {Names} names */
function leaf(value, names) {
  if (typeof value === "string" && FILE_ID.test(value)) return h("a", { class: "json-file", href: fileUrl(value), target: "_blank", rel: "noopener", title: value, dir: "auto" }, names[value] ?? value);
  if (isNumber(value)) return h("span", { class: "json-number" }, String(value));
  if (typeof value !== "string") return h("span", { class: `json-${value === null ? "null" : typeof value}` }, String(value));
  const el = h("span", { class: "json-string", dir: "auto" }, value.length > LONG ? `${value.slice(0, LONG)}…` : value);
  if (value.length <= LONG) return el;
  const more = h("button", { type: "button", class: "link" }, `all ${integer(value.length)} characters`);
  more.addEventListener("click", () => {
    el.textContent = value;
    more.remove();
  });
  return h("span", null, el, " ", more);
}

/**
 * @param {any} value
 * @param {string | null} key
 * @param {number} depth
 * @param {Names} names
 */
function branch(value, key, depth, names) {
  const list = Array.isArray(value);
  const entries = list ? value.map((v, i) => /** @type {[string, any]} */ ([String(i), v])) : Object.entries(value);
  const size = list ? plural(entries.length, "item") : plural(entries.length, "key");
  if (entries.length === 0) return h("div", { class: "json-leaf" }, name(key), h("span", { class: "json-null" }, list ? "[ ]" : "{ }"));
  const body = h("div", { class: "json-body" });
  const fill = pager(body, entries, depth, names);
  if (key === null) {
    fill();
    return body;
  }
  const details = h("details", { class: "json-branch" }, h("summary", null, name(key), h("span", { class: "json-size" }, size)), body);
  let filled = false;
  const open = () => {
    if (!details.open || filled) return;
    filled = true;
    fill();
  };
  details.addEventListener("toggle", open);
  if (depth < 2 && entries.length <= 12) {
    details.open = true;
    open();
  }
  return details;
}

/**
 * @param {Element} body
 * @param {[string, any][]} entries
 * @param {number} depth
 * @param {Names} names
 */
function pager(body, entries, depth, names) {
  let drawn = 0;
  const more = h("button", { type: "button", class: "link" });
  const fill = () => {
    more.remove();
    const to = Math.min(entries.length, drawn + PAGE);
    body.append(...entries.slice(drawn, to).map(([k, v]) => node(v, k, depth + 1, names)));
    drawn = to;
    if (drawn === entries.length) return;
    more.textContent = `Show more (${integer(entries.length - drawn)} left)`;
    body.append(more);
  };
  more.addEventListener("click", fill);
  return fill;
}
