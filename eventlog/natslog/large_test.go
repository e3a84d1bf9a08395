package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/natslog"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// large is an entry whose events do not fit into one message.
func large(name string) eventlog.Entry {
	e := entry(name, "body of "+name)
	for i := range 3 {
		more := entry(fmt.Sprint(name, i), "").Events[0]
		more.Data = []byte(`{"noise":"` + noise(900_000+i) + `"}`)
		e.Events = append(e.Events, more)
	}
	return e
}

func TestARoundOfManyTasksAndALargeResult(t *testing.T) {
	_, js := lone(t)
	log := open(t, js, t.TempDir())
	text := noise(1 << 20)
	var entries []eventlog.Entry
	for i := range 3_000 {
		entries = append(entries, entry(fmt.Sprint("task-", i), text[i:i+300]))
	}
	entries = append(entries, entry("result", noise(5<<20)), large("large"))
	for _, r := range log.Append(t.Context(), entries) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	wantSame(t, log, open(t, js, t.TempDir()))
	wantReplacedDeleted(t, js, log)
}

// A batch is all or nothing: one that ends before its last message, and one that is refused.
func TestABatchThatIsNotWholeIsNothing(t *testing.T) {
	s, js := lone(t)
	log, rival := open(t, js, t.TempDir()), open(t, connect(t, s), t.TempDir())
	appendAll(t, log, "a")
	catchUp(t, rival)
	for i := range 3 { // its writer dies
		m := nats.NewMsg("daybook.test.events")
		m.Header.Set("Nats-Batch-Id", "dead")
		m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
		if i == 0 {
			m.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(log.Position(), 10))
		}
		m.Data = []byte("dead")
		if err := js.Conn().PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	log.Intercept(func(next natslog.Request, ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
		if isRound(m) && rival.Head().Seq == 1 { // before the batch is committed
			appendAll(t, rival, "b")
		}
		return next(ctx, m)
	})
	guarded, free := large("guarded"), large("free")
	guarded.Expect = eventlog.NothingAfter(1)
	results := log.Append(t.Context(), []eventlog.Entry{guarded, free})
	if !errors.Is(results[0].Err, eventlog.ErrConflict) || results[1].Err != nil || results[1].First != 3 {
		t.Fatalf("%+v", results)
	}
	wantSame(t, log, rival)
	wantReplacedDeleted(t, js, log)
}

func TestARoundOfTooManyMessagesIsRefused(t *testing.T) {
	js := existing(t, server.Options{JetStream: true, MaxPayload: 4 << 10})
	log := open(t, js, t.TempDir())
	if r := log.Append(t.Context(), []eventlog.Entry{large("a"), large("b")}); !errors.Is(r[0].Err, eventlog.ErrFull) {
		t.Fatal(r[0].Err)
	}
	appendAll(t, log, "after")
	wantReplacedDeleted(t, js, log)
	wantSame(t, log, open(t, js, t.TempDir()))
}

// Many large results may end at once: the batch is as large as they are.
func TestALargeRoundReachesThreeServers(t *testing.T) {
	nodes := three(t)
	log := openWith(t, t.TempDir(), settings(nodes[0].js, 3))
	follower := openWith(t, t.TempDir(), settings(nodes[1].js, 3))
	text := noise(1 << 20)
	var entries []eventlog.Entry
	for i := range 40 {
		entries = append(entries, entry(fmt.Sprint("result-", i), text[i:]+text[:i]))
	}
	for _, r := range log.Append(t.Context(), entries) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	wantSame(t, log, follower)
}
