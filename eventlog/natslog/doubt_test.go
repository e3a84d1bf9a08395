package natslog_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/natslog"

	"github.com/nats-io/nats.go"
)

// isRound reports whether a message is published to the stream of rounds.
func isRound(m *nats.Msg) bool { return strings.HasSuffix(m.Subject, ".events") }

// What happens to the first publish of a round of which no acknowledgement comes, and to what is published next.
var losses = map[string]func(first bool, kept **nats.Msg, next natslog.Request, ctx context.Context, m *nats.Msg) (*nats.Msg, error){
	"the acknowledgement is lost": func(first bool, _ **nats.Msg, next natslog.Request, ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
		answer, err := next(ctx, m)
		if first {
			return nil, errors.Join(err, nats.ErrTimeout)
		}
		return answer, err
	},
	"the round is lost": func(first bool, _ **nats.Msg, next natslog.Request, ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
		if first {
			return nil, nats.ErrTimeout
		}
		return next(ctx, m)
	},
	"the round comes before the fence": func(first bool, kept **nats.Msg, next natslog.Request, ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
		if first {
			*kept = m
			return nil, nats.ErrTimeout
		}
		if *kept != nil {
			if _, err := next(ctx, *kept); err != nil {
				return nil, err
			}
			*kept = nil
		}
		return next(ctx, m)
	},
	"the round comes after the fence": func(first bool, kept **nats.Msg, next natslog.Request, ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
		if first {
			*kept = m
			return nil, nats.ErrTimeout
		}
		answer, err := next(ctx, m)
		if *kept != nil {
			if _, err := next(ctx, *kept); err != nil {
				return nil, err
			}
			*kept = nil
		}
		return answer, err
	},
	"nobody leads the stream": func(first bool, _ **nats.Msg, next natslog.Request, ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
		if first {
			return nil, nats.ErrNoResponders
		}
		return next(ctx, m)
	},
	"the first copy is stored and the second one refused": func(first bool, _ **nats.Msg, next natslog.Request, ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
		if first {
			if _, err := next(ctx, m); err != nil {
				return nil, err
			}
		}
		return next(ctx, m)
	},
}

func TestAnAppendFindsOutWhatALostAnswerWas(t *testing.T) {
	for name, lose := range losses {
		for size, length := range map[string]int{"one message": 1, "a batch": 400 << 10} {
			t.Run(name+", "+size, func(t *testing.T) {
				s, js := lone(t)
				log, other := open(t, js, t.TempDir()), open(t, connect(t, s), t.TempDir())
				appendAll(t, log, "before")
				var kept *nats.Msg
				count := 0
				log.Intercept(func(next natslog.Request, ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
					if !isRound(m) {
						return next(ctx, m)
					}
					count++
					return lose(count == 1, &kept, next, ctx, m)
				})
				e := entry("doubtful", "body")
				for range 4 {
					more := entry("more", "").Events[0]
					more.Data = []byte(`{"noise":"` + noise(length) + `"}`)
					e.Events = append(e.Events, more)
				}
				e.Expect = eventlog.NothingAfter(1)
				r := log.Append(t.Context(), []eventlog.Entry{e})[0]
				if r.Err != nil || r.First != 2 || r.Last != 1+int64(len(e.Events)) {
					t.Fatalf("%+v, want events from 2", r)
				}
				appendAll(t, log, "after")
				wantSame(t, log, other)
				if n := len(content(t, other)); n != 2+len(e.Events) {
					t.Errorf("%d events, want %d", n, 2+len(e.Events))
				}
				wantReplacedDeleted(t, js, log)
			})
		}
	}
}

func TestTheNextAppendSettlesWhatIsUnknown(t *testing.T) {
	for name, arrives := range map[string]bool{"the round is stored": true, "it is not": false} {
		t.Run(name, func(t *testing.T) {
			s, js := lone(t)
			o := settings(js, 1)
			o.Patience = 200 * time.Millisecond
			log, other := openWith(t, t.TempDir(), o), open(t, connect(t, s), t.TempDir())
			cut, stored := true, arrives
			log.Intercept(func(next natslog.Request, ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
				if !cut || !isRound(m) {
					return next(ctx, m)
				}
				if arrives { // however long that takes
					long, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
					defer cancel()
					if _, err := next(long, m); err != nil {
						return nil, err
					}
					arrives = false
				}
				return nil, nats.ErrTimeout
			})
			r := log.Append(t.Context(), []eventlog.Entry{entry("doubtful", "body")})[0]
			switch {
			case !errors.Is(r.Err, eventlog.ErrUnknown):
				t.Fatalf("%v, want an unknown outcome", r.Err)
			case log.Head().Seq != 0:
				t.Errorf("the replica has %d events", log.Head().Seq)
			}
			if r := log.Append(t.Context(), []eventlog.Entry{entry("refused", "")})[0]; !errors.Is(r.Err, eventlog.ErrUnavailable) || errors.Is(r.Err, eventlog.ErrUnknown) {
				t.Errorf("%v, want one that says that nothing was written", r.Err)
			}
			cut = false
			log.SetPatience(patience)
			appendAll(t, log, "after")
			wantSame(t, log, other)
			want := 1
			if stored {
				want = 2
			}
			if n := len(content(t, log)); n != want {
				t.Errorf("%d events, want %d", n, want)
			}
			wantReplacedDeleted(t, js, log)
		})
	}
}

func TestNothingIsUnknownWhenNobodyHasGotIt(t *testing.T) {
	_, js := lone(t)
	o := settings(js, 1)
	o.Patience = 100 * time.Millisecond
	log := openWith(t, t.TempDir(), o)
	log.Intercept(func(next natslog.Request, ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
		return nil, nats.ErrNoResponders
	})
	if r := log.Append(t.Context(), []eventlog.Entry{entry("a", "")})[0]; !errors.Is(r.Err, eventlog.ErrUnavailable) || errors.Is(r.Err, eventlog.ErrUnknown) {
		t.Errorf("%v, want one that says that nothing was written", r.Err)
	}
}
