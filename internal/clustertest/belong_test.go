//go:build linux

package clustertest

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/internal/freeaddr"
)

// A node comes with a folder that is older, or of something else. The others go on; what cannot belong to them is named.
func TestAFolderThatDoesNotBelongIsNamed(t *testing.T) {
	if !*long {
		t.Log("it runs with -long; tests of natslog see the same without processes")
		return
	}
	t.Parallel()
	c := startCluster(t)
	c.awaitLeader("")
	c.write(10)
	third := c.nodes["c"]
	c.end("c")
	old, current, stranger := filepath.Join(c.dir, "old"), third.data, filepath.Join(c.dir, "stranger")
	copyFolder(t, current, old)
	c.write(10)
	c.start("c")
	c.awaitReady("c")
	c.write(10)
	c.end("c")

	t.Log("its streams are those of today, its replica is an old one")
	mixed := filepath.Join(c.dir, "mixed")
	copyFolder(t, old, mixed)
	if err := os.RemoveAll(filepath.Join(mixed, "cluster")); err != nil {
		t.Fatal(err)
	}
	copyFolder(t, filepath.Join(current, "cluster"), filepath.Join(mixed, "cluster"))
	c.catchesUp(third, mixed)

	t.Log("all of it is old")
	c.catchesUp(third, old)

	t.Log("it was used alone meanwhile")
	alone := filepath.Join(c.dir, "alone")
	copyFolder(t, current, alone)
	c.useAlone(alone)
	c.isRefused(third, alone, "the folder and the stream of the cluster differ")

	t.Log("it is of another log")
	c.useAlone(stranger)
	third.moveTo(stranger)
	c.start("c")
	c.awaitProblem(third, "has another log is refused")
	c.awaitMissing(c.nodes["a"], "has another log is refused")
	c.write(5)
	c.end("c")

	third.moveTo(current)
	c.start("c")
	c.awaitReady("c")
	c.write(5)
	c.sameLogs()
	c.endAll()
	c.verify()
}

// write submits tasks at a node that runs, which must be acknowledged.
func (c *cluster) write(n int) {
	c.t.Helper()
	for range n {
		a, err := c.nodes["a"].call(c.t.Context(), http.MethodPost, "/api/tasks/submit", map[string]any{"task_type": "SLEEP", "parameters": map[string]any{"seconds": 0}}, patience)
		if err != nil || a.status != http.StatusOK {
			c.t.Fatalf("submit: %v, %s", err, bodyOf(a))
		}
	}
}

// catchesUp starts a node on a folder, wants it to follow, and stops it.
func (c *cluster) catchesUp(n *node, dir string) {
	c.t.Helper()
	n.moveTo(dir)
	c.start(n.name)
	c.awaitReady(n.name)
	c.write(5)
	c.sameLogs()
	c.end(n.name)
}

// isRefused starts a node on a folder, and wants it to end and to say why, while the others go on.
func (c *cluster) isRefused(n *node, dir, why string) {
	c.t.Helper()
	n.moveTo(dir)
	if err := n.start(); err != nil {
		c.t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { n.signal(syscall.SIGQUIT) })
	code := n.await()
	late.Stop()
	if said := n.lastLines(8); code != 1 || !strings.Contains(said, why) {
		c.t.Errorf("it ended with exit code %d, and did not say %q:\n%s", code, why, said)
	}
	c.write(5)
}

// useAlone has a server that is no node write to a folder.
func (c *cluster) useAlone(dir string) {
	c.t.Helper()
	n := &node{name: "alone", addr: freeaddr.Find(c.t), data: dir, program: program, output: filepath.Join(c.dir, "alone.out")}
	n.args = []string{"serve", "--addr", n.addr, "--data", dir}
	c.nodes["alone"] = n
	defer delete(c.nodes, "alone")
	defer n.kill()
	c.start("alone")
	c.awaitReady("alone")
	if a, err := n.call(c.t.Context(), http.MethodPost, "/api/tasks/submit", map[string]any{"task_type": "SLEEP", "parameters": map[string]any{"seconds": 0}}, patience); err != nil || a.status != http.StatusOK {
		c.t.Fatalf("submit: %v, %s", err, bodyOf(a))
	}
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// awaitProblem waits until a node says of itself that it does not follow, and why.
func (c *cluster) awaitProblem(n *node, want ...string) {
	c.t.Helper()
	c.await(n, fmt.Sprint(want), func(s *clusterState) bool {
		for _, one := range s.Nodes {
			if one.Name == n.name {
				return !slices.ContainsFunc(want, func(text string) bool { return !strings.Contains(one.Problem, text) })
			}
		}
		return false
	})
}

// awaitMissing waits until a node says that something is missing.
func (c *cluster) awaitMissing(n *node, want string) {
	c.t.Helper()
	c.await(n, want, func(s *clusterState) bool {
		return slices.ContainsFunc(s.Missing, func(text string) bool { return strings.Contains(text, want) })
	})
}

// await waits until GET /api/cluster of a node says what is wanted.
func (c *cluster) await(n *node, want string, says func(*clusterState) bool) {
	c.t.Helper()
	var s clusterState
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if s, err = n.state(); err == nil && says(&s) {
			return
		}
	}
	c.t.Fatalf("node %s does not say %q: %+v, %v", n.name, want, s, err)
}

// Two clusters have the same name and the same secret, and a node of one is started with the address of a node of the other. Both go on,
// each with its own log, and say what is wrong.
func TestTwoClustersOfOneNameStayTwo(t *testing.T) {
	t.Parallel()
	one, other := startCluster(t), newClusterOf(t, "2").startAll()
	one.write(3)
	other.write(4)
	lost := other.nodes["b"]
	other.end("b")
	place := slices.Index(lost.args, "--cluster") + 1
	right := lost.args[place]
	lost.args[place] = strings.Replace(right, other.net.addr("b", "c"), one.net.own["c"], 1)
	if lost.args[place] == right {
		t.Fatalf("node b has no address of node c in %s", right)
	}
	other.start("b")
	one.awaitMissing(one.nodes["c"], "has another log is refused")
	other.awaitReady("b") // it reaches node a
	one.write(3)
	other.write(3)
	other.end("b")
	lost.args[place] = right
	other.start("b")
	other.awaitReady("b")
	for _, c := range []*cluster{one, other} {
		c.sameLogs()
		c.endAll()
		c.verify()
	}
}
