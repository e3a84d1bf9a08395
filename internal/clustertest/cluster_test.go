//go:build linux

package clustertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"daybook/internal/freeaddr"
)

const patience = 3 * time.Minute // for what must come in the end

const secret = "DAYBOOK_CLUSTER_SECRET=a secret of this test alone"

var names = []string{"a", "b", "c"}

// cluster is three nodes, each a process.
type cluster struct {
	t      *testing.T
	dir    string
	suffix string // of the names that the nodes have for each other
	net    *network
	nodes  map[string]*node
}

// node is one server of a cluster.
type node struct {
	name    string
	addr    string // where clients reach it
	data    string // its folder
	program string
	args    []string
	output  string // file with what it says
	env     []string

	mu      sync.Mutex
	process *exec.Cmd     // guarded by mu; nil = it does not run
	done    chan struct{} // guarded by mu; closed when the process has ended
	stopped bool          // guarded by mu; by SIGSTOP
}

// startCluster starts three nodes and waits until they are ready. more are flags of all of them.
func startCluster(t *testing.T, more ...string) *cluster {
	t.Helper()
	return newCluster(t, more...).startAll()
}

// startAll starts all nodes and waits until they are ready.
func (c *cluster) startAll() *cluster {
	c.t.Helper()
	for _, name := range names {
		c.start(name)
	}
	for _, name := range names {
		c.awaitReady(name)
	}
	return c
}

// newCluster makes three nodes that do not run.
func newCluster(t *testing.T, more ...string) *cluster {
	t.Helper()
	return newClusterOf(t, "", more...)
}

// newClusterOf makes three nodes whose names end with the suffix.
func newClusterOf(t *testing.T, suffix string, more ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir(), suffix: suffix, nodes: map[string]*node{}}
	own := map[string]string{}
	for _, name := range names {
		own[name] = freeaddr.Find(t)
	}
	c.net = newNetwork(t, own)
	for _, name := range names {
		var list []string
		for _, other := range names {
			addr := own[other]
			if other != name {
				addr = c.net.addr(name, other)
			}
			list = append(list, other+suffix+"="+addr)
		}
		n := &node{name: name, addr: freeaddr.Find(t), data: filepath.Join(c.dir, name), program: program, output: filepath.Join(c.dir, name+".out")}
		n.args = append([]string{"serve", "--addr", n.addr, "--data", n.data, "--node", name + suffix, "--cluster", strings.Join(list, ","),
			"--concurrency", "4", "--grace", "1s"}, more...)
		c.nodes[name] = n
	}
	t.Cleanup(func() {
		for _, n := range c.nodes {
			n.kill()
			if t.Failed() {
				t.Logf("the last lines of node %s:\n%s", n.name, n.lastLines(25))
			}
		}
	})
	return c
}

// start starts a node that does not run.
func (c *cluster) start(name string) {
	c.t.Helper()
	if err := c.nodes[name].start(); err != nil {
		c.t.Fatal(err)
	}
}

func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil {
		return nil
	}
	output, err := os.OpenFile(n.output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer output.Close()
	p := exec.Command(n.program, n.args...)
	p.Env = append(append(os.Environ(), secret), n.env...)
	p.Stdout, p.Stderr = output, output
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.Wait() // how it ended is seen by who ended it
	}()
	n.process, n.done = p, done
	return nil
}

// runs reports whether the process runs and is not stopped.
func (n *node) runs() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil || n.stopped {
		return false
	}
	select {
	case <-n.done:
		return false
	default:
		return true
	}
}

// signal sends a signal; SIGSTOP and SIGCONT are noted.
func (n *node) signal(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		return
	}
	switch s {
	case syscall.SIGSTOP:
		n.stopped = true
	case syscall.SIGCONT:
		n.stopped = false
	}
	_ = n.process.Process.Signal(s) // it may have ended
}

// kill ends the process at once.
func (n *node) kill() {
	n.signal(syscall.SIGKILL)
	n.await()
}

// await waits for the end of the process and returns its exit code; -1 = by a signal, or it did not run.
func (n *node) await() int {
	n.mu.Lock()
	p, done := n.process, n.done
	n.mu.Unlock()
	if p == nil {
		return -1
	}
	<-done
	n.mu.Lock()
	defer n.mu.Unlock()
	n.process, n.stopped = nil, false
	return p.ProcessState.ExitCode()
}

// end ends the process as an operator does, and wants it to end well.
func (c *cluster) end(name string) {
	c.t.Helper()
	n := c.nodes[name]
	n.signal(syscall.SIGTERM)
	late := time.AfterFunc(patience, func() { n.signal(syscall.SIGQUIT) })
	defer late.Stop()
	if code := n.await(); code != 0 {
		c.t.Errorf("node %s ended with exit code %d:\n%s", name, code, n.lastLines(15))
	}
}

// endAll ends all nodes at the same time.
func (c *cluster) endAll() {
	c.t.Helper()
	var ending sync.WaitGroup
	for _, name := range names {
		ending.Go(func() { c.end(name) })
	}
	ending.Wait()
}

func (n *node) lastLines(most int) string {
	text, _ := os.ReadFile(n.output)
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-most):], []byte("\n")))
}

// awaitReady waits until a node says that it is ready. A process that has ended is an error.
func (c *cluster) awaitReady(name string) {
	c.t.Helper()
	n := c.nodes[name]
	var last string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if !n.runs() {
			c.t.Fatalf("node %s has ended:\n%s", name, n.lastLines(15))
		}
		answer, err := get(n, "/readyz", time.Second)
		if err == nil && answer.status == http.StatusOK {
			return
		}
		last = fmt.Sprintf("%v, %s", err, bodyOf(answer))
	}
	for _, one := range c.nodes {
		answer, err := get(one, "/api/cluster", time.Second)
		c.t.Logf("node %s sees: %v, %s", one.name, err, bodyOf(answer))
	}
	n.signal(syscall.SIGQUIT)
	n.await()
	c.t.Fatalf("node %s is not ready: %s\n%s", name, last, n.keepOutput())
}

// keepOutput keeps what the node has said, with the stacks of its goroutines if it was told to leave them, and says where.
func (n *node) keepOutput() string {
	text, err := os.ReadFile(n.output)
	if err != nil {
		return err.Error()
	}
	f, err := createKept("node-" + n.name + ".out")
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return err.Error()
	}
	return "its output is kept in " + f.Name()
}

// clusterState is what GET /api/cluster says.
type clusterState struct {
	Leading bool
	Leader  *struct {
		Node string
		Term int64
	}
	Nodes []struct {
		Name, State, Problem string
		Seq                  int64
		Skew                 float64 `json:"clock_skew_seconds"`
	}
	Missing []string
}

func (n *node) state() (s clusterState, err error) {
	answer, err := get(n, "/api/cluster", 2*time.Second)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(answer.body, &s)
}

// leader is the node that leads, as those that run say; "" = none.
func (c *cluster) leader() string {
	for _, n := range c.nodes {
		if !n.runs() {
			continue
		}
		if s, err := n.state(); err == nil && s.Leading && s.Leader != nil {
			if name := strings.TrimSuffix(s.Leader.Node, c.suffix); c.nodes[name].runs() {
				return name
			}
		}
	}
	return ""
}

// awaitLeader waits until another node than not leads.
func (c *cluster) awaitLeader(not string) string {
	c.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if l := c.leader(); l != "" && l != not {
			return l
		}
	}
	c.t.Fatalf("no node but %q leads", not)
	return ""
}

// recover ends all faults: links are healed, nodes run.
func (c *cluster) recover() {
	c.t.Helper()
	c.net.healAll()
	for _, name := range names {
		n := c.nodes[name]
		n.signal(syscall.SIGCONT)
		if !n.runs() {
			n.await()
			c.start(name)
		}
	}
	for _, name := range names {
		c.awaitReady(name)
	}
}

// verify wants `daybook verify` to find the folders of all nodes, which do not run, whole, and with the same head.
func (c *cluster) verify() {
	c.t.Helper()
	heads := map[string]string{}
	for _, name := range names {
		out, err := exec.Command(c.nodes[name].program, "verify", "--json", "--data", c.nodes[name].data).CombinedOutput()
		if err != nil {
			c.t.Errorf("verify node %s: %v\n%s", name, err, out)
		}
		heads[name] = string(out)
	}
	c.t.Logf("verified: %s", heads["a"])
}
