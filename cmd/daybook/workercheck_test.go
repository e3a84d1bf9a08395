package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// faulty is a worker with one mistake, in the words of examples/worker.py: what is replaced by what.
var faulty = []struct {
	check     string // that must fail
	old, with string
}{
	{"beats", `tokens and now >=`, `now < 0 and now >=`},
	{"cancel", `self.why, _ = self.why or why, self.over.set()`, `pass`},
	{"lost-answer", `try: return json.loads(request(method, path, data, timeout))`,
		`try: "poll_id" in body and body.update(poll_id=secrets.token_hex(8)); return json.loads(request(method, path, json.dumps(body).encode(), timeout))`},
	{"progress", `worker.report(self.token, do="progress"`, `dict(do="progress"`},
	{"stop", `lambda *_: setattr(worker, "stopping", True)`, `lambda *_: os._exit(0)`},
	{"submit", `"do": "complete", "result": H`, `"do": "completed", "result": H`},
}

func TestWorkerCheckFindsTheMistakesOfWorkers(t *testing.T) {
	t.Parallel()
	if _, ok := workerCommand(t, "python3", nil); !ok {
		return
	}
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		out, err := exec.Command("daybook", "worker-check", "--type", "count", "--", "python3", "../../examples/worker.py").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "it asked for wordcount") || !strings.Contains(string(out), "1 check failed") {
			t.Errorf("another type: %v:\n%s", err, out)
		}
	})
	for _, f := range faulty {
		path := spoil(t, "../../examples/worker.py", f.old, f.with)
		all.Go(func() {
			out, err := exec.Command("daybook", "worker-check", "--json", "--type", "wordcount", "--parameters", `{"text":"a b"}`,
				"--only", f.check, "--", "python3", path).Output()
			if err == nil {
				t.Errorf("%s: it passes:\n%s", f.check, out)
				return
			}
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			var last struct {
				Check, Seen, Expected string
				OK                    bool
			}
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Check != f.check || last.OK || last.Seen == "" || last.Expected == "" {
				t.Errorf("%s: %v: %s", f.check, err, out)
			}
		})
	}
}

func TestWorkerCheckRefusesWrongUse(t *testing.T) {
	for _, args := range [][]string{
		{"--type", "x", "--only", "nothing"}, {"--type", "x", "--parameters", "[1]"}, {"--type", "x", "--long", "{"}, {},
	} {
		out, err := exec.Command("daybook", append([]string{"worker-check"}, args...)...).CombinedOutput()
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != exitUsage {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

// spoil writes a copy of a file with a text replaced.
func spoil(t *testing.T, path, old, with string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), old) == 0 {
		t.Fatalf("%s does not have %q", path, old)
	}
	copied := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(copied, []byte(strings.ReplaceAll(string(text), old, with)), 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}
