//go:build linux

package clustertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/internal/powercut"
)

// recordCluster runs three nodes under load while all that they write, sync and answer is recorded, in one order. Then they are killed.
func recordCluster(t *testing.T, seed uint64) (recording *powercut.Recording, err error) {
	t.Helper()
	c := newCluster(t)
	if recording, err = powercut.New(c.dir); err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir() // what is said is not recorded as a file
	pids := filepath.Join(outside, "pids")
	var script strings.Builder
	for _, name := range names {
		n := c.nodes[name]
		n.output = filepath.Join(outside, name+".out")
		fmt.Fprintf(&script, "%s %s >>%s 2>&1 &\necho $! >>%s\n", n.program, strings.Join(n.args, " "), n.output, pids)
	}
	script.WriteString("wait\n")
	cmd := exec.Command("sh", "-c", script.String())
	cmd.Env = append(os.Environ(), secret)
	run, err := recording.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	kill := func() {
		text, _ := os.ReadFile(pids)
		for _, line := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(line); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
			}
		}
	}
	defer func() {
		kill()
		err = errors.Join(err, run.Wait())
		_ = cmd.Wait() // its exit code says nothing
	}()
	for _, name := range names {
		c.awaitAnswer(name)
	}
	load := startLoad(t, c, seed, 6, 2)
	time.Sleep(3 * time.Second) // of load
	load.stop()
	load.all.Wait()
	calls.CloseIdleConnections()
	if load.oracle.count[done] < 50 {
		t.Errorf("only %d writes were acknowledged", load.oracle.count[done])
	}
	return recording, err
}

// awaitAnswer waits until a node that this test has not started says that it is ready.
func (c *cluster) awaitAnswer(name string) {
	c.t.Helper()
	n := c.nodes[name]
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if answer, err := get(n, "/readyz", time.Second); err == nil && answer.status == http.StatusOK {
			return
		}
	}
	c.t.Fatalf("node %s is not ready:\n%s", name, n.lastLines(15))
}

// statusesSaid is what the answers of the nodes have said of tasks: their latest status, by id.
func statusesSaid(answers [][]byte) map[string]string {
	said := map[string]string{}
	for _, text := range answers {
		head, body, ok := bytes.Cut(text, []byte("\r\n\r\n"))
		if !ok || !bytes.HasPrefix(head, []byte("HTTP/1.1 2")) {
			continue
		}
		var task struct{ ID, Status string }
		if json.Unmarshal(body, &task) != nil || len(task.ID) != 26 { // a file, or another answer
			continue
		}
		if before := said[task.ID]; before == "" || ended(task.Status) {
			said[task.ID] = task.Status
		}
	}
	return said
}

func ended(status string) bool {
	return status == "SUCCESS" || status == "FAILED" || status == "CANCELLED"
}

// All nodes lose power in one moment. What was not synced is lost, kept, or torn. When they start again, nothing that any of them had
// answered before is missing.
func TestAPowerCutOfAllNodesLosesNothingAcknowledged(t *testing.T) {
	if *cuts == 0 {
		t.Log("it runs with -cuts: strace needs the processor")
		return
	}
	t.Parallel()
	seed := chaosSeed()
	var recording *powercut.Recording
	for try := 1; ; try++ { // strace may be too slow
		var err error
		if recording, err = recordCluster(t, seed); err == nil {
			break
		}
		t.Logf("recording %d: %v", try, err)
		if try == 3 {
			t.Fatal("the nodes cannot be recorded")
		}
	}
	t.Logf("seed %d, %d cuts of %d events", seed, *cuts, recording.Events())
	temp := t.TempDir()
	most := 0
	err := recording.Each(powercut.Options{Cuts: *cuts, Seed: seed, Temp: temp, Journal: true}, func(cut powercut.Cut) {
		said := statusesSaid(cut.Said)
		most = max(most, len(said))
		t.Run(fmt.Sprintf("%s after %d of %d", cut.Fate, cut.At, cut.Of), func(t *testing.T) {
			for _, lost := range missing(t, cut.Dir, said) {
				t.Error(lost)
			}
		})
	})
	if err != nil {
		t.Error(err)
	}
	t.Logf("the answers named %d tasks", most)
	if most < 20 {
		t.Errorf("the answers named %d tasks: the recording misses answers", most)
	}
	if !*long {
		return
	}
	lost := 0
	err = recording.Each(powercut.Options{Cuts: 1, Temp: temp, IgnoreSyncs: true}, func(cut powercut.Cut) {
		t.Run("on a disk that syncs nothing", func(t *testing.T) { lost = len(missing(t, cut.Dir, statusesSaid(cut.Said))) })
	})
	if err != nil || lost == 0 {
		t.Errorf("a disk that syncs nothing has lost nothing, %v: the test does not see losses", err)
	}
}

// missing starts a cluster on the folders in dir, and lists what was said and is not there.
func missing(t *testing.T, dir string, said map[string]string) (lost []string) {
	c := newCluster(t)
	for _, name := range names {
		c.nodes[name].moveTo(filepath.Join(dir, name))
		c.start(name)
	}
	for _, name := range names {
		c.awaitReady(name)
	}
	for id, status := range said {
		a, err := get(c.nodes[names[int(id[25])%len(names)]], "/api/tasks/"+id, patience)
		var task struct{ Status string }
		if err != nil || a.status != http.StatusOK || a.into(&task) != nil {
			lost = append(lost, fmt.Sprintf("task %s is lost: %v, %s", id, err, bodyOf(a)))
		} else if status == "SUCCESS" && task.Status != status {
			lost = append(lost, fmt.Sprintf("task %s is %s, it was said to be %s", id, task.Status, status))
		}
	}
	c.sameLogs()
	return lost
}

// moveTo gives a node that does not run another folder.
func (n *node) moveTo(dir string) {
	n.args[slices.Index(n.args, n.data)] = dir
	n.data = dir
}
