//go:build linux

package clustertest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// fault is one thing that happens to a node for a while.
type fault struct {
	name  string
	begin func(c *cluster, n *node)
	end   func(c *cluster, n *node) // nil = recover does it
	stops bool                      // the node leads no more
}

var faults = []fault{
	{"killed", func(_ *cluster, n *node) { n.kill() }, func(c *cluster, n *node) { c.start(n.name) }, true},
	{"paused", func(_ *cluster, n *node) { n.signal(syscall.SIGSTOP) }, func(_ *cluster, n *node) { n.signal(syscall.SIGCONT) }, false},
	{"isolated", func(c *cluster, n *node) { c.net.isolate(n.name) }, healed, false},
	{"deaf", func(c *cluster, n *node) {
		c.net.hold(others(n.name)[0], n.name)
		c.net.hold(others(n.name)[1], n.name)
	}, healed, false},
	{"dumb", func(c *cluster, n *node) {
		c.net.hold(n.name, others(n.name)[0])
		c.net.hold(n.name, others(n.name)[1])
	}, healed, false},
	{"severed", func(c *cluster, n *node) { c.net.sever(n.name) }, healed, false},
	{"half severed", func(c *cluster, n *node) {
		c.net.hold(n.name, others(n.name)[0])
		c.net.hold(others(n.name)[0], n.name)
	}, healed, false},
	{"flapping", func(c *cluster, n *node) { c.net.flap(n.name) }, healed, false},
	{"slow", func(c *cluster, n *node) { c.net.slow(n.name, 40*time.Millisecond) }, healed, false},
	{"restarted", func(c *cluster, n *node) { c.end(n.name) }, func(c *cluster, n *node) { c.start(n.name) }, true},
	{"full", func(c *cluster, n *node) { n.fillDisk(c.t) }, func(c *cluster, n *node) { n.freeDisk(c.t) }, false},
}

func healed(c *cluster, _ *node) { c.net.healAll() }

func others(name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(one string) bool { return one == name })
}

// chaosSeed is that of a run to be repeated; the moments are not the same again.
func chaosSeed() uint64 {
	if seed, err := strconv.ParseUint(os.Getenv("DAYBOOK_CHAOS_SEED"), 10, 64); err == nil {
		return seed
	}
	return uint64(time.Now().UnixNano())
}

// Nodes fail, one after the other and in every way, while clients and workers use all of them. Nothing that was acknowledged is lost, nothing
// happened that was said not to have happened, every task ends, once, and all nodes have the same log.
func TestNothingAcknowledgedIsLostByACluster(t *testing.T) {
	t.Parallel()
	seed := chaosSeed()
	t.Logf("seed %d, %d rounds", seed, *rounds)
	random := rand.New(rand.NewPCG(seed, 0))
	c := newCluster(t)
	small := names[random.IntN(len(names))] // the node whose disk gets full
	canFill := c.nodes[small].smallDisk(t)
	for _, name := range names {
		c.start(name)
	}
	for _, name := range names {
		c.awaitReady(name)
	}
	c.awaitLeader("")
	load := startLoad(t, c, seed, 8, 3)
	var failovers []time.Duration
	began := time.Now()
	for i := range *rounds {
		f, n := faults[i%len(faults)], c.nodes[names[random.IntN(len(names))]]
		leader := c.leader()
		if leader != "" && random.IntN(2) == 0 {
			n = c.nodes[leader]
		}
		if f.name == "full" {
			if !canFill {
				continue
			}
			n = c.nodes[small]
			c.awaitReady(small) // a node does not start without any room
		}
		again := load.oracle.writesAgain()
		f.begin(c, n)
		time.Sleep(howLong(random)) // of a fault: that is the point of the test
		if f.end != nil {
			f.end(c, n)
		}
		c.mustRun()
		most := 1500 * time.Millisecond // the next fault may come before the cluster has got over this one
		measured := *long && n.name == leader && f.stops
		if measured {
			most = patience
		}
		select {
		case took := <-again:
			if measured {
				failovers = append(failovers, took)
			}
		case <-time.After(most):
			if measured {
				t.Fatalf("round %d: no write is acknowledged after the leader %s was %s", i, leader, f.name)
			}
		}
	}
	t.Logf("the faults took %s", time.Since(began).Round(time.Second))
	began = time.Now()
	c.settle(load)
	t.Logf("the end of all tasks took %s", time.Since(began).Round(time.Second))
	c.compare(load)
	c.endAll()
	c.verify()
	slices.Sort(failovers)
	if n := len(failovers); n > 0 {
		t.Logf("%d times the leader was killed or stopped; writes again after p50 %s, p99 %s, at most %s", n, failovers[n/2].Round(time.Millisecond),
			failovers[min(n-1, n*99/100)].Round(time.Millisecond), failovers[n-1].Round(time.Millisecond))
	}
}

// howLong is the time of a fault: in the long tier sometimes long enough for another leader.
func howLong(random *rand.Rand) time.Duration {
	most := time.Second
	if *long {
		most = []time.Duration{time.Second, 4 * time.Second, 15 * time.Second}[random.IntN(3)]
	}
	return 200*time.Millisecond + time.Duration(random.Int64N(int64(most)))
}

// mustRun wants all nodes to run: none may end by itself.
func (c *cluster) mustRun() {
	c.t.Helper()
	for _, name := range names {
		if n := c.nodes[name]; !n.runs() {
			c.t.Fatalf("node %s has ended by itself with exit code %d:\n%s", name, n.await(), n.lastLines(15))
		}
	}
}

// settle ends the faults and the load, and waits until every task has ended and all nodes show that.
func (c *cluster) settle(l *load) {
	c.t.Helper()
	c.recover()
	l.stop()
	l.all.Wait()
	ending := &worker{load: l, random: rand.New(rand.NewPCG(0, 0)), name: "last"} // the workers of the load may have left tasks
	var open string
	for deadline := time.Now().Add(2 * patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		open = ""
		for _, name := range names {
			a, err := get(c.nodes[name], "/api/tasks?status=PENDING&status=RUNNING&limit=3", patience)
			if err != nil || a.header.Get("X-Total-Count") != "0" {
				open = fmt.Sprintf("node %s: %v, %s", name, err, bodyOf(a))
				break
			}
		}
		if open == "" {
			return
		}
		ending.once(c.t.Context())
	}
	c.t.Errorf("some tasks do not end: %s", open)
}

func isGiven(value json.RawMessage) bool { return len(value) > 0 && string(value) != "null" }

func bodyOf(a *answer) string {
	if a == nil {
		return ""
	}
	return string(a.body)
}

// compare compares the log with what the clients of the load were told, and returns it.
func (c *cluster) compare(l *load) *wholeLog {
	c.t.Helper()
	log := c.sameLogs()
	l.oracle.compare(c.t, log)
	for id, r := range log.tasks { // what is erased is nowhere
		if r.count("task.erased") == 0 {
			continue
		}
		for _, name := range names {
			a, err := get(c.nodes[name], "/api/tasks/"+id, patience)
			var task struct {
				Erased     bool
				Parameters json.RawMessage
				Result     json.RawMessage `json:"result_data"`
				Error      *string         `json:"error_message"`
			}
			if err != nil || a.status != http.StatusOK || a.into(&task) != nil || !task.Erased || isGiven(task.Parameters) || isGiven(task.Result) || task.Error != nil {
				c.t.Errorf("task %s was erased, and node %s shows it: %v, %s", id, name, err, bodyOf(a))
			}
		}
	}
	for id := range l.oracle.results { // what is kept is what was acknowledged
		if r := log.tasks[id]; r != nil && r.count("task.erased") > 0 {
			continue
		}
		a, err := get(c.nodes[names[len(id)%len(names)]], "/api/tasks/"+id, patience)
		if err != nil || a.status != http.StatusOK {
			c.t.Errorf("task %s: %v, %s", id, err, bodyOf(a))
			continue
		}
		var task struct {
			Result json.RawMessage `json:"result_data"`
		}
		var result string
		if err := a.into(&task); err != nil || json.Unmarshal(task.Result, &result) != nil || !l.oracle.results[id][result] {
			c.t.Errorf("task %s: result %s, acknowledged were %v", id, task.Result, l.oracle.results[id])
		}
	}
	return log
}
