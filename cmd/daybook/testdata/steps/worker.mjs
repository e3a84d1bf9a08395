// A worker of examples/worker.mjs whose tasks use every function of examples/steps.mjs; worker.py is the same in Python.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { main } from '../../../../examples/worker.mjs';
import { Steps, Suspended, TimedOut } from '../../../../examples/steps.mjs';

function write({ file }, text) {
  appendFileSync(file, `${text}\n`);
  return readFileSync(file, 'utf8').trimEnd().split('\n').length;
}

const parts = {
  async killed(s, p, { attempt, signal }) {
    const kept = [await s.step('charge', () => write(p, 'charged')), await s.step('nothing', () => undefined)];
    if (attempt === 1) await sleep(600_000, undefined, { signal });
    return kept;
  },
  async waits(s, { run }) {
    const done = { any: await s.waitAny('any', [`a:${run}`, `b:${run}`]), all: await s.waitAll('all', [`c:${run}`, `d:${run}`]), one: await s.waitEvent('one', `e:${run}`) };
    await s.sleep('nap', 0.01);
    try { await s.waitEvent('late', `never:${run}`, { timeout: 0.01 }); } catch (e) {
      if (!(e instanceof TimedOut)) throw e;
      done.late = e.message;
    }
    return done;
  },
  asks: (s) => s.approval('ask', 'Ship it?', { fields: { type: 'object', properties: { amount: { type: 'integer' } } } }),
  async makes(s, { run }) {
    const made = await s.children('pair', { good: { task_type: 'SLEEP', parameters: { seconds: 0 } }, bad: { task_type: 'STORY', parameters: { part: 'large', run } } }, { onFailure: 'collect' });
    return Object.fromEntries(Object.entries(made).map(([name, child]) => [name, child.status]));
  },
  large: (s) => s.step('large', () => 'x'.repeat(256 << 10)),
  twice: async (s) => [await s.step('page', () => 1), await s.step('page', () => 2)],
  async lost(s, p, { attempt }) {
    try {
      return await s.step('work', async () => {
        if (attempt > 1) return 'second';
        write(p, 'begun');
        while (!existsSync(p.go)) await sleep(10);
        return 'first';
      });
    } catch (e) {
      if (e instanceof Suspended) write(p, 'let go');
      throw e;
    }
  },
};

await main({ STORY: (attempt) => parts[attempt.parameters.part](new Steps(attempt.lease), attempt.parameters, attempt) }, { STORY: {} });
