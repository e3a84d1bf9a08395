#!/usr/bin/env python3
"""A Daybook worker with nothing but the standard library. The protocol: docs/worker-protocol.md

    DAYBOOK_URL=http://127.0.0.1:8000 python3 examples/worker.py    # several nodes of a cluster: with commas between them
    daybook submit wordcount -p text="to be or not to be" --wait"""
import collections, contextlib, http.client, json, os, random, re, secrets, signal, socket, sys, threading, time, traceback, urllib.request

URLS, TOKEN = collections.deque(u.strip().rstrip("/") for u in os.environ.get("DAYBOOK_URL", "http://127.0.0.1:8000").split(",")), os.environ.get("DAYBOOK_TOKEN")
SLOTS, LEASE, WAIT, GRACE = int(os.environ.get("SLOTS", "4")), int(os.environ.get("LEASE", "30")), 30, 10  # tasks; seconds
NAME, NO_ANSWER = f"{socket.gethostname()}-py-{secrets.token_hex(3)}", (OSError, http.client.HTTPException, ValueError)

class Permanent(Exception): """An error that no retry can mend."""; retryable = False
class Stopped(Exception): """The task was cancelled, its lease is lost, or the worker stops."""
def wordcount(lease, p):
    """Counts the words of {"text"}, or of an uploaded {"file"}; takes at least {"seconds"}."""
    if "text" not in p and "file" not in p: raise Permanent('the parameters must be {"text": "…"} or {"file": "id"}')
    text = request("GET", f"/api/files/{p['file']}").decode("utf-8", "replace") if p.get("file") else p.get("text", "")
    words, counts, seconds = re.findall(r"\w+", text.lower()), collections.Counter(), p.get("seconds", 0)
    lease.log("counting", words=len(words))
    steps = 10 + int(4 * seconds)
    for n in range(steps):
        counts.update(words[n * len(words) // steps:(n + 1) * len(words) // steps])
        lease.progress(100 * (n + 1) / steps, f"{counts.total()} of {len(words)} words")
        lease.sleep(seconds / steps)
    return {"words": len(words), "different": len(counts), "top": counts.most_common(10)}
HANDLERS = {"wordcount": wordcount}  # register your own: a function of lease and parameters; it returns what becomes JSON
DECLARED = {"wordcount": {"title": "Word count", "description": wordcount.__doc__, "parameters_schema": {"type": "object", "properties": {
    "text": {"type": "string"}, "file": {"type": "string", "format": "daybook-file"}, "seconds": {"type": "number", "minimum": 0}}}}}  # what they take

def request(method, path, body=None, timeout=60):
    head = {"Content-Type": "application/json"} | ({"Authorization": "Bearer " + TOKEN} if TOKEN else {})
    for more in range(len(URLS) - 1, -1, -1):
        url = URLS[0]
        try:
            with urllib.request.urlopen(urllib.request.Request(url + path, body, head, method=method), timeout=timeout) as answer: return answer.read()
        except NO_ANSWER as e:  # each of these calls may be made twice: the next server is asked
            if getattr(e, "code", 503) < 500: raise
            if url == URLS[0]: URLS.rotate(-1)
            if not more: raise

def refused(call, e):
    text = ""
    with contextlib.suppress(*NO_ANSWER, TypeError, LookupError): text = e.read().decode("utf-8", "replace"); text = json.loads(text)["detail"]
    print(f"the server refuses the worker: {call}: {e.code} {' '.join(str(text).split())}", file=sys.stderr, flush=True)
    os._exit(1)

def post(path, body, timeout, method="POST"):
    """Repeats the same call until it is answered. A refusal for good (4xx) ends the worker."""
    data, pause = json.dumps(body).encode(), 0.1
    while True:
        try: return json.loads(request(method, path, data, timeout))
        except NO_ANSWER as e:  # 5xx and 429 too
            if method == "PUT" and getattr(e, "code", 0) == 409: return None  # the configuration of the server says what the type takes
            if 400 <= getattr(e, "code", 503) < 500 and e.code != 429: refused(f"{method} {path}", e)
            pause = min(2 * pause, 5)
            time.sleep(max(float(getattr(e, "headers", {}).get("Retry-After") or 0), pause * random.uniform(0.25, 0.5)))

class Lease:
    request = staticmethod(request)  # for steps.py

    def __init__(self, token, attempt, task, steps, dependencies, **_):
        self.token, self.attempt, self.task, self.steps, self.over, self.why = token, attempt, task, steps, threading.Event(), ""
        self.dependencies = dependencies  # {name or id: {"id", "status", "result_data"}} of the tasks that this one depends on

    def progress(self, percent, message=""):
        self.sleep(0)
        worker.report(self.token, do="progress", progress=percent, message=message)

    def sleep(self, seconds):  # but not longer than the work may go on
        if self.over.wait(seconds): raise Stopped

    def log(self, text, level="info", **attributes):  # many lines are better sent together
        with contextlib.suppress(*NO_ANSWER): request("POST", f"/api/leases/{self.token}/log", json.dumps([{"text": text, "level": level, "attributes": attributes}]).encode(), 5)

    def end(self, why): self.why, _ = self.why or why, self.over.set()

class Worker:
    def __init__(self):
        self.changed, self.held, self.outbox, self.sending = threading.Condition(), {}, [], 0
        self.beat_seconds, self.beaten, self.quiet, self.stopping = 1, 0.0, False, False

    def report(self, token, **report):
        with self.changed:  # of progress only the latest is worth sending
            self.outbox = [r for r in self.outbox if r["token"] != token or r["do"] != report["do"]]
            self.outbox.append({"token": token, **report})
            self.changed.notify_all()

    def run(self, lease):
        try:
            report = {"do": "complete", "result": HANDLERS[lease.task["task_type"]](lease, lease.task["parameters"])}
            json.dumps(report)
        except Stopped: report = {"do": "release"}
        except Exception as e:
            if getattr(e, "suspended", False): lease.why = "lost"  # see steps.py: there is nothing to report
            report = {"do": "fail", "error": traceback.format_exc()[-8000:], "retryable": getattr(e, "retryable", True)}
        with self.changed:
            del self.held[lease.token]
            self.report(lease.token, **report) if lease.why != "lost" else self.changed.notify_all()

    def call(self, most, wait):
        """One round trip: reports what gathered, and leases."""
        with self.changed:
            reports, self.outbox, self.sending = self.outbox[:100], self.outbox[100:], self.sending + (wait == 0)
        answer = post("/api/leases", {"worker": NAME, "build": "example", "task_types": list(HANDLERS), "max": most, "wait_seconds": wait,
                                      "lease_seconds": LEASE, "poll_id": secrets.token_hex(8), "reports": reports}, wait + 30)
        with self.changed:
            self.sending, self.quiet, self.beat_seconds = self.sending - (wait == 0), answer["quiet"], answer["beat_seconds"]
            for report, result in zip(reports, answer["results"]):
                if result["status"] == 409 and report["token"] in self.held:  # of a progress report
                    self.held[report["token"]].end("cancelled" if result["type"].endswith("cancelled") else "lost")
                elif result["status"] in (400, 413) and report["do"] == "complete":  # the lease goes on
                    self.report(report["token"], do="fail", error=f"result refused: {result}", retryable=False)
            for raw in answer["leases"]:
                lease = self.held[raw["token"]] = Lease(**raw)
                lease.end("stopping") if self.stopping else None  # then it is released at its first progress
                threading.Thread(target=self.run, args=(lease,), daemon=True).start()
            self.changed.notify_all()

    def poll(self):
        with self.changed: self.changed.wait_for(lambda: len(self.held) < SLOTS and not self.stopping)
        self.call(SLOTS - len(self.held), WAIT)
        time.sleep(self.beat_seconds if self.quiet else 0)

    def send(self):  # at once what comes while the poll waits; what comes during this call gathers
        with self.changed: self.changed.wait_for(lambda: self.outbox)
        self.call(0, 0)

    def beat(self):
        time.sleep(0.2)
        tokens, now = list(self.held), time.monotonic()
        if tokens and now >= self.beaten + self.beat_seconds:
            self.beaten, body = now, json.dumps({"tokens": tokens, "lease_seconds": LEASE}).encode()
            try: answer = json.loads(request("POST", f"/api/workers/{NAME}/beat", body, 5))
            except NO_ANSWER: return  # go on: a server that restarts keeps the leases
            self.quiet, self.beat_seconds = answer["quiet"], answer["beat_seconds"]
            with self.changed:
                for token, why in [(t, why) for why in ("cancelled", "lost") for t in answer[why] if t in self.held]:
                    self.held[token].end(why)

def forever(step):
    try:
        while True: step()
    except Exception:  # a mistake in the worker
        traceback.print_exc()
        os._exit(1)
def main():
    global worker
    worker = Worker()
    for name, what in DECLARED.items(): post(f"/api/task-types/{name}", what, 30, "PUT")
    [threading.Thread(target=forever, args=(step,), daemon=True).start() for step in (worker.poll, worker.send, worker.beat)]
    [signal.signal(name, lambda *_: setattr(worker, "stopping", True)) for name in (signal.SIGTERM, signal.SIGINT)]
    until = float("inf")
    while not worker.stopping or time.monotonic() < until + 5 and (worker.held or worker.outbox or worker.sending):
        until = until if worker.stopping else time.monotonic() + GRACE
        for lease in list(worker.held.values()) if time.monotonic() > until else []: lease.end("stopping")
        time.sleep(0.1)
if __name__ == "__main__": main()
