// A view whose module is fetched when it is first needed.

/** @template T */
export class Later {
  /** null until it is there. @type {T | null} */
  view = null;
  #make;
  #failed;
  /** @type {Promise<T | null> | null} */
  #coming = null;

  /**
   * @param {() => Promise<T>} make
   * @param {() => void} failed is called when it cannot be fetched; the next call of get tries again
   */
  constructor(make, failed) {
    this.#make = make;
    this.#failed = failed;
  }

  /** @returns {Promise<T | null>} null when it could not be fetched */
  get() {
    this.#coming ??= this.#make().then(
      (view) => (this.view = view),
      () => {
        this.#coming = null;
        this.#failed();
        return null;
      },
    );
    return this.#coming;
  }
}
