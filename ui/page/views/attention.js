// Whether someone is at the list: a pointer over it, a finger on it, or focus in it. As
// long as that is so, its rows stay where they are.

/** Time for which a finger that left is still near, in milliseconds: a list coasts on, a tap is followed by its click. */
const COAST = 700;

export class Attention {
  #parts;
  #changed;
  #over = false;
  #touched = false;
  #timer = 0;
  #was = false;

  /**
   * @param {HTMLElement[]} parts of the list
   * @param {() => void} changed is called when it begins or ends
   */
  constructor(parts, changed) {
    this.#parts = parts;
    this.#changed = changed;
    document.addEventListener("pointerover", (e) => this.#pointer(e), { capture: true });
    document.documentElement.addEventListener("pointerleave", (e) => this.#pointer(e, null));
    for (const part of parts) {
      part.addEventListener("touchstart", () => this.#touch(), { passive: true });
      part.addEventListener("scroll", () => this.#touched && this.#coast(), { passive: true });
    }
    for (const end of ["touchend", "touchcancel"]) {
      document.addEventListener(end, (e) => /** @type {TouchEvent} */ (e).touches.length === 0 && this.#touched && this.#coast());
    }
    document.addEventListener("focusin", () => this.#look());
    // Where focus goes to is known when both events are over: a microtask would run between them.
    document.addEventListener("focusout", () => setTimeout(() => this.#look()));
  }

  /** Whether someone is there now. */
  get here() {
    // What lies under a modal dialog is as it was when it opened.
    if (document.querySelector("dialog:modal")) return this.#was;
    return this.#over || this.#touched || this.#has(document.activeElement);
  }

  /** @param {EventTarget | null} el */
  #has(el) {
    return el instanceof Node && this.#parts.some((p) => p.contains(el));
  }

  /** @param {PointerEvent} e @param {EventTarget | null} [on] */
  #pointer(e, on = e.target) {
    if (e.pointerType === "touch" || document.querySelector("dialog:modal")) return;
    this.#over = this.#has(on);
    this.#look();
  }

  #touch() {
    clearTimeout(this.#timer);
    this.#touched = true;
    this.#look();
  }

  #coast() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#touched = false;
      this.#look();
    }, COAST);
  }

  #look() {
    const here = this.here;
    if (here === this.#was) return;
    this.#was = here;
    this.#changed();
  }
}
