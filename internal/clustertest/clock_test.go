//go:build linux

package clustertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// buildShifted builds the command on a package time whose wall clock is off by as many seconds as CLOCK_SHIFT says. It
// compiles everything anew.
func buildShifted(t *testing.T) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	return buildEdited(t, path, "import (", "import (\n\t\"syscall\"", "func Now() Time {", `func Now() Time {
	t := trueNow()
	if t.wall&hasMonotonic != 0 {
		t.wall += uint64(clockShift) << nsecShift
	} else {
		t.ext += clockShift
	}
	return t
}

var clockShift = readClockShift()

func readClockShift() int64 {
	text, _ := syscall.Getenv("CLOCK_SHIFT")
	sign := int64(1)
	if text != "" && text[0] == '-' {
		sign, text = -1, text[1:]
	}
	n, _ := atoi(text)
	return sign * int64(n)
}

func trueNow() Time {`)
}

// buildEdited builds the command with a source file in which the first of each pair of texts is replaced by the second.
func buildEdited(t *testing.T, path string, edits ...string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edited := string(text)
	for i := 0; i < len(edits); i += 2 {
		if strings.Count(edited, edits[i]) != 1 {
			t.Fatalf("%s does not have %q once", path, edits[i])
		}
		edited = strings.Replace(edited, edits[i], edits[i+1], 1)
	}
	dir := t.TempDir()
	replacement, overlay, built := filepath.Join(dir, "edited.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "daybook")
	list, _ := json.Marshal(map[string]map[string]string{"Replace": {path: replacement}}) // of texts
	for name, content := range map[string][]byte{replacement: []byte(edited), overlay: list} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", built, "daybook/cmd/daybook").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return built
}

// The clock of the first node is an hour off, and the lead goes from it to others and back. The times of events never go down, tasks
// with a delay run after it, whoever leads, and the nodes say how far the clock is off.
func TestTheClockOfANodeIsAnHourOff(t *testing.T) {
	if !*long {
		t.Log("it runs with -long: the command is compiled on another clock")
		return
	}
	t.Parallel()
	shifted := buildShifted(t)
	for _, shift := range []time.Duration{time.Hour, -time.Hour, 366 * 24 * time.Hour} {
		t.Run(shift.String(), func(t *testing.T) {
			c := newCluster(t)
			a := c.nodes["a"]
			a.program, a.env = shifted, []string{fmt.Sprintf("CLOCK_SHIFT=%d", int64(shift.Seconds()))}
			for _, name := range names {
				c.start(name)
			}
			for _, name := range names {
				c.awaitReady(name)
			}
			leaders := []string{c.awaitLeader("")}
			c.runDelayed("b", "first")
			for i := range 4 {
				old := leaders[len(leaders)-1]
				c.end(old)
				c.awaitLeader(old)
				c.start(old)
				c.awaitReady(old)
				leaders = append(leaders, c.awaitLeader(""))
				c.runDelayed("b", fmt.Sprint("again", i))
			}
			t.Logf("led in turn: %v", leaders)
			s, err := c.nodes["b"].state()
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range s.Nodes {
				want := 0.0
				if n.Name == "a" {
					want = shift.Seconds()
				}
				if n.Skew < want-5 || n.Skew > want+5 {
					t.Errorf("the clock of node %s is said to be off by %.0f s, not %.0f", n.Name, n.Skew, want)
				}
			}
			c.sameLogs()
			c.endAll()
			c.verify()
		})
	}
}

// runDelayed runs a task that waits for a second, and one that fails once and is tried again.
func (c *cluster) runDelayed(at, name string) {
	c.t.Helper()
	for kind, body := range map[string]map[string]any{
		"a task with a delay": {"delay_seconds": 1, "parameters": map[string]any{"seconds": 0}},
		"a task that fails":   {"max_attempts": 2, "parameters": map[string]any{"seconds": 0, "fail_rate": 1}, "backoff": map[string]any{"kind": "constant", "base_seconds": 1}},
	} {
		body["task_type"] = "SLEEP"
		began := time.Now()
		a, err := c.nodes[at].call(c.t.Context(), http.MethodPost, "/api/tasks/submit", body, patience)
		var task struct{ ID, Status string }
		if err != nil || a.status != http.StatusOK || a.into(&task) != nil {
			c.t.Fatalf("%s: %s: %v, %s", name, kind, err, bodyOf(a))
		}
		for !ended(task.Status) {
			if time.Since(began) > patience {
				c.t.Fatalf("%s: %s has not ended after %s: %s", name, kind, patience, a.body)
			}
			time.Sleep(50 * time.Millisecond)
			a, err = get(c.nodes[at], "/api/tasks/"+task.ID, patience)
			if err == nil && a.status == http.StatusServiceUnavailable && a.kind() == "behind" {
				continue // it has just started
			}
			if err != nil || a.status != http.StatusOK || a.into(&task) != nil {
				c.t.Fatalf("%s: %s: %v, %s", name, kind, err, bodyOf(a))
			}
		}
	}
}
