package natslog_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/natslog"
	"daybook/eventlog/sqlitelog"

	"github.com/nats-io/nats.go/jetstream"
)

// follow follows until stop is called, which returns the error.
func follow(t *testing.T, log *natslog.Log) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- log.Follow(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}

// waitFor waits until the replica has event seq.
func waitFor(t *testing.T, log *natslog.Log, seq int64) {
	t.Helper()
	for {
		advanced := log.Advanced()
		if log.Head().Seq >= seq {
			return
		}
		select {
		case <-advanced:
		case <-time.After(patience):
			t.Fatalf("the replica ends with event %d, want %d", log.Head().Seq, seq)
		}
	}
}

func TestAFollowerReadsWhatAnotherWrites(t *testing.T) {
	s, js := lone(t)
	log := open(t, js, t.TempDir())
	dir := t.TempDir()
	follower := open(t, connect(t, s), dir)
	stop := follow(t, follower)
	const rounds = 60
	for i := range rounds {
		if i == rounds/3 { // it was away for a while
			if err := stop(); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if err := follower.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if i == rounds/2 {
			follower = open(t, connect(t, s), dir)
			stop = follow(t, follower)
		}
		appendAll(t, log, names("task", i%7+1)...)
		if i%10 == 0 {
			erase(t, log, log.Head().Seq)
		}
	}
	waitFor(t, follower, log.Head().Seq)
	appendAll(t, follower, "by the follower") // while it follows
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	wantSame(t, log, follower)
	wantSame(t, log, open(t, connect(t, s), t.TempDir()))
	if log.Position() != follower.Position() {
		t.Errorf("positions %d and %d", log.Position(), follower.Position())
	}
}

// The server through which a follower reads may die, and its client does not notice: here the consumer stops sending.
func TestAFollowerReadsOnWhenItsConsumerIsSilent(t *testing.T) {
	s, js := lone(t)
	log, follower := open(t, js, t.TempDir()), open(t, connect(t, s), t.TempDir())
	stop := follow(t, follower)
	appendAll(t, log, "a")
	waitFor(t, follower, 1)
	stream, err := js.Stream(t.Context(), natslog.StreamName("test"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range stream.ConsumerNames(t.Context()).Name() {
		if _, err := js.PauseConsumer(t.Context(), natslog.StreamName("test"), name, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	appendAll(t, log, "b")
	waitFor(t, follower, 2)
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// alone makes a log of a single node.
func alone(t *testing.T, id, epoch string, events ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	log, err := sqlitelog.Open(t.Context(), sqlitelog.Options{Dir: dir, ID: id, Epoch: epoch, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range events {
		if r := log.Append(t.Context(), []eventlog.Entry{entry(name, "")}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAFolderThatDoesNotFitIsRefused(t *testing.T) {
	_, js := lone(t)
	log := open(t, js, t.TempDir())
	appendAll(t, log, "a")
	appendAll(t, log, "b", "c")
	for name, c := range map[string]struct {
		id, epoch string
		events    []string
		want      error
	}{
		"of another log":                        {sqlitelog.NewID(time.Now()), "", []string{"a"}, sqlitelog.ErrOther},
		"of another history":                    {log.ID(), "", []string{"a", "b"}, natslog.ErrHistory},
		"that ends with the same event":         {log.ID(), "", []string{"a", "b", "c"}, natslog.ErrHistory},
		"that ends within a round":              {log.ID(), "", []string{"a", "b"}, natslog.ErrHistory},
		"that has more events":                  {log.ID(), "", []string{"a", "b", "c", "d"}, natslog.ErrHistory},
		"that has lost events, as was accepted": {log.ID(), eventlog.EpochOf([eventlog.EpochSize]byte{1}), nil, natslog.ErrHistory},
	} {
		t.Run(name, func(t *testing.T) {
			dir := alone(t, c.id, c.epoch, c.events...)
			if err := openOnce(t, js, dir); !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
		})
	}
}

// edit changes the stream of rounds.
func edit(t *testing.T, js jetstream.JetStream, change func(*jetstream.StreamConfig)) {
	t.Helper()
	s, err := js.Stream(t.Context(), natslog.StreamName("test"))
	if err != nil {
		t.Fatal(err)
	}
	config := s.CachedInfo().Config
	change(&config)
	if _, err := js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}

func TestAStreamThatSomebodyHasEditedIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*testing.T, jetstream.JetStream, *natslog.Log)
		want error
		text string
	}{
		"it discards messages": {func(t *testing.T, js jetstream.JetStream, _ *natslog.Log) {
			edit(t, js, func(c *jetstream.StreamConfig) { c.MaxAge = 24 * time.Hour })
		}, natslog.ErrStream, "discards"},
		"messages are gone": {func(t *testing.T, js jetstream.JetStream, _ *natslog.Log) {
			edit(t, js, func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 1, jetstream.DiscardOld })
			edit(t, js, func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = -1, jetstream.DiscardNew })
		}, eventlog.ErrDamaged, "1 messages of the stream are missing"},
		"a message was deleted": {func(t *testing.T, js jetstream.JetStream, log *natslog.Log) {
			log.SetPatience(patience)
			erase(t, log, 2) // so that one is missing with a reason
			log.SetPatience(200 * time.Millisecond)
			stream, err := js.Stream(t.Context(), natslog.StreamName("test"))
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.DeleteMsg(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		}, eventlog.ErrDamaged, "2 messages of the stream are missing, and erasures explain 1"},
		"it takes other subjects": {func(t *testing.T, js jetstream.JetStream, _ *natslog.Log) {
			edit(t, js, func(c *jetstream.StreamConfig) { c.Subjects = append(c.Subjects, "other") })
		}, natslog.ErrStream, "nothing else"},
		"it was deleted": {func(t *testing.T, js jetstream.JetStream, _ *natslog.Log) {
			if err := js.DeleteStream(t.Context(), natslog.StreamName("test")); err != nil {
				t.Fatal(err)
			}
		}, natslog.ErrNoStream, "deleted the stream"},
		"it was made anew": {func(t *testing.T, js jetstream.JetStream, log *natslog.Log) {
			if err := js.DeleteStream(t.Context(), natslog.StreamName("test")); err != nil {
				t.Fatal(err)
			}
			if err := natslog.Make(t.Context(), settings(js, 1), log.ID(), ""); err != nil {
				t.Fatal(err)
			}
		}, natslog.ErrHistory, "made anew"},
	} {
		t.Run(name, func(t *testing.T) {
			_, js := lone(t)
			dir := t.TempDir()
			log := open(t, js, dir)
			appendAll(t, log, "a")
			appendAll(t, log, "b")
			log.SetPatience(200 * time.Millisecond)
			c.edit(t, js, log)
			err := settled(c.text, func() error {
				log.LookAtTheStream()
				return log.Append(t.Context(), []eventlog.Entry{entry("c", "")})[0].Err
			})
			if !errors.Is(err, eventlog.ErrUnavailable) && !errors.Is(err, eventlog.ErrDamaged) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("append: %v", err)
			}
			if err := settled("", func() error { return log.Join(t.Context()) }); !errors.Is(err, c.want) {
				t.Errorf("join: %v", err)
			}
		})
	}
}

func TestAStreamOfSomebodyElseIsRefused(t *testing.T) {
	_, js := lone(t)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: natslog.StreamName("test"), Subjects: []string{"daybook.test.log"}}); err != nil {
		t.Fatal(err)
	}
	if err := openOnce(t, js, t.TempDir()); !errors.Is(err, natslog.ErrStream) && !errors.Is(err, natslog.ErrNoStream) {
		t.Error(err)
	}
}

func TestAFollowerNoticesThatMessagesAreGone(t *testing.T) {
	s, js := lone(t)
	log, follower := open(t, js, t.TempDir()), open(t, connect(t, s), t.TempDir())
	appendAll(t, log, "a")
	edit(t, js, func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 1, jetstream.DiscardOld })
	appendAll(t, log, "b")
	edit(t, js, func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = -1, jetstream.DiscardNew })
	if err := follower.Follow(t.Context()); !errors.Is(err, eventlog.ErrDamaged) {
		t.Error(err)
	}
}

// A long log is appended in several parts, each beside the reading of the next one; what was erased between stays so.
func TestALongLogIsCaughtUpWithInParts(t *testing.T) {
	_, js := lone(t)
	writer := open(t, js, t.TempDir())
	follower := open(t, js, t.TempDir())
	const round = 1000
	for part := range 2 {
		for range 36 { // together more than a part
			entries := make([]eventlog.Entry, round)
			for i := range entries {
				entries[i] = entry("long", "")
				entries[i].Events[0].Version = int64(i + 1)
			}
			entries[0] = entry("long", "body")
			if r := writer.Append(t.Context(), entries); r[0].Err != nil {
				t.Fatal(r[0].Err)
			}
		}
		erase(t, writer, int64(part*36*round+1), int64(part*36*round+5*round+1))
	}
	wantSame(t, writer, follower)
	wantSame(t, writer, open(t, js, t.TempDir()))
	fresh := open(t, js, t.TempDir())
	stop := follow(t, fresh)
	waitFor(t, fresh, writer.Head().Seq)
	_ = stop()
	wantSame(t, writer, fresh)
}
