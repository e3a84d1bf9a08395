"""Durable steps for examples/worker.py: what is done once, and waits that hold no worker. See docs/worker-protocol.md

    def order(lease, p):
        s = Steps(lease)
        payment = s.step("charge", lambda: charge(p["order"]))          # done once, whatever happens after
        paid = s.wait_event("paid", f"paid:{p['order']}", timeout=86400)
        if not s.approval("ask", "Ship it?")["approved"]: return "rejected"
        s.sleep("cool-off", 3600)
        return {"payment": payment, "paid": paid}"""
import http.client, json, urllib.error, urllib.parse

class Suspended(Exception):
    """The task is suspended: let it through. The handler runs again when what it waits for has come."""
    suspended = True

class TimedOut(Exception): """What the task waited for has not come in time."""
class Refused(Exception): """The server does not take the step, and would not take it again."""; retryable = False


class Steps:
    """The steps of an attempt; lease is what worker.py gives to the handler."""
    def __init__(self, lease): self.lease, self.done, self.used = lease, dict(lease.steps), set()
    def step(self, name, work):
        """Does a step once. Number the steps of a loop: page#2."""
        if not self._known(name): self.done[name] = self._call("PUT", "steps/" + urllib.parse.quote(name, safe=""), work())
        return self.done[name]["value"]

    def sleep(self, name, seconds): self._wait(name, seconds=seconds)

    def wait_event(self, name, event, timeout=None): return self._wait(name, events=[event], timeout_seconds=timeout)["value"]

    def wait_any(self, name, events, timeout=None):
        """Waits for the first of several; returns {"event", "value"}."""
        step = self._wait(name, events=events, timeout_seconds=timeout)
        return {"event": step["event"], "value": step["value"]}

    def wait_all(self, name, events, timeout=None):
        """Waits for all of several; returns {event: value}."""
        return self._wait(name, events=events, match="all", timeout_seconds=timeout)["value"]

    def approval(self, name, title, fields=None, role="operator", timeout=None):
        """Asks a person; returns {"approved", "answer", "reason", "by"}."""
        return self._wait(name, approval={"title": title, "fields": fields, "role": role}, timeout_seconds=timeout)["value"]

    def children(self, name, tasks, on_failure="fail", join="all"):
        """Makes tasks below this one, once, and waits for them; returns {name: {"id", "status", "result_data" or "error_message"}}."""
        if not self._known(name): self._call("POST", "children", {"step": name, "tasks": tasks, "on_failure": on_failure, "join": join})
        return self._wait(name + ":ended", children=name)["value"]

    def _known(self, name):
        if name in self.used: raise Refused(f"the step {name} was there before in this attempt: number the steps of a loop, as in {name}#2")
        self.used.add(name)
        if self.done.get(name, {}).get("damaged"): raise Refused(f"the value of the step {name} is damaged in the log: an operator can have it done again with forget")
        return name in self.done

    def _wait(self, name, **what):
        if not self._known(name):
            answer = self._call("POST", "suspend", {"step": name, **what})
            if answer["suspended"]: raise Suspended(name)
            self.done[name] = answer["step"]
        if self.done[name]["outcome"] == "timeout": raise TimedOut(f"nothing has come in time for the step {name}: catch TimedOut to go on without")
        return self.done[name]

    def _call(self, method, path, body):
        text, pause = json.dumps(body).encode(), 0.1
        while True:
            try: return json.loads(self.lease.request(method, f"/api/leases/{self.lease.token}/{path}", text, 30))
            except urllib.error.HTTPError as e:
                if e.code < 500 and e.code != 429: return self._refused(path, e)
            except (OSError, http.client.HTTPException, ValueError): pass  # no answer, or half of one
            self.lease.sleep(pause)  # which ends with the attempt
            pause = min(2 * pause, 5)

    def _refused(self, path, e):
        try: problem = json.loads(e.read())
        except ValueError: problem = {}  # of a proxy
        if "step" in problem: return problem["step"]  # another attempt was first
        if problem.get("type", "").endswith("#stale-lease"): raise Suspended(path) from None  # nothing of this attempt counts any more
        wrong = "; ".join(f"{one['pointer'] or 'it'} {one['detail']}" for one in problem.get("errors", []))
        raise Refused(f"{path}: {wrong or problem.get('detail') or e}") from None
