package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/natslog"
	"daybook/eventlog/sqlitelog"
	"daybook/internal/freeaddr"
	"daybook/internal/natsserver"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
)

var quiet = slog.New(slog.DiscardHandler)

// lone starts a server that holds one replica of each stream, and connects to it.
func lone(t testing.TB) (*natsserver.Server, jetstream.JetStream) {
	t.Helper()
	s, err := natsserver.Start(natsserver.Options{Name: "a", Dir: t.TempDir(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s, connect(t, s)
}

func connect(t testing.TB, s *natsserver.Server) jetstream.JetStream {
	t.Helper()
	c, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// node is a server of several.
type node struct {
	*natsserver.Server
	o  natsserver.Options
	js jetstream.JetStream
}

// start starts the server again.
func (n *node) start(t testing.TB) {
	t.Helper()
	var err error
	if n.Server, err = natsserver.Start(n.o); err != nil {
		t.Fatal(err)
	}
}

// three starts three servers that hold three replicas of each stream.
func three(t testing.TB) []*node {
	t.Helper()
	addresses := []string{freeaddr.Find(t), freeaddr.Find(t), freeaddr.Find(t)}
	nodes := make([]*node, 3)
	for i := range nodes {
		var peers []string
		for k, a := range addresses {
			if k != i {
				peers = append(peers, a)
			}
		}
		n := &node{o: natsserver.Options{
			Name: string(rune('a' + i)), Dir: t.TempDir(), Cluster: "test", Listen: addresses[i], Peers: peers, Secret: "secret", Logger: quiet,
		}}
		n.start(t)
		t.Cleanup(func() { n.Stop() })
		n.js = connect(t, n.Server)
		nodes[i] = n
	}
	return nodes
}

func settings(js jetstream.JetStream, replicas int) natslog.Options {
	return natslog.Options{JetStream: js, Cluster: "test", Replicas: replicas, Logger: quiet}
}

// open opens a replica in the folder and closes it when the test ends.
func open(t testing.TB, js jetstream.JetStream, dir string) *natslog.Log {
	t.Helper()
	return openWith(t, dir, settings(js, 1))
}

// patience is how long a test waits for what must come. Machines that test are busy.
const patience = 2 * time.Minute

// openWith waits for the servers to find each other.
func openWith(t testing.TB, dir string, o natslog.Options) *natslog.Log {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		log, err := natslog.Open(ctx, sqlitelog.Options{Dir: dir, Logger: quiet}, o)
		cancel()
		if err == nil {
			t.Cleanup(func() {
				if err := log.Close(); err != nil {
					t.Error(err)
				}
			})
			return log
		}
		if !errors.Is(err, eventlog.ErrUnavailable) || t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

var at = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// entry is one event with a name of its own, and a payload if that is not empty.
func entry(name, payload string) eventlog.Entry {
	e := &eventlog.Event{At: at, Stream: "task:" + name, Version: 1, Type: "task.submitted", V: 1, Actor: "test", Data: []byte(`{"name":"` + name + `"}`)}
	if payload != "" {
		e.Payload = []byte(`"` + payload + `"`)
	}
	return eventlog.Entry{Events: []*eventlog.Event{e}}
}

// appendAll appends entries with these names, with payloads that have their names.
func appendAll(t testing.TB, log *natslog.Log, names ...string) {
	t.Helper()
	var entries []eventlog.Entry
	for _, name := range names {
		entries = append(entries, entry(name, "body of "+name))
	}
	for i, r := range log.Append(t.Context(), entries) {
		if r.Err != nil {
			t.Fatalf("append %s: %v", names[i], r.Err)
		}
	}
}

func names(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(prefix, "-", i)
	}
	return list
}

// content is all events of a log.
func content(t testing.TB, log eventlog.Log) (events []*eventlog.Event) {
	t.Helper()
	err := log.Scan(t.Context(), 0, func(e *eventlog.Event) error {
		events = append(events, &eventlog.Event{
			Seq: e.Seq, At: e.At, Stream: strings.Clone(e.Stream), Version: e.Version, Type: strings.Clone(e.Type), V: e.V, Actor: strings.Clone(e.Actor),
			Data: []byte(string(e.Data)), HasPayload: e.HasPayload, PayloadHash: e.PayloadHash, Hash: e.Hash,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// catchUp reads what the stream has.
func catchUp(t testing.TB, log *natslog.Log) {
	t.Helper()
	if err := log.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// wantSame checks that both replicas have the same events and the same payloads.
func wantSame(t testing.TB, a, b *natslog.Log) {
	t.Helper()
	catchUp(t, a)
	catchUp(t, b)
	one, other := content(t, a), content(t, b) // their hashes cover all of them
	if !slices.EqualFunc(one, other, func(x, y *eventlog.Event) bool { return x.Seq == y.Seq && x.Hash == y.Hash }) {
		t.Fatalf("the replicas differ: %d events and %d", len(one), len(other))
	}
	for _, e := range one {
		if !e.HasPayload {
			continue
		}
		x, errX := a.Payload(t.Context(), e.Seq)
		y, errY := b.Payload(t.Context(), e.Seq)
		if string(x) != string(y) || errors.Is(errX, eventlog.ErrErased) != errors.Is(errY, eventlog.ErrErased) || errX != nil && !errors.Is(errX, eventlog.ErrErased) {
			t.Fatalf("payload of event %d: %.50q, %v here and %.50q, %v there", e.Seq, x, errX, y, errY)
		}
	}
}

// missing are the sequences of the messages that the stream has not any more.
func missing(t testing.TB, js jetstream.JetStream) map[uint64]bool {
	t.Helper()
	s, err := js.Stream(t.Context(), natslog.StreamName("test"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(t.Context(), jetstream.WithDeletedDetails(true))
	if err != nil {
		t.Fatal(err)
	}
	missing := map[uint64]bool{}
	for sequence := uint64(1); sequence < info.State.FirstSeq; sequence++ {
		missing[sequence] = true
	}
	for _, sequence := range info.State.Deleted {
		missing[sequence] = true
	}
	return missing
}

// wantReplacedDeleted checks that the messages that erasures have replaced, and no others, are deleted.
func wantReplacedDeleted(t testing.TB, js jetstream.JetStream, log *natslog.Log) {
	t.Helper()
	replaced, err := log.Replaced(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(replaced, missing(t, js)); diff != "" {
		t.Errorf("replaced messages (-) and those that are missing (+): %s", diff)
	}
}

// noise is text that cannot be compressed much.
func noise(n int) string {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[r.IntN(64)]
	}
	return string(b)
}

// openOnce opens a replica in the folder and closes it again.
func openOnce(t testing.TB, js jetstream.JetStream, dir string) error {
	t.Helper()
	return settled("", func() error { return tryOpen(t, js, dir) })
}

func tryOpen(t testing.TB, js jetstream.JetStream, dir string) error {
	o := settings(js, 1)
	o.Patience = 200 * time.Millisecond
	log, err := natslog.Open(t.Context(), sqlitelog.Options{Dir: dir, Logger: quiet}, o)
	if err != nil {
		return err
	}
	return log.Close()
}

// settled returns the error of try. That the servers are not available, which also a busy machine can cause, is only an answer if it is said
// with the words, if there are some.
func settled(words string, try func() error) error {
	for deadline := time.Now().Add(patience); ; {
		err := try()
		if !errors.Is(err, eventlog.ErrUnavailable) || words != "" && strings.Contains(err.Error(), words) || time.Now().After(deadline) {
			return err
		}
	}
}

func replicaIn(dir string) sqlitelog.Options { return sqlitelog.Options{Dir: dir, Logger: quiet} }
