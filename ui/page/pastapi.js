// Calls about an earlier moment. The server may have to compute it from the log first.

import { Problem } from "./api.js";
import { percentIn } from "./moment.js";

/** How long to wait if the server does not say, in seconds. */
const PAUSE = 2;

/**
 * Asks until the moment is computed. It throws what any call does.
 * @template T
 * @param {() => Promise<T>} ask
 * @param {AbortSignal} signal
 * @param {(percent: number | null) => void} [folding] is called after each answer that it is being computed
 * @param {(ms: number) => Promise<unknown>} [wait]
 */
export async function patiently(ask, signal, folding = () => {}, wait = (ms) => new Promise((go) => setTimeout(go, ms))) {
  for (;;) {
    try {
      return await ask();
    } catch (err) {
      if (!(err instanceof Problem) || err.kind !== "past-folding" || signal.aborted) throw err;
      folding(percentIn(err.message));
      await wait((err.after || PAUSE) * 1000);
      if (signal.aborted) throw err;
    }
  }
}
