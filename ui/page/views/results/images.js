// Pictures that open.

import { fileUrl } from "../../taskapi.js";
import { byId, h, icon } from "../../dom.js";
import { bytes, humanize, integer, isolated, percent, span } from "../../format.js";
import { figures } from "./stats.js";

/**
 * @typedef {{
 *   filename: string, file: string | null, original_size: string | null, new_size: string | null,
 *   original_bytes: number | null, new_bytes: number | null, size_reduction_percent: number | null,
 *   processing_time_ms: number, error: string | null, frames?: number | null, notes?: string[],
 * }} Picture
 */

/**
 * @param {any} r
 * @param {any} parameters
 * @returns {Node[]}
 */
export function imagesView(r, parameters) {
  /** @type {Picture[]} */
  const all = r.images;
  const shown = all.filter((p) => p.file && !p.error);
  const sum = (/** @type {"original_bytes" | "new_bytes"} */ k) => shown.reduce((n, p) => n + (p[k] ?? 0), 0);
  const from = sum("original_bytes");
  const to = sum("new_bytes");
  /** @type {[string, string, string?][]} */
  const top = [
    ["Pictures", r.total_images === r.processed_images ? integer(r.total_images ?? all.length) : `${integer(r.processed_images ?? shown.length)} of ${integer(r.total_images ?? all.length)}`],
    ["Operation", [humanize(r.operation ?? ""), sizeOr(r.target_size)].filter(Boolean).join(" to ")],
  ];
  if (from > 0) top.push(["Size", `${bytes(from)} → ${bytes(to)}`], ["Saved", reduction(((from - to) / from) * 100)]);
  const failed = all.filter((p) => p.error);
  if (failed.length > 0) top.push(["Broken", integer(failed.length), "bad"]);
  const noted = shown.filter((p) => (p.notes ?? []).length > 0).length;
  if (noted > 0) top.push(["With notes", integer(noted), "warn"]);
  const originals = Array.isArray(parameters?.files) && parameters.files.length === all.length ? parameters.files : null;
  const grid = h("ul", { class: "pictures" }, ...all.map((p, i) => h("li", null, card(p, () => lightbox(all, i, originals)))));
  return [figures(top), grid];
}

/** @param {number} p */
function reduction(p) {
  return p < 0 ? `${percent(-p)} larger` : percent(p);
}

/** @param {string | null} size */
function sizeWords(size) {
  return (size ?? "–").replace("x", " × ");
}

/** @param {string | null} size */
function sizeOr(size) {
  return size ? sizeWords(size) : "";
}

/** @param {Picture} p @param {() => void} open */
function card(p, open) {
  const broken = !p.file || p.error;
  const frame = broken
    ? h("div", { class: "picture-frame broken" }, icon("FAILED"), h("span", { dir: "auto" }, p.error ?? "No picture was created"))
    : h("button", { type: "button", class: "picture-frame", onclick: open, "aria-label": `Open ${isolated(p.filename)}` }, h("img", { src: fileUrl(/** @type {string} */ (p.file)), alt: p.filename, loading: "lazy", decoding: "async" }));
  return h(
    "figure",
    { class: "picture" },
    frame,
    h(
      "figcaption",
      null,
      h("strong", { title: p.filename, dir: "auto" }, p.filename),
      broken ? null : h("span", { class: "num" }, `${sizeWords(p.new_size)} · ${bytes(p.new_bytes ?? NaN)}`),
      broken || p.size_reduction_percent === null ? null : h("span", { class: "num dim" }, p.size_reduction_percent >= 0 ? `${percent(p.size_reduction_percent)} smaller` : `${percent(-p.size_reduction_percent)} larger`),
      ...(broken ? [] : (p.notes ?? [])).map((note) => h("span", { class: "picture-note", dir: "auto" }, note)),
    ),
  );
}

/** How many frames, pages or pictures the source has, where that is not one. @param {Picture} p */
function framesWords(p) {
  return (p.frames ?? 1) > 1 ? `, ${integer(p.frames ?? 1)} frames` : "";
}

/**
 * @param {Picture[]} all
 * @param {number} start
 * @param {string[] | null} originals
 */
function lightbox(all, start, originals) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("lightbox"));
  const list = all.map((p, i) => ({ p, original: originals?.[i] ?? null })).filter(({ p }) => p.file && !p.error);
  let at = Math.max(0, list.findIndex(({ p }) => p === all[start]));
  let before = false;
  const img = h("img", { alt: "" });
  const name = h("strong", { dir: "auto" });
  const facts = h("span", { class: "num" });
  const place = h("span", { class: "num" });
  const compare = h("button", { type: "button", class: "button small", "aria-pressed": "false" }, "Original");
  const nav = (/** @type {string} */ i, /** @type {string} */ label, /** @type {number} */ by) =>
    h("button", { type: "button", class: "lightbox-nav", "aria-label": label, onclick: () => go(by) }, icon(i));
  const draw = () => {
    const { p, original } = list[at];
    img.src = fileUrl(before && original ? original : /** @type {string} */ (p.file));
    img.alt = p.filename;
    name.textContent = p.filename;
    const sizes = `${sizeWords(p.original_size)}${framesWords(p)}, ${bytes(p.original_bytes ?? NaN)} → ${sizeWords(p.new_size)}, ${bytes(p.new_bytes ?? NaN)}`;
    facts.textContent = [`${sizes}, in ${span(p.processing_time_ms)}`, ...(p.notes ?? [])].join(" · ");
    place.textContent = `${at + 1} / ${list.length}`;
    compare.hidden = !original;
    compare.setAttribute("aria-pressed", String(before));
  };
  const go = (/** @type {number} */ by) => {
    at = (at + by + list.length) % list.length;
    draw();
  };
  compare.addEventListener("click", () => {
    before = !before;
    draw();
  });
  const download = h("a", { class: "button small", target: "_blank", rel: "noopener" }, "Open file");
  download.addEventListener("click", () => download.setAttribute("href", img.src));
  dialog.replaceChildren(
    h("div", { class: "lightbox-stage" }, list.length > 1 ? nav("left", "Previous picture", -1) : null, img, list.length > 1 ? nav("right", "Next picture", 1) : null),
    h(
      "div",
      { class: "lightbox-bar" },
      h("div", { class: "lightbox-words" }, name, facts),
      place,
      compare,
      download,
      h("button", { type: "button", class: "button small", autofocus: true, onclick: () => dialog.close() }, "Close"),
    ),
  );
  dialog.onkeydown = (e) => {
    if (e.key === "ArrowRight") go(1);
    if (e.key === "ArrowLeft") go(-1);
    e.stopPropagation();
  };
  dialog.onclick = (e) => {
    if (e.target === dialog || (e.target instanceof Element && e.target.classList.contains("lightbox-stage"))) dialog.close();
  };
  draw();
  dialog.showModal();
}
