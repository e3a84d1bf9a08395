// Events per second that the log received in the last minute, from the seqs that the page
// saw. Pure: the time is a parameter.

const SECONDS = 60;

export class Rate {
  /** @type {number[]} events per second, oldest first; the last is the current second */
  #bins = new Array(SECONDS + 1).fill(0);
  #second = 0;
  /** The first second that was counted. */
  #from = 0;
  #seq = 0;

  /**
   * Notes that the log reached seq.
   * @param {number} seq
   * @param {number} now milliseconds
   */
  add(seq, now) {
    this.#advance(now);
    if (this.#seq > 0 && seq > this.#seq) this.#bins[SECONDS] += seq - this.#seq;
    this.#seq = Math.max(this.#seq, seq);
  }

  /**
   * Continues at seq. The events up to it are not counted.
   * @param {number} seq
   */
  continueAt(seq) {
    this.#seq = seq;
  }

  /** @param {number} now */
  #advance(now) {
    const second = Math.floor(now / 1000);
    if (this.#from === 0) this.#from = second;
    const steps = this.#second === 0 ? 0 : Math.min(second - this.#second, SECONDS + 1);
    for (let i = 0; i < steps; i++) {
      this.#bins.shift();
      this.#bins.push(0);
    }
    this.#second = Math.max(this.#second, second);
  }

  /**
   * Events in each of the last 60 whole seconds, oldest first.
   * @param {number} now
   */
  series(now) {
    this.#advance(now);
    return this.#bins.slice(0, SECONDS);
  }

  /**
   * Events per second over the last five whole seconds.
   * @param {number} now
   */
  now(now) {
    const span = Math.min(5, Math.max(1, Math.floor(now / 1000) - this.#from));
    const last = this.series(now).slice(-span);
    return last.reduce((a, b) => a + b, 0) / span;
  }
}
