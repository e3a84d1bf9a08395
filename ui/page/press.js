// Accidental clicks. If something appeared or changed under the pointer just before a click,
// the user did not aim at it, and the click is ignored.

/** How long something must have been in its place before a click on it counts, in milliseconds. */
export const REST = 400;

/** When an element appeared, or changed what it does. @type {WeakMap<Element, number>} */
const changes = new WeakMap();

/**
 * Records that an element appeared where something else was, or changed what it does.
 * @param {Element} el
 */
export function changed(el) {
  changes.set(el, performance.now());
}

/**
 * Shows or hides a button that shares its place with others.
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

/** Ignores accidental clicks. Clicks by key (detail is 0) always count. */
export function ignoreAccidentalClicks() {
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
