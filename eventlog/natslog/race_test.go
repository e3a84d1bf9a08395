package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/natslog"

	"github.com/nats-io/nats.go"
)

// write appends n guarded entries one by one, each decided on the head of its replica, and returns those that were accepted, by seq.
func write(t *testing.T, log *natslog.Log, prefix string, n int) map[int64]string {
	accepted := map[int64]string{}
	for try := 0; len(accepted) < n; try++ {
		name := fmt.Sprint(prefix, "-", try)
		payload := ""
		if try%3 == 0 {
			payload = "body of " + name
		}
		e := entry(name, payload)
		e.Expect = eventlog.NothingAfter(log.Head().Seq)
		switch r := log.Append(t.Context(), []eventlog.Entry{e})[0]; {
		case r.Err == nil:
			accepted[r.First] = name
		case !errors.Is(r.Err, eventlog.ErrConflict):
			t.Error(r.Err)
			return accepted
		}
	}
	return accepted
}

func TestOfTwoWritersOneGetsEachPlace(t *testing.T) {
	s, js := lone(t)
	logs := []*natslog.Log{open(t, js, t.TempDir()), open(t, connect(t, s), t.TempDir())}
	const each = 400
	accepted := make([]map[int64]string, len(logs))
	var writers sync.WaitGroup
	for i, log := range logs {
		writers.Go(func() { accepted[i] = write(t, log, string(rune('a'+i)), each) })
	}
	writers.Wait()
	wantSame(t, logs[0], logs[1])
	events := content(t, logs[0])
	if len(events) != 2*each {
		t.Errorf("%d events, want %d", len(events), 2*each)
	}
	for _, e := range events {
		one, other := accepted[0][e.Seq], accepted[1][e.Seq]
		if e.Stream != "task:"+one+other {
			t.Errorf("event %d is %s; %q and %q were acknowledged", e.Seq, e.Stream, one, other)
		}
	}
	wantReplacedDeleted(t, js, logs[0])
}

func TestARefusedRoundLeavesNothing(t *testing.T) {
	s, js := lone(t)
	log, rival := open(t, js, t.TempDir()), open(t, connect(t, s), t.TempDir())
	appendAll(t, log, "a")
	catchUp(t, rival)
	log.Intercept(func(next natslog.Request, ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
		if rival.Head().Seq == 1 {
			appendAll(t, rival, "b")
		}
		return next(ctx, m)
	})
	e := entry("refused", "body of refused")
	e.Expect = eventlog.NothingAfter(1)
	if r := log.Append(t.Context(), []eventlog.Entry{e}); !errors.Is(r[0].Err, eventlog.ErrConflict) {
		t.Fatalf("%v, want a conflict", r[0].Err)
	}
	if e.Events[0].Seq != 0 || e.Events[0].PayloadHash != (eventlog.Hash{}) {
		t.Errorf("a refused event has seq %d", e.Events[0].Seq)
	}
	wantGone(t, js, false, "body of refused")
	wantSame(t, log, rival)
}
