// Elects a leader among the tabs of a browser. When it releases the lead, closes or crashes,
// another tab takes over.
//
// The election uses Web Locks. A page that was loaded over plain HTTP from another machine
// has none: its tabs agree over a BroadcastChannel. There two tabs may lead for a moment,
// until the one with the larger name hears of the other.

/**
 * @typedef {{ lead: () => void, lost: () => void }} LeaderListener
 * @typedef {{ want: () => void, release: () => void, steal: () => void }} Leader
 */

/**
 * @param {string} name
 * @param {LeaderListener} listener
 * @returns {Leader}
 */
export function leaderOf(name, listener) {
  if (typeof BroadcastChannel === "undefined") return { want: listener.lead, release() {}, steal() {} };
  return globalThis.navigator?.locks ? new LockLeader(name, listener) : new ChannelLeader(name, listener);
}

class LockLeader {
  #name;
  #listener;
  /** Withdraws the request, or releases the lead. @type {(() => void) | null} */
  #end = null;

  /** @param {string} name @param {LeaderListener} listener */
  constructor(name, listener) {
    this.#name = name;
    this.#listener = listener;
  }

  want() {
    if (this.#end === null) this.#request({});
  }

  /** Takes the lead from a tab that no longer answers. */
  steal() {
    this.release();
    this.#request({ steal: true });
  }

  release() {
    this.#end?.();
    this.#end = null;
  }

  /** @param {{ steal?: boolean }} how */
  #request(how) {
    const waiting = new AbortController();
    /** @type {() => void} */
    let free = () => {};
    const held = new Promise((done) => (free = () => done(undefined)));
    const end = () => {
      waiting.abort();
      free();
    };
    this.#end = end;
    const options = how.steal ? how : { signal: waiting.signal };
    navigator.locks
      .request(this.#name, options, () => {
        if (this.#end !== end) return;
        this.#listener.lead();
        return held;
      })
      .catch(() => {
        if (this.#end !== end) return; // given up
        this.#end = null;
        this.#listener.lost(); // stolen
      });
  }
}

/** How long a tab waits for an answer of the leader before it leads, in milliseconds. */
const ANSWER = 200;

/** @typedef {"who" | "asked before" | "me" | "free"} Word */

/** For browsers without Web Locks. Exported for its test. */
export class ChannelLeader {
  #listener;
  #channel;
  #me = crypto.getRandomValues(new Uint32Array(2)).join("-");
  /** @type {"idle" | "asking" | "waiting" | "leading"} */
  #state = "idle";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {string} name @param {LeaderListener} listener */
  constructor(name, listener) {
    this.#listener = listener;
    this.#channel = new BroadcastChannel(`${name} leader`);
    this.#channel.onmessage = (e) => this.#hear(e.data.kind, e.data.from);
  }

  want() {
    if (this.#state === "idle") this.#ask();
  }

  steal() {
    this.#lead();
  }

  release() {
    clearTimeout(this.#timer);
    const led = this.#state === "leading";
    this.#state = "idle";
    if (led) this.#say("free");
  }

  close() {
    this.release();
    this.#channel.close();
  }

  #ask() {
    this.#state = "asking";
    this.#say("who");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lead(), ANSWER);
  }

  #lead() {
    clearTimeout(this.#timer);
    const led = this.#state === "leading";
    this.#state = "leading";
    this.#say("me");
    if (!led) this.#listener.lead();
  }

  /** @param {Word} kind @param {string} from */
  #hear(kind, from) {
    switch (kind) {
      case "who":
        if (this.#state === "leading") this.#say("me");
        if (this.#state === "asking" && this.#me < from) this.#say("asked before");
        break;
      case "asked before":
        if (this.#state === "asking" && from < this.#me) this.#wait();
        break;
      case "me":
        if (this.#state === "asking") {
          this.#wait();
        } else if (this.#state === "leading" && from < this.#me) {
          this.#state = "waiting";
          this.#listener.lost();
        } else if (this.#state === "leading") {
          this.#say("me");
        }
        break;
      case "free":
        if (this.#state === "waiting") this.#ask();
    }
  }

  #wait() {
    clearTimeout(this.#timer);
    this.#state = "waiting";
  }

  /** @param {Word} kind */
  #say(kind) {
    this.#channel.postMessage({ kind, from: this.#me });
  }
}
