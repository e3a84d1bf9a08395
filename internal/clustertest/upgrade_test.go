//go:build linux

package clustertest

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// buildBefore builds the command of another commit.
func buildBefore(t *testing.T, commit string) string {
	t.Helper()
	dir := t.TempDir()
	tree, built := filepath.Join(dir, "tree"), filepath.Join(dir, "daybook")
	for _, args := range [][]string{
		{"mkdir", tree},
		{"git", "-C", "../..", "archive", "-o", tree + ".tar", commit},
		{"tar", "-x", "-C", tree, "-f", tree + ".tar"},
		{"go", "build", "-C", tree, "-o", built, "./cmd/daybook"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return built
}

// Three nodes of an older version are upgraded one after the other, under load, and back again and forth: old and new ones work side by side,
// and nothing is lost.
func TestARollingUpgradeLosesNothing(t *testing.T) {
	if *before == "" {
		t.Log("it runs with -before, which is a commit")
		return
	}
	t.Parallel()
	old := buildBefore(t, *before)
	c := newCluster(t)
	for _, name := range names {
		c.nodes[name].program = old
		c.start(name)
	}
	for _, name := range names {
		c.awaitReady(name)
	}
	c.awaitLeader("")
	seed := chaosSeed()
	t.Logf("seed %d, upgrade from %s", seed, *before)
	load := startLoad(t, c, seed, 6, 3)
	replace := func(name, by string) {
		again := load.oracle.writesAgain()
		c.end(name)
		c.nodes[name].program = by
		c.start(name)
		c.awaitReady(name)
		select {
		case <-again:
		case <-time.After(patience):
			t.Fatalf("no write is acknowledged after node %s was replaced", name)
		}
		time.Sleep(2 * time.Second) // of load on old and new nodes
	}
	replace("a", program)
	c.makeLead("a")
	time.Sleep(2 * time.Second) // of load: the new leader says nothing that older nodes do not know
	for _, name := range names {
		c.awaitReady(name)
	}
	replace("b", program)
	replace("a", old) // one step back
	replace("a", program)
	replace("c", program)
	c.settle(load)
	c.compare(load)
	c.endAll()
	c.verify()
}
