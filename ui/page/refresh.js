// Fetches again what an open place shows. While the page is hidden it fetches nothing.

/** Least time between two fetches, in milliseconds. */
const LEAST = 1000;

export class Refresh {
  #fetch;
  #every;
  #opened = false;
  #running = false;
  /** Another fetch was asked for during this one. */
  #again = false;
  #timer = 0;
  #due = Infinity;
  #last = -Infinity;

  /**
   * @param {() => Promise<void>} fetch must not throw
   * @param {number} [every] also fetches after so many milliseconds; 0 = only when it is asked to
   */
  constructor(fetch, every = 0) {
    this.#fetch = fetch;
    this.#every = every;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#cancel() : this.soon()));
  }

  open() {
    this.#opened = true;
    this.now();
  }

  close() {
    this.#opened = false;
    this.#cancel();
  }

  /** Fetches at once: the user waits for it. */
  now() {
    this.#at(0);
  }

  /** Fetches, at most once a second. */
  soon() {
    this.#at(Math.max(0, this.#last + LEAST - performance.now()));
  }

  /** @param {number} wait */
  #at(wait) {
    if (!this.#opened || document.hidden) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    const due = performance.now() + wait;
    if (this.#timer !== 0 && this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => void this.#run(), wait);
  }

  async #run() {
    this.#timer = 0;
    this.#running = true;
    this.#again = false;
    this.#last = performance.now();
    await this.#fetch();
    this.#running = false;
    if (this.#again) this.soon();
    else if (this.#every > 0) this.#at(this.#every);
  }

  #cancel() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }
}
