// A Daybook worker with nothing but Node's own modules. The protocol: docs/worker-protocol.md
//
//   DAYBOOK_URL=http://127.0.0.1:8000 node examples/worker.mjs    # several nodes of a cluster: with commas between them
//   daybook submit hash -p text=hello -p algorithm=sha512 --wait
import { createHash, getHashes, randomUUID } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const urls = (process.env.DAYBOOK_URL ?? 'http://127.0.0.1:8000').split(',').map((u) => u.trim().replace(/\/$/, ''));
const head = process.env.DAYBOOK_TOKEN ? { Authorization: `Bearer ${process.env.DAYBOOK_TOKEN}` } : {};
const name = `${hostname()}-node-${randomUUID().slice(0, 6)}`;
const slots = Number(process.env.SLOTS ?? 4), lease = Number(process.env.LEASE ?? 30), wait = 30, grace = 10; // tasks; seconds

export class Permanent extends Error { retryable = false; } // an error that no retry can mend
/** Hashes {text}, or an uploaded {file}, by {algorithm}; takes at least {seconds}. */
async function hash({ parameters: p, signal, progress, log }) {
  const algorithm = p?.algorithm ?? 'sha256';
  if (!getHashes().includes(algorithm)) throw new Permanent(`unknown algorithm ${algorithm}`);
  if (typeof (p.text ?? p.file) !== 'string') throw new Permanent('the parameters must have a "text" or a "file"');
  const data = p.file === undefined ? Buffer.from(p.text) : Buffer.from(await (await request('GET', `/api/files/${p.file}`)).arrayBuffer());
  log('hashing', 'info', { algorithm, bytes: data.length });
  const digest = createHash(algorithm), seconds = p.seconds ?? 0, steps = 10 + Math.floor(4 * seconds);
  for (let n = 0; n < steps; n++) {
    digest.update(data.subarray(Math.floor((n * data.length) / steps), Math.floor(((n + 1) * data.length) / steps)));
    progress((100 * (n + 1)) / steps, `${Math.floor(((n + 1) * data.length) / steps)} of ${data.length} bytes`);
    await sleep((1000 * seconds) / steps, undefined, { signal });
  }
  return { algorithm, bytes: data.length, digest: digest.digest('hex') };
}

// Register your own: an async function of {task, parameters, attempt, signal, progress, log, lease}. It stops when the signal is aborted.
let handlers = { hash }; // below: what the types take and give
const declared = { hash: { title: 'Hash', description: 'Hashes a text or a file.', result_schema: { type: 'object', required: ['digest'] }, parameters_schema: { type: 'object', properties: {
  text: { type: 'string' }, file: { type: 'string', format: 'daybook-file' }, algorithm: { type: 'string' }, seconds: { type: 'number', minimum: 0 } } } } };

const parsed = (text) => { try { return JSON.parse(text); } catch { return undefined; } }; // a proxy may answer too
const reason = (text) => String(parsed(text)?.detail ?? text);
async function request(method, path, body, timeout = 60, signal, more = urls.length - 1) {
  const limit = AbortSignal.timeout(1000 * timeout), headers = { 'Content-Type': 'application/json', ...head }, [url] = urls;
  try {
    const answer = await fetch(url + path, { method, body, headers, signal: signal ? AbortSignal.any([limit, signal]) : limit });
    if (answer.ok) return answer;
    const text = await answer.text();
    throw Object.assign(new Error(`${method} ${path}: ${answer.status} ${reason(text).replace(/\s+/g, ' ')}`), { status: answer.status, problem: parsed(text), after: Number(answer.headers.get('Retry-After') ?? 0) });
  } catch (e) { // each of these calls may be made twice: the next server is asked
    if (e.status < 500 || signal?.aborted) throw e;
    if (url === urls[0]) urls.push(urls.shift());
    if (more === 0) throw e;
    return request(method, path, body, timeout, signal, more - 1);
  }
}

/** Repeats the same call until it is answered. A refusal for good (4xx) ends the worker. */
async function post(path, body, timeout, signal, method = 'POST') {
  const text = JSON.stringify(body);
  for (let pause = 0.1; ; pause = Math.min(2 * pause, 5)) {
    try { return await (await request(method, path, text, timeout, signal)).json(); } catch (e) {
      if (method === 'PUT' && e.status === 409) return; // the configuration of the server says what the type takes
      if (signal?.aborted) throw e;
      if (e.status < 500 && e.status !== 429) console.error(`the server refuses the worker: ${e.message}`), process.exit(1);
      await sleep(1000 * Math.max(e.after ?? 0, pause * (0.5 + Math.random() / 2)), undefined, { signal });
    }
  }
}

const held = new Map(); // by token: what runs
let outbox = [], sending = false, polling = false, quiet = false, beatSeconds = 1, lastPoll = '';
const stopping = new AbortController();
function report(r) {
  if (r.do === 'progress') outbox = outbox.filter((o) => o.do !== 'progress' || o.token !== r.token); // only the latest
  outbox.push(r);
  setImmediate(() => send()); // so that what ends together travels together
}

async function run({ token, task, attempt, steps, dependencies }) {
  const over = new AbortController(), mine = { over, why: '' };
  held.set(token, mine);
  const progress = (percent, message = '') => over.signal.aborted || report({ token, do: 'progress', progress: percent, message });
  const log = (text, level = 'info', attributes = {}) => request('POST', `/api/leases/${token}/log`, JSON.stringify([{ text, level, attributes }]), 5).catch(() => {});
  try {
    const result = await handlers[task.task_type]({ task, attempt, dependencies, parameters: task.parameters, signal: over.signal, progress, log, lease: { token, steps, signal: over.signal, request } });
    report({ token, do: 'complete', result: result ?? null });
  } catch (e) {
    if (e?.suspended) mine.why = 'lost'; // see steps.mjs: there is nothing to report
    if (mine.why === '') report({ token, do: 'fail', error: String(e?.stack ?? e).slice(0, 8000), retryable: e?.retryable ?? true });
    else if (mine.why !== 'lost') report({ token, do: 'release' });
  }
  held.delete(token), setImmediate(poll);
}

function end(token, why) {
  const one = held.get(token);
  if (one && !one.why) (one.why = why), one.over.abort();
}

/** One round trip: reports what gathered, and leases. */
async function call(max, seconds, pollId, signal) {
  const reports = outbox.splice(0, 100);
  const body = { worker: name, build: 'example', task_types: Object.keys(handlers), max, wait_seconds: seconds, lease_seconds: lease, poll_id: pollId || null, reports };
  const answer = await post('/api/leases', body, seconds + 30, signal).catch(() => void outbox.unshift(...reports)); // broken off by the stop: they are sent again
  if (!answer) return;
  ({ quiet, beat_seconds: beatSeconds } = answer);
  answer.results.forEach((result, i) => {
    const { token, do: what } = reports[i];
    if (result.status === 409) end(token, result.type.endsWith('cancelled') ? 'cancelled' : 'lost'); // of a progress report
    else if ((result.status === 400 || result.status === 413) && what === 'complete') // the lease goes on
      report({ token, do: 'fail', error: `result refused: ${JSON.stringify(result)}`, retryable: false });
  });
  for (const one of answer.leases) stopping.signal.aborted ? report({ token: one.token, do: 'release' }) : run(one);
}

async function poll() {
  if (polling || stopping.signal.aborted || held.size >= slots) return;
  polling = true;
  await call(slots - held.size, wait, (lastPoll = randomUUID()), stopping.signal);
  if (quiet) await sleep(1000 * beatSeconds);
  polling = false, setImmediate(poll);
}

async function send(again = '') { // at once what comes while the poll waits; what comes during this call gathers
  if (sending || (outbox.length === 0 && !again)) return;
  sending = true;
  await call(0, 0, again);
  sending = false, setImmediate(() => send());
}

async function beat() {
  for (let beaten = -Infinity; ; await sleep(200)) {
    if (held.size === 0 || performance.now() < beaten + 1000 * beatSeconds) continue;
    beaten = performance.now();
    try {
      const body = JSON.stringify({ tokens: [...held.keys()], lease_seconds: lease });
      const answer = await (await request('POST', `/api/workers/${name}/beat`, body, 5)).json();
      for (const token of answer.cancelled) end(token, 'cancelled');
      for (const token of answer.lost) end(token, 'lost');
      ({ quiet, beat_seconds: beatSeconds } = answer);
    } catch { /* go on: a server that restarts keeps the leases */ }
  }
}

async function stop() {
  if (stopping.signal.aborted) process.exit(1);
  stopping.abort();
  send(lastPoll); // what the answer to the poll had is released
  for (let ms = 0; ms < 1000 * (grace + 5) && (held.size > 0 || outbox.length > 0 || sending); ms += 100) {
    if (ms >= 1000 * grace) for (const token of held.keys()) end(token, 'stopping');
    await sleep(100);
  }
  process.exit(0);
}
/** Runs tasks until SIGTERM. own: handlers by type; what: what the types take and give, for PUT /api/task-types/{name}. */
export async function main(own = handlers, what = declared) {
  handlers = own;
  process.on('SIGTERM', stop).on('SIGINT', stop);
  for (const [type, declaration] of Object.entries(what)) await post(`/api/task-types/${type}`, declaration, 30, undefined, 'PUT');
  poll(), beat();
}
if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) await main(); // not imported by another program
