package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/eventlog/sqlitelog"
	"daybook/internal/freeaddr"

	"github.com/nats-io/nats.go/jetstream"
)

// patience is how long a test waits for what must come. Machines that test are busy.
const patience = 2 * time.Minute

// startNode starts a node without views and without a leader: its log, and its beats.
func startNode(t *testing.T, dir, name string, members []Member) *Node {
	t.Helper()
	n, err := Open(Options{Node: name, Members: members, Secret: "a secret of this test", Data: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n.log != nil {
			if err := n.log.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// until asks for a change until it is done.
func until(t *testing.T, ask func() (Change, error), between func(Change)) Change {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		change, err := ask()
		if err == nil && change.Done {
			return change
		}
		if errors.Is(err, ErrRefused) || time.Now().After(deadline) {
			t.Fatal(change, err)
		}
		between(change)
		time.Sleep(20 * time.Millisecond) // of the servers
	}
}

// Three nodes become five, and lose two: one that was stopped before, and one that is stopped when the log has left it.
func TestNodesComeAndGo(t *testing.T) {
	var members []Member
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		members = append(members, Member{name, freeaddr.Find(t)})
	}
	nodes := map[string]*Node{}
	begin := func(list []Member, names ...string) {
		ended := make(chan error)
		for _, name := range names {
			nodes[name] = startNode(t, t.TempDir(), name, list)
			nodes[name].lookEvery = time.Hour // each looks when it is told to
			go func() {
				_, err := nodes[name].Log(t.Context(), sqlitelog.Options{Logger: slog.New(slog.DiscardHandler)})
				ended <- err
			}()
		}
		for range names {
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		}
	}
	begin(members[:3], "a", "b", "c")
	a := nodes["a"]
	heard := func(name string) {
		for {
			if b, ok := a.beats.of(name); ok && b.Problem == "" {
				return
			}
			time.Sleep(10 * time.Millisecond) // it tells so twice a second
		}
	}
	heard("b")
	heard("c")
	b := bucket{n: a}
	for _, err := b.open(t.Context()); err != nil; _, err = b.open(t.Context()) {
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	refuses := func(ask func(context.Context, string) (Change, error), name, want string) {
		t.Helper()
		if _, err := ask(t.Context(), name); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	refuses(a.Add, "d", "node d is not heard of: start it with --node d")
	refuses(a.Remove, "a", "node a leads: stop it")
	refuses(a.Remove, "c", "without node c only 2 nodes run")
	refuses(a.Remove, "x", "there is no node x")

	begin(members, "d")
	heard("d")
	if change := until(t, func() (Change, error) { return a.Add(t.Context(), "d") }, func(Change) {}); !strings.Contains(change.Next, "its copy does not count") {
		t.Error(change.Next)
	}
	begin(members, "e")
	heard("e")
	change := until(t, func() (Change, error) { return a.Add(t.Context(), "e") }, func(Change) {})
	if !strings.Contains(change.Next, "5 nodes keep the log, of which 2 may fail") {
		t.Error(change.Next)
	}
	wantCopies(t, a, 5, "abcde", 2)

	// What is made later gets as many copies, although the list of this node has three; what has fewer is told of, and gets them.
	if lines, err := a.Lines().open(t.Context()); err != nil || lines.CachedInfo().Config.Replicas != 5 {
		t.Errorf("the lines of task logs: %+v, %v", lines, err)
	}
	if _, err := a.stream.CreateStream(t.Context(), jetstream.StreamConfig{Name: "later", Replicas: 3}); err != nil {
		t.Fatal(err)
	}
	if said := fmt.Sprint(missingAt(t, a)); !strings.Contains(said, "Stream later has 3 copies, and the log has 5. Give it as many: daybook cluster add a") {
		t.Error(said)
	}
	until(t, func() (Change, error) { return a.Add(t.Context(), "a") }, func(Change) {})
	wantCopies(t, a, 5, "abcde", 4)
	if said := fmt.Sprint(missingAt(t, a)); strings.Contains(said, "later") {
		t.Error(said)
	}

	a.beats.mu.Lock()
	other := a.beats.by["d"]
	other.Log = "another"
	a.beats.by["d"] = other
	a.beats.mu.Unlock()
	refuses(a.Add, "d", "node d has another log")

	stop := func(name string) {
		if err := nodes[name].log.Close(); err != nil {
			t.Error(err)
		}
		if err := nodes[name].Close(); err != nil {
			t.Error(err)
		}
		nodes[name].log = nil
		for a.runs(name) {
			time.Sleep(10 * time.Millisecond)
		}
	}
	stop("c")
	until(t, func() (Change, error) { return a.Remove(t.Context(), "c") }, func(Change) {})
	knows := func(name, other string, want bool) {
		t.Helper()
		for deadline := time.Now().Add(patience); isMember(nodes[name], other) != want; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("node %s: that it knows node %s is %t: %v", name, other, !want, nodes[name].members())
			}
		}
	}
	for _, name := range []string{"a", "b", "d"} { // the list of each has it
		knows(name, "c", false)
	}
	if infos, err := a.streamInfos(t.Context()); err != nil || infos[0].Config.Replicas != 3 {
		t.Errorf("four nodes are left: %+v, %v", infos[0].Config, err)
	}
	stopped := false
	until(t, func() (Change, error) { return a.Remove(t.Context(), "e") }, func(change Change) {
		if !stopped && strings.Contains(change.Next, "stop node e") {
			stopped = true
			stop("e")
		}
	})
	if !stopped {
		t.Error("a node that runs was removed")
	}
	wantCopies(t, a, 3, "abd", 4)
	begin(members, "c") // it comes again, and is one of them when it is added
	heard("c")
	knows("a", "c", true) // it runs
	if _, err := a.Add(t.Context(), "c"); err != nil {
		t.Error(err)
	}
	stop("c")
	knows("a", "c", true) // as it was added again
	refuses(a.Remove, "d", "without node d only 2 nodes run")
}

// isMember reports whether a node knows another one.
func isMember(n *Node, name string) bool {
	return slices.ContainsFunc(n.members(), func(m Member) bool { return m.Name == name })
}

// missingAt is what a node says that is missing of the streams.
func missingAt(t *testing.T, n *Node) []string {
	t.Helper()
	streams := n.streamsNow(t.Context())
	if streams == nil {
		t.Fatal("the streams cannot be reached")
	}
	return n.missing(&Status{Node: n.o.Node, Stream: &StreamState{}}, streams)
}

func wantCopies(t *testing.T, n *Node, copies int, on string, streams int) {
	t.Helper()
	infos, err := n.streamInfos(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(infos) != streams {
		t.Errorf("%d streams", len(infos))
	}
	for _, info := range infos {
		names := votersOf(info).names
		for _, name := range strings.Split(on, "") {
			if !strings.Contains(fmt.Sprint(names), name) || info.Config.Replicas != copies || len(names) != copies {
				t.Errorf("stream %s has %d copies on %v, want %s", info.Config.Name, info.Config.Replicas, names, on)
				break
			}
		}
	}
}
