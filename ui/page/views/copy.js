// A button that copies.

import { attr, h, icon, setIcon } from "../dom.js";

/**
 * @param {() => string} what
 * @param {string} label
 */
export function copyButton(what, label) {
  const shape = icon("copy");
  const el = h("button", { type: "button", class: "copy", title: label, "aria-label": label }, shape);
  el.addEventListener("click", async () => {
    const done = await copyText(what());
    setIcon(shape, done ? "check" : "x");
    attr(el, "aria-label", done ? "Copied" : "Could not copy");
    setTimeout(() => {
      setIcon(shape, "copy");
      attr(el, "aria-label", label);
    }, 1400);
  });
  return el;
}

/** @param {string} value */
export async function copyText(value) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    return false;
  }
}
