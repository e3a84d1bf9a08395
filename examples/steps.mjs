// Durable steps for examples/worker.mjs: what is done once, and waits that hold no worker. See docs/worker-protocol.md
//
//   async function order({ parameters: p, lease }) {
//     const s = new Steps(lease);
//     const payment = await s.step('charge', () => charge(p.order)); // done once, whatever happens after
//     const paid = await s.waitEvent('paid', `paid:${p.order}`, { timeout: 86400 });
//     if (!(await s.approval('ask', 'Ship it?')).approved) return 'rejected';
//     await s.sleep('cool-off', 3600);
//     return { payment, paid };
//   }
import { setTimeout as pauseFor } from 'node:timers/promises';

/** The task is suspended: let it through. The handler runs again when what it waits for has come. */
export class Suspended extends Error { suspended = true; }
/** What the task waited for has not come in time. */
export class TimedOut extends Error {}
/** The server does not take the step, and would not take it again. */
export class Refused extends Error { retryable = false; }

/** The steps of an attempt; lease is what worker.mjs gives to the handler. */
export class Steps {
  #lease; #done; #used = new Set();
  constructor(lease) { this.#lease = lease, this.#done = new Map(Object.entries(lease.steps)); }

  /** Does a step once. Number the steps of a loop: page#2. */
  async step(name, work) {
    if (!this.#known(name)) this.#done.set(name, await this.#call('PUT', `steps/${encodeURIComponent(name)}`, (await work()) ?? null));
    return this.#done.get(name).value;
  }
  async sleep(name, seconds) { await this.#wait(name, { seconds }); }
  async waitEvent(name, event, { timeout = null } = {}) { return (await this.#wait(name, { events: [event], timeout_seconds: timeout })).value; }
  /** Waits for the first of several; returns {event, value}. */
  async waitAny(name, events, { timeout = null } = {}) {
    const { event, value } = await this.#wait(name, { events, timeout_seconds: timeout });
    return { event, value };
  }
  /** Waits for all of several; returns {event: value}. */
  async waitAll(name, events, { timeout = null } = {}) { return (await this.#wait(name, { events, match: 'all', timeout_seconds: timeout })).value; }
  /** Asks a person; returns {approved, answer, reason, by}. */
  async approval(name, title, { fields = null, role = 'operator', timeout = null } = {}) {
    return (await this.#wait(name, { approval: { title, fields, role }, timeout_seconds: timeout })).value;
  }
  /** Makes tasks below this one, once, and waits for them; returns {name: {id, status, result_data or error_message}}. */
  async children(name, tasks, { onFailure = 'fail', join = 'all' } = {}) {
    if (!this.#known(name)) await this.#call('POST', 'children', { step: name, tasks, on_failure: onFailure, join });
    return (await this.#wait(`${name}:ended`, { children: name })).value;
  }

  #known(name) {
    if (this.#used.has(name)) throw new Refused(`the step ${name} was there before in this attempt: number the steps of a loop, as in ${name}#2`);
    this.#used.add(name);
    if (this.#done.get(name)?.damaged) throw new Refused(`the value of the step ${name} is damaged in the log: an operator can have it done again with forget`);
    return this.#done.has(name);
  }
  async #wait(name, what) {
    if (!this.#known(name)) {
      const answer = await this.#call('POST', 'suspend', { step: name, ...what });
      if (answer.suspended) throw new Suspended(name);
      this.#done.set(name, answer.step);
    }
    const step = this.#done.get(name);
    if (step.outcome === 'timeout') throw new TimedOut(`nothing has come in time for the step ${name}: catch TimedOut to go on without`);
    return step;
  }
  async #call(method, path, body) {
    const { token, signal, request } = this.#lease, text = JSON.stringify(body);
    for (let pause = 100; ; pause = Math.min(2 * pause, 5000)) {
      try { return await (await request(method, `/api/leases/${token}/${path}`, text, 30)).json(); } catch (e) { // without a status: no answer, or half of one
        if (e.status < 500 && e.status !== 429) {
          if (e.problem?.step) return e.problem.step; // another attempt was first
          if (e.problem?.type?.endsWith('#stale-lease')) throw new Suspended(path); // nothing of this attempt counts any more
          const wrong = e.problem?.errors?.map((one) => `${one.pointer || 'it'} ${one.detail}`).join('; ');
          throw new Refused(`${path}: ${wrong || (e.problem?.detail ?? e.status)}`);
        }
      }
      await pauseFor(pause, undefined, { signal }); // which ends with the attempt
    }
  }
}
