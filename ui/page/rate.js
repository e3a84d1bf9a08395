// How many events the log took in each of the last seconds, from the seqs that were
// seen. Pure: now comes in.

const SECONDS = 60;

export class Rate {
  /** @type {number[]} events by second, oldest first; the last is the running second */
  #bins = new Array(SECONDS + 1).fill(0);
  #second = 0;
  /** The second in which watching began. */
  #from = 0;
  #seq = 0;

  /**
   * Notes that the log reached seq.
   * @param {number} seq
   * @param {number} now milliseconds
   */
  saw(seq, now) {
    this.#turn(now);
    if (this.#seq > 0 && seq > this.#seq) this.#bins[SECONDS] += seq - this.#seq;
    this.#seq = Math.max(this.#seq, seq);
  }

  /**
   * Starts anew at seq: what lies between was not watched.
   * @param {number} seq
   */
  jump(seq) {
    this.#seq = seq;
  }

  /** @param {number} now */
  #turn(now) {
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
    this.#turn(now);
    return this.#bins.slice(0, SECONDS);
  }

  /**
   * Events a second over the last five whole seconds.
   * @param {number} now
   */
  now(now) {
    const span = Math.min(5, Math.max(1, Math.floor(now / 1000) - this.#from));
    const last = this.series(now).slice(-span);
    return last.reduce((a, b) => a + b, 0) / span;
  }
}
