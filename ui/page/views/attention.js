// Whether someone uses the list: a pointer is over it, a finger on it, or focus in it. Until
// that ends, its rows do not move.

/** How long a touch lasts after the finger has left, in milliseconds: the list still scrolls, and a click follows a tap. */
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
   * @param {() => void} changed is called when that begins or ends
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
    // Look after focusin: a microtask would run between the two events.
    document.addEventListener("focusout", () => setTimeout(() => this.#look()));
  }

  /** Whether someone uses the list now. */
  get here() {
    // While a modal dialog is open, the answer stays as it was before.
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
