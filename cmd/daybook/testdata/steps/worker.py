"""A worker of examples/worker.py whose tasks use every function of examples/steps.py; worker.mjs is the same in JavaScript."""
import os, sys, time
sys.path.insert(0, os.environ["EXAMPLES"])
import worker
from steps import Refused, Steps, Suspended, TimedOut

def write(p, text):
    with open(p["file"], "a") as file: file.write(text + "\n")
    with open(p["file"]) as file: return len(file.readlines())

def killed(lease, s, p):
    kept = [s.step("charge", lambda: write(p, "charged")), s.step("nothing", lambda: None)]
    if lease.attempt == 1: lease.sleep(600)
    return kept

def waits(lease, s, p):
    run = p["run"]
    done = {"any": s.wait_any("any", [f"a:{run}", f"b:{run}"]), "all": s.wait_all("all", [f"c:{run}", f"d:{run}"]), "one": s.wait_event("one", f"e:{run}")}
    s.sleep("nap", 0.01)
    try: s.wait_event("late", f"never:{run}", timeout=0.01)
    except TimedOut as e: done["late"] = str(e)
    return done

def asks(lease, s, p):
    return s.approval("ask", "Ship it?", {"type": "object", "properties": {"amount": {"type": "integer"}}})

def makes(lease, s, p):
    made = s.children("pair", {"good": {"task_type": "SLEEP", "parameters": {"seconds": 0}}, "bad": {"task_type": "STORY", "parameters": {"part": "large", "run": p["run"]}}}, on_failure="collect")
    return {name: child["status"] for name, child in made.items()}

def large(lease, s, p): return s.step("large", lambda: "x" * (256 << 10))
def twice(lease, s, p): return [s.step("page", lambda: 1), s.step("page", lambda: 2)]

def lost(lease, s, p):
    def work():
        if lease.attempt > 1: return "second"
        write(p, "begun")
        while not os.path.exists(p["go"]): time.sleep(0.01)
        return "first"
    try: return s.step("work", work)
    except Suspended:
        write(p, "let go")
        raise

PARTS = {"killed": killed, "waits": waits, "asks": asks, "makes": makes, "large": large, "twice": twice, "lost": lost}
worker.HANDLERS, worker.DECLARED = {"STORY": lambda lease, p: PARTS[p["part"]](lease, Steps(lease), p)}, {"STORY": {}}
worker.main()
