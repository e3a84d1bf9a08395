//go:build linux

package clustertest

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Half of an upgrade: the node that leads is of a newer version, and writes what the others do not know. They stop following and
// say so, answer reads, and pass writes on. When they are upgraded too, all have the same log.
func TestNodesOfAnOldVersionSayThatTheyMustBeUpgraded(t *testing.T) {
	if !*long {
		t.Log("it runs with -long: the command is compiled anew")
		return
	}
	t.Parallel()
	for name, c := range map[string]struct {
		path  string
		edits []string
		want  string
	}{
		"another event": {"../../task/upcast.go", []string{"EventStarted: {{1, addition}},", "EventStarted: {{1, addition}, {0, addition}},",
			"{EventSubmitted: 5}", "{EventSubmitted: 5, EventStarted: 3}"},
			"(task.started in schema version 3), which this one does not know: upgrade this node"},
		"another message": {"../../eventlog/natslog/message.go", []string{"messageFormat = 2", "messageFormat = 4", "newestFormat  = 3", "newestFormat  = 4"},
			"it has format 4, this version reads up to 3: upgrade this node"},
	} {
		t.Run(name, func(t *testing.T) { upgradeHalf(t, buildEdited(t, c.path, c.edits...), c.want) })
	}
}

func upgradeHalf(t *testing.T, newer, want string) {
	c := startCluster(t)
	c.awaitLeader("")
	c.end("a")
	c.nodes["a"].program = newer
	c.start("a")
	c.awaitReady("a")
	c.makeLead("a")
	c.write(1) // it writes what the others do not know
	for _, name := range []string{"b", "c"} {
		c.awaitHalted(c.nodes[name], want)
	}
	for _, name := range []string{"b", "c"} {
		n := c.nodes[name]
		var task struct{ ID, Status string }
		a, err := n.call(t.Context(), http.MethodPost, "/api/tasks/submit", map[string]any{"task_type": "SLEEP", "parameters": map[string]any{"seconds": 0}}, patience)
		if err != nil || a.status != http.StatusOK || a.into(&task) != nil {
			t.Fatalf("node %s does not pass a write on: %v, %s", name, err, bodyOf(a))
		}
		for deadline := time.Now().Add(patience); task.Status != "SUCCESS"; time.Sleep(20 * time.Millisecond) {
			if a, err = get(c.nodes["a"], "/api/tasks/"+task.ID, patience); err != nil || a.into(&task) != nil || time.Now().After(deadline) {
				t.Fatalf("the task that was submitted at node %s is not run: %v, %s", name, err, bodyOf(a))
			}
		}
		if a, err := get(n, "/api/tasks", patience); err != nil || a.status != http.StatusOK {
			t.Errorf("node %s does not answer reads: %v, %s", name, err, bodyOf(a))
		}
	}
	for _, name := range []string{"b", "c"} {
		c.end(name)
		c.nodes[name].program = newer
		c.start(name)
		c.awaitReady(name)
	}
	c.write(5)
	c.sameLogs()
	c.endAll()
	c.verify()
}

// makeLead stops the nodes that lead, one after the other, until that one does.
func (c *cluster) makeLead(name string) {
	c.t.Helper()
	for old := c.awaitLeader(""); old != name; old = c.awaitLeader(old) {
		c.end(old)
		c.awaitLeader(old)
		c.start(old)
	}
}

// awaitHalted waits until a node says why it does not follow.
func (c *cluster) awaitHalted(n *node, want string) {
	c.t.Helper()
	var last string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		a, err := get(n, "/readyz", patience)
		if last = bodyOf(a); err != nil || a.status != http.StatusServiceUnavailable || !strings.Contains(last, want) {
			continue
		}
		s, err := c.nodes["a"].state() // others say so too
		if err != nil {
			continue
		}
		for _, one := range s.Nodes {
			if one.Name == n.name && one.State == "halted" && strings.Contains(one.Problem, want) {
				return
			}
		}
	}
	c.t.Fatalf("node %s does not say %q: %s\n%s", n.name, want, last, n.lastLines(10))
}
