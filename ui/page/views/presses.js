// Clicks and keys on the rows of the list. A click counts for the row and the button that the
// pointer went down on.

import { REST } from "../press.js";
import { clamp } from "./scroller.js";

/** @import { Row } from "../types.js" */

/**
 * @typedef {{
 *   row: (id: string) => Row | undefined,
 *   movedAt: () => number,
 *   act: (kind: string, row: Row, how?: { ask?: boolean }) => void,
 *   tag: (tag: string) => void,
 *   open: (id: string, how?: { focus: boolean }) => void,
 * }} PressActions movedAt is when rows in view last moved
 */

/** @param {HTMLElement} body of the table @param {PressActions} a */
export function listenToPresses(body, a) {
  /** What the pointer went down on. @type {{ id: string, kind: string | null, moved: boolean } | null} */
  let down = null;
  body.addEventListener("pointerdown", (e) => {
    const id = idAt(e.target);
    down = id === null ? null : { id, kind: kindAt(e.target), moved: performance.now() - a.movedAt() < REST };
  });
  body.addEventListener("click", (e) => {
    const press = down;
    down = null;
    const id = idAt(e.target);
    const row = id !== null ? a.row(id) : undefined;
    if (!row || !(e.target instanceof Element)) return;
    const byPointer = e.detail > 0;
    if (byPointer && press?.id !== row.id) return; // it went down on another
    const kind = kindAt(e.target);
    if (kind !== null) {
      if (byPointer && (e.detail > 1 || press?.kind !== kind)) return;
      return a.act(kind, row, { ask: byPointer && press?.moved });
    }
    const tag = e.target.closest("[data-tag]")?.getAttribute("data-tag");
    if (tag) return a.tag(tag);
    if (e.ctrlKey || e.metaKey || e.shiftKey || String(getSelection()) !== "") return;
    e.preventDefault();
    a.open(row.id);
  });
  body.addEventListener("keydown", (e) => pressKey(e, a));
}

/** Keys that have a meaning only on a row. @param {KeyboardEvent} e @param {PressActions} a */
function pressKey(e, a) {
  const row = e.target instanceof Element ? e.target.closest("tr.row") : null;
  const id = idAt(row);
  if (!row || id === null || e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === "ArrowRight" || e.key === "ArrowLeft") {
    const stops = [row, ...row.querySelectorAll("button")].filter((el) => el === row || el.checkVisibility());
    const at = stops.indexOf(/** @type {Element} */ (document.activeElement));
    const to = stops[clamp(Math.max(0, at) + (e.key === "ArrowRight" ? 1 : -1), 0, stops.length - 1)];
    if (to instanceof HTMLElement) to.focus({ preventScroll: true });
  } else if ((e.key === "Enter" || e.key === " ") && !(e.target instanceof HTMLButtonElement)) {
    a.open(id, { focus: e.key === "Enter" });
  } else {
    return;
  }
  e.preventDefault();
  e.stopPropagation();
}

/** The id of the task whose row an element is in. @param {EventTarget | null} el */
export function idAt(el) {
  return el instanceof Element ? (el.closest("#rows tr.row")?.getAttribute("data-id") ?? null) : null;
}

/** What the button does that an element is in; null if it is in none. @param {EventTarget | null} el */
function kindAt(el) {
  return el instanceof Element ? (el.closest(".row-action")?.getAttribute("data-kind") ?? null) : null;
}
