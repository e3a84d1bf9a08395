// A press means what was under the pointer at rest. What came there, or became something
// else, within the time that a person needs to notice it was not aimed at.

/** How long something must have been in its place to be aimed at, in milliseconds. */
export const REST = 400;

/** When an element came, or changed what it does. @type {WeakMap<Element, number>} */
const changes = new WeakMap();

/**
 * Says that an element came to where something else was, or does something else now.
 * @param {Element} el
 */
export function changed(el) {
  changes.set(el, performance.now());
}

/**
 * Shows or hides a button that stands where another one does at other times.
 * @param {HTMLElement} el
 * @param {boolean} visible
 */
export function swap(el, visible) {
  if (el.hidden === !visible) return;
  el.hidden = !visible;
  changed(el);
}

/**
 * Whether the element, or one around it, changed later than REST before a time.
 * @param {Element | null} el
 * @param {number} at
 */
function changedSince(el, at) {
  for (; el; el = el.parentElement) {
    const when = changes.get(el);
    if (when !== undefined && when > at - REST) return true;
  }
  return false;
}

/** Refuses presses that were not aimed. Keys are always aimed: a click by key has no count. */
export function refuseUnaimed() {
  let pressedAt = 0;
  document.addEventListener("pointerdown", () => (pressedAt = performance.now()), { capture: true });
  document.addEventListener(
    "click",
    (e) => {
      if (e.detail === 0 || !(e.target instanceof Element) || !changedSince(e.target, pressedAt)) return;
      e.preventDefault();
      e.stopImmediatePropagation();
    },
    { capture: true },
  );
}
