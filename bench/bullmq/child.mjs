// BullMQ as a child of the bench: one job of bench/measure, given as JSON in the first
// argument; answers with messages, a line of JSON each. The rows mean what they mean in
// measure/measure.go.

import { once } from 'node:events';
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';

import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

const job = JSON.parse(process.argv[2]);
const [host, port] = job.server.split(':');
const connect = () => new Redis({ host, port: Number(port), maxRetriesPerRequest: null, enableAutoPipelining: true });

const data = { text: job.text };
const warmSeconds = 0.5;
const warmTasks = 500;

const say = (message) => process.stdout.write(JSON.stringify(message) + '\n');
const now = () => performance.timeOrigin + performance.now(); // Unix time in milliseconds
const milliseconds = (ms) => Math.round(ms * 1000) / 1000;

const redis = connect();
const queue = new Queue('noop', { connection: redis, defaultJobOptions: { removeOnComplete: true } });
let worker;
let ended = 0;
let first = 0;
let onStart = () => {};

function work() {
  worker = new Worker('noop', async () => {
    const at = now();
    first ||= at;
    onStart(at);
  }, { connection: connect(), concurrency: job.workers });
  worker.on('completed', () => { ended++; });
  worker.on('error', (error) => say({ error: String(error) }));
  return worker.waitUntilReady();
}

const submit = (n) => n === 1
  ? queue.add('noop', data)
  : queue.addBulk(Array.from({ length: n }, () => ({ name: 'noop', data })));

/** What callers did and do; calls is how long they took, in nanoseconds. */
const newLoad = () => ({ tasks: 0, seconds: 0, calls: createHistogram() });
const took = (load, ms) => load.calls.record(Math.max(Math.round(ms * 1e6), 1));

/** Has callers submit size tasks a call until more says no. */
async function run(callers, size, more, load = newLoad()) {
  let begun = 0;
  const start = now();
  await Promise.all(Array.from({ length: callers }, async () => {
    for (;;) {
      const before = begun;
      begun += size;
      if (!await more(before)) return;
      const sent = now();
      await submit(size);
      took(load, now() - sent);
      load.tasks += size;
    }
  }));
  load.seconds = (now() - start) / 1000;
  return load;
}

function runFor(callers, size, seconds) {
  const end = now() + seconds * 1000;
  return run(callers, size, () => now() < end);
}

const fill = () => run(job.bulkers, Math.min(1000, job.backlog), (begun) => begun < job.backlog);

const percentile = (calls, p) => calls.count === 0 ? 0 : milliseconds(calls.percentile(p) / 1e6);

const resultOf = ({ tasks, seconds, calls }) => ({
  tasks, seconds, rate: tasks / seconds, p50: percentile(calls, 50), p99: percentile(calls, 99),
});

const left = () => queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized');

/** Waits until n tasks have ended and the store holds none that has not. */
async function settled(n) {
  const limit = now() + job.limit * 1000;
  while (ended < n && now() < limit) await pause(1);
  while (now() < limit) {
    if (await left() === 0) break;
    await pause(1);
  }
  return ended;
}

async function settle(result, start, before, tasks) {
  result.tasks = await settled(before + tasks) - before;
  result.seconds = (now() - start) / 1000;
  result.cut_off = result.tasks < tasks;
  result.rate = result.tasks / result.seconds;
  return result;
}

async function submits(callers, size) {
  await runFor(callers, size, warmSeconds);
  return resultOf(await runFor(callers, size, job.seconds));
}

async function endToEnd(callers, size, seconds, atEnd = async () => {}) {
  await work();
  const warm = await run(callers, size, (begun) => begun < warmTasks);
  await settled(warm.tasks);
  const start = now();
  const load = await runFor(callers, size, seconds);
  const result = resultOf(load);
  await atEnd(result);
  return settle(result, start, warm.tasks, load.tasks);
}

const minute = (callers, size) => endToEnd(callers, size, job.minute, async (result) => { result.waiting = await left(); });

/** Callers pause while job.ahead tasks and more have not ended, as in measure/window.go. */
function newWindow() {
  let done = 0;
  let closed = false;
  let moved = resolvers();
  return {
    async wait(begun) {
      while (!closed && begun >= done + job.ahead) await moved.promise;
      return !closed;
    },
    move(to, close = false) {
      done = to;
      closed = close;
      moved.resolve();
      moved = resolvers();
    },
  };
}

function resolvers() {
  let resolve;
  const promise = new Promise((r) => { resolve = r; });
  return { promise, resolve };
}

async function look(load) {
  const acknowledged = load.tasks;
  const rest = await left();
  return { at: now(), ended: Math.max(acknowledged - rest, 0), left: rest };
}

/** The tasks that end in the last two thirds of the time. */
async function sustained(callers, size) {
  await work();
  const load = newLoad();
  const window = newWindow();
  const start = now();
  const total = job.sustained * 1000;
  const loaded = run(callers, size, window.wait, load);
  let from;
  let to;
  do {
    await pause(Math.min(100, total / 10));
    to = await look(load);
    window.move(to.ended);
    if (!from && to.at - start >= total / 3) from = to;
  } while (to.at - start < total || to === from);
  window.move(to.ended, true);
  await loaded;
  const [tasks, seconds] = [to.ended - from.ended, (to.at - from.at) / 1000];
  return { ...resultOf(load), tasks, seconds, rate: tasks / seconds, settled: from.left, waiting: to.left };
}

async function firstStart() {
  const limit = now() + job.limit * 1000;
  while (!first && now() < limit) await pause(0);
  if (!first) throw new Error('no task started in time');
  return first;
}

async function drain() {
  const load = await fill();
  await work();
  return settle({}, await firstStart(), 0, load.tasks);
}

async function pickUp() {
  await work();
  const warm = Math.floor(job.samples / 10);
  const load = newLoad();
  const begin = now();
  for (let i = 0; i < job.samples + warm; i++) {
    await pause(2 + Math.random() * 8);
    const started = new Promise((resolve) => { onStart = resolve; });
    const sent = now();
    await submit(1);
    const at = await started;
    if (i >= warm) took(load, at - sent);
  }
  load.tasks = load.calls.count;
  load.seconds = (now() - begin) / 1000;
  return resultOf(load);
}

async function waitForParent(phase) {
  say({ phase });
  await once(process.stdin, 'data');
}

async function memory() {
  await work();
  await waitForParent('idle');
  const start = now();
  const load = await fill();
  const result = await settle({}, start, 0, load.tasks);
  await waitForParent('after');
  return result;
}

async function start() {
  await work();
  return { first: Math.round(await firstStart() * 1e6) };
}

const rows = {
  'submit-1': () => submits(1, 1),
  'submit-64': () => submits(job.callers, 1),
  'bulk-100': () => submits(job.bulkers, 100),
  'bulk-1000': () => submits(job.bulkers, 1000),
  'run-64': () => endToEnd(job.callers, 1, job.seconds),
  'run-bulk': () => endToEnd(job.bulkers, 100, job.seconds),
  'minute-64': () => minute(job.callers, 1),
  'minute-bulk': () => minute(job.bulkers, 100),
  'sustained-64': () => sustained(job.callers, 1),
  'sustained-bulk': () => sustained(job.bulkers, 100),
  'drain': drain,
  'pick-up': pickUp,
  'memory': memory,
  'fill': async () => resultOf(await fill()),
  'start': start,
};

/** What the server says that it does before it answers. */
async function facts() {
  const config = await redis.config('GET', 'append*');
  const value = (name) => config[config.indexOf(name) + 1];
  const version = /redis_version:(\S+)/.exec(await redis.info('server'))[1];
  const does = value('appendonly') !== 'yes' ? 'no sync before the answer'
    : value('appendfsync') === 'always' ? 'synced before the answer'
      : value('appendfsync') === 'everysec' ? 'synced up to a second after the answer' : 'no sync before the answer';
  return {
    durability: `${does} (Redis ${version}, appendonly=${value('appendonly')}, appendfsync=${value('appendfsync')})`,
    synced: value('appendonly') === 'yes' && value('appendfsync') === 'always',
    settings: `concurrency ${job.workers}, Node ${process.versions.node}, ioredis with automatic pipelining; tasks that ended are deleted`,
    pids: [process.pid],
  };
}

try {
  await queue.waitUntilReady();
  say({ facts: await facts() });
  say({ result: await rows[job.row]() });
} catch (error) {
  say({ error: String(error?.stack ?? error) });
}
process.exit(0);
