// Files dropped anywhere on the page.

import { may } from "../access.js";
import { h, icon, show, text } from "../dom.js";
import "./icons.js";

/** @param {(files: File[]) => void} dropped */
export function acceptDrops(dropped) {
  const title = h("strong", null);
  const overlay = h("div", { class: "drop", hidden: true }, h("div", { class: "drop-box" }, icon("upload"), title, h("span", null, "A CSV is analysed, pictures are resized. You can check before it starts.")));
  let depth = 0;
  const carries = (/** @type {DragEvent} */ e) => e.dataTransfer?.types.includes("Files") ?? false;
  const end = () => {
    depth = 0;
    show(overlay, false);
  };
  addEventListener("dragenter", (e) => {
    if (!carries(e)) return;
    e.preventDefault();
    if (depth++ > 0 || !may("submitter")) return; // whoever drops it is told why
    text(title, titleFor(e.dataTransfer?.items));
    // A modal dialog is above everything else, so the overlay goes into it.
    const modal = document.querySelector("dialog[open]");
    (modal ?? document.body).append(overlay);
    show(overlay, true);
  });
  addEventListener("dragover", (e) => {
    if (carries(e)) e.preventDefault();
  });
  addEventListener("dragleave", (e) => {
    if (carries(e) && --depth <= 0) end();
  });
  addEventListener("drop", (e) => {
    if (!carries(e)) return;
    e.preventDefault();
    end();
    const files = [...(e.dataTransfer?.files ?? [])].filter((f) => f.size > 0 || f.type !== "");
    if (files.length > 0) dropped(files);
  });
}

/** @param {DataTransferItemList | undefined} items */
function titleFor(items) {
  const types = [...(items ?? [])].map((i) => i.type);
  if (types.length > 0 && types.every((t) => t.startsWith("image/"))) return types.length === 1 ? "Drop the picture to resize it" : `Drop ${types.length} pictures to resize them`;
  if (types.some((t) => t.includes("csv") || t.includes("tab-separated"))) return "Drop the table to analyse it";
  return "Drop it here";
}
