// Durable steps for examples/worker.mjs: what is done once, and waits that hold no worker. See docs/worker-protocol.md
//
//   import { durable } from './steps.mjs';
//   async function order({ parameters: p, lease }) {
//     const s = durable(lease);
//     const payment = await s.step('charge', () => charge(p.order)); // done once, whatever happens after
//     const paid = await s.waitEvent('paid', `paid:${p.order}`, 86400);
//     if (!(await s.approval('ask', 'Ship it?')).approved) return 'rejected';
//     await s.sleep('cool-off', 3600);
//     return { payment, paid };
//   }
import { setTimeout as pauseFor } from 'node:timers/promises';

/** The task is suspended: let it through. The handler runs again when what it waits for has come. */
export class Suspended extends Error { suspended = true; }
/** What the task waited for has not come in time. */
export class TimedOut extends Error {}

/** The steps of an attempt; lease is what worker.mjs gives to the handler. */
export function durable({ token, steps, signal, request }) {
  const done = { ...steps }, used = new Set();

  function known(name) {
    if (used.has(name)) throw new Error(`the step ${name} was there before in this attempt: number it, as in ${name}#2`);
    used.add(name);
    return Object.hasOwn(done, name);
  }

  async function call(method, path, body) {
    for (let pause = 100; ; pause = Math.min(2 * pause, 5000)) {
      try {
        return await (await request(method, `/api/leases/${token}/${path}`, JSON.stringify(body), 30)).json();
      } catch (e) {
        if (e.status < 500 && e.status !== 429) {
          if (e.problem?.step) return e.problem.step; // another attempt was first
          if (e.problem?.type?.endsWith('#stale-lease')) throw new Suspended(path); // nothing of this attempt counts any more
          throw e;
        }
      }
      await pauseFor(pause, undefined, { signal });
    }
  }

  async function wait(name, what) {
    if (!known(name)) {
      const answer = await call('POST', 'suspend', { step: name, ...what });
      if (answer.suspended) throw new Suspended(name);
      done[name] = answer.step;
    }
    if (done[name].outcome === 'timeout') throw new TimedOut(name);
    return done[name];
  }

  return {
    /** Does a step once. Number the steps of a loop: page#2. */
    async step(name, work) {
      if (!known(name)) done[name] = await call('PUT', `steps/${encodeURIComponent(name)}`, (await work()) ?? null);
      return done[name].value;
    },
    sleep: async (name, seconds) => void (await wait(name, { seconds })),
    waitEvent: async (name, event, timeout = null) => (await wait(name, { events: [event], timeout_seconds: timeout })).value,
    /** The first of several: {event, value}. */
    waitAny: (name, events, timeout = null) => wait(name, { events, timeout_seconds: timeout }),
    waitAll: async (name, events, timeout = null) => (await wait(name, { events, match: 'all', timeout_seconds: timeout })).value,
    /** Makes tasks below this one, once, and waits for them: {name: {id, status, result_data or error_message}}. */
    async children(name, tasks, { onFailure = 'fail', join = 'all' } = {}) {
      if (!known(name)) await call('POST', 'children', { step: name, tasks, on_failure: onFailure, join });
      return (await wait(`${name}:ended`, { children: name })).value;
    },
    /** Asks a person: {approved, answer, reason, by}. */
    approval: async (name, title, { fields = null, role = 'operator', timeout = null } = {}) => (await wait(name, { approval: { title, fields, role }, timeout_seconds: timeout })).value,
  };
}
