// One animation frame draws all that came since the last.

export class Frame {
  #asked = false;
  #draw;

  /** @param {() => void} draw */
  constructor(draw) {
    this.#draw = draw;
  }

  /** Asks for a drawing in the next frame. */
  ask = () => {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#draw();
    });
  };
}
