//go:build linux

package clustertest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The node that leads stands still in the middle of its work until another one leads, and wakes with requests that have waited for
// it. Whatever it answers then was decided by the new leader, or did not happen.
func TestALeaderThatWakesDecidesNothing(t *testing.T) {
	t.Parallel()
	seed := chaosSeed()
	t.Logf("seed %d, %d trials", seed, *trials)
	random := rand.New(rand.NewPCG(seed, 0))
	c := startCluster(t)
	c.awaitLeader("")
	load := startLoad(t, c, seed, 3, 2)
	terms := int64(0)
	for i := range *trials {
		old := c.nodes[c.awaitAgreed()]
		var asking sync.WaitGroup
		ask := func(what string, n int) { // n tasks of the node, and a lease
			for k := range n {
				one := &client{load: load, random: rand.New(rand.NewPCG(seed, uint64(1000*i+k))), name: fmt.Sprintf("%s%d-%d", what, i, k)}
				asking.Go(func() { one.submitAt(old, one.name) })
			}
			w := &worker{load: load, random: rand.New(rand.NewPCG(seed, uint64(i))), name: fmt.Sprintf("%s%d", what, i)}
			asking.Go(func() { w.onceAt(t.Context(), old) })
		}
		ask("before", 20)
		time.Sleep(time.Duration(random.Int64N(int64(20 * time.Millisecond)))) // a moment in which it decides
		old.signal(syscall.SIGSTOP)
		c.awaitLeader(old.name)
		ask("asleep", 10)
		again := load.oracle.writesAgain()
		select {
		case <-again: // the new leader has decided something
		case <-time.After(patience):
			t.Fatalf("trial %d: nothing is acknowledged while %s stands still", i, old.name)
		}
		if *long && i%10 == 9 {
			time.Sleep(time.Minute)
		}
		old.signal(syscall.SIGCONT)
		ask("awake", 10)
		asking.Wait()
		terms++
	}
	c.settle(load)
	log := c.compare(load)
	if log.terms <= terms {
		t.Errorf("the log has %d terms after %d leaders were paused", log.terms, terms)
	}
}

// awaitAgreed waits until all nodes follow the same leader.
func (c *cluster) awaitAgreed() string {
	c.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		seen := map[string]int{}
		for _, n := range c.nodes {
			if s, err := n.state(); err == nil && s.Leading && s.Leader != nil {
				seen[fmt.Sprint(s.Leader.Node, " ", s.Leader.Term)]++
			}
		}
		for leader, n := range seen {
			if n == len(c.nodes) {
				name, _, _ := strings.Cut(leader, " ")
				return name
			}
		}
	}
	c.t.Fatal("the nodes do not agree who leads")
	return ""
}

// submitAt submits a task once, at a node.
func (l *client) submitAt(n *node, key string) {
	l.oracle.tried(key)
	began := time.Now()
	a, err := n.call(l.c.t.Context(), http.MethodPost, "/api/tasks/submit", map[string]any{"task_type": "WORK", "idempotency_key": key}, 2*requestTime)
	switch l.oracle.counts(a.outcome(err), began) {
	case done:
		l.accepted(key, a)
	case refused:
		l.oracle.never(key)
	}
}
