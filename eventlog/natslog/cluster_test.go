package natslog_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/natslog"

	"github.com/nats-io/nats.go/jetstream"
)

// leaderOf is the index of the node whose server leads the stream of rounds.
func leaderOf(t *testing.T, js jetstream.JetStream, nodes []*node) int {
	t.Helper()
	s, err := js.Stream(t.Context(), natslog.StreamName("test"))
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range nodes {
		if cluster := s.CachedInfo().Cluster; cluster != nil && cluster.Leader == n.o.Name {
			return i
		}
	}
	t.Fatal("the stream has no leader")
	return -1
}

// writeThrough appends until it has n acknowledgements, and notes those. What is not acknowledged may or may not be there.
func writeThrough(t *testing.T, log *natslog.Log, prefix string, n int, acknowledged map[int64]string, between func(i int)) {
	t.Helper()
	for try, done := 0, 0; done < n; try++ {
		name := fmt.Sprint(prefix, "-", try)
		r := log.Append(t.Context(), []eventlog.Entry{entry(name, "body of "+name)})[0]
		switch {
		case r.Err == nil:
			acknowledged[r.First] = name
			done++
			between(done)
		case !errors.Is(r.Err, eventlog.ErrUnavailable) && !errors.Is(r.Err, eventlog.ErrUnknown):
			t.Fatal(r.Err)
		}
	}
}

func wantAcknowledged(t *testing.T, log *natslog.Log, acknowledged map[int64]string) {
	t.Helper()
	there := map[int64]string{}
	for _, e := range content(t, log) {
		there[e.Seq] = strings.TrimPrefix(e.Stream, "task:")
	}
	for seq, name := range acknowledged {
		if there[seq] != name {
			t.Errorf("event %d is %q, %q was acknowledged", seq, there[seq], name)
		}
	}
}

// The server that leads the stream is stopped while the other two nodes write, and comes back; then a majority is stopped.
func TestThreeServersLoseOneAndThenTwo(t *testing.T) {
	nodes := three(t)
	o := settings(nodes[0].js, 3)
	first := openWith(t, t.TempDir(), o)
	leader := leaderOf(t, nodes[0].js, nodes)
	a, b := nodes[(leader+1)%3], nodes[(leader+2)%3]
	logA, logB := openWith(t, t.TempDir(), settings(a.js, 3)), openWith(t, t.TempDir(), settings(b.js, 3))
	acknowledged := map[int64]string{}
	appendAll(t, first, "first")
	writeThrough(t, logA, "a", 30, acknowledged, func(i int) {
		if i == 10 {
			nodes[leader].Stop()
		}
	})
	writeThrough(t, logB, "b", 30, acknowledged, func(i int) {
		if i == 10 {
			nodes[leader].start(t)
		}
	})
	wantSame(t, logA, logB)
	wantAcknowledged(t, logB, acknowledged)

	nodes[leader].Stop()
	b.Stop()
	before := logA.Head().Seq
	logA.SetPatience(500 * time.Millisecond)
	for range 2 {
		r := logA.Append(t.Context(), []eventlog.Entry{entry("minority", "body")})[0]
		if !errors.Is(r.Err, eventlog.ErrUnavailable) && !errors.Is(r.Err, eventlog.ErrUnknown) {
			t.Fatalf("a minority answered %v", r.Err)
		}
	}
	if logA.Head().Seq != before || len(content(t, logA)) != int(before) {
		t.Error("a minority cannot be read")
	}
	logA.SetPatience(patience)
	b.start(t)
	writeThrough(t, logA, "back", 5, acknowledged, func(int) {})
	wantAcknowledged(t, logA, acknowledged)
	nodes[leader].start(t)
	fresh := openWith(t, t.TempDir(), settings(connect(t, nodes[leader].Server), 3))
	wantSame(t, logA, fresh)
	wantAcknowledged(t, fresh, acknowledged)
}

func TestThreeReplicasAreNotMadeOfLess(t *testing.T) {
	_, js := lone(t)
	if _, err := natslog.Open(t.Context(), replicaIn(t.TempDir()), settings(js, 3)); !errors.Is(err, natslog.ErrStream) || !strings.Contains(err.Error(), "--replicas 1") {
		t.Errorf("a lone server: %v", err)
	}
	open(t, js, t.TempDir())
	if _, err := natslog.Open(t.Context(), replicaIn(t.TempDir()), settings(js, 3)); !errors.Is(err, natslog.ErrStream) || !strings.Contains(err.Error(), "1 replicas, not 3") {
		t.Errorf("a stream with one replica: %v", err)
	}
}
