package projection

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"daybook/eventlog"
	"daybook/projection/viewfile"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
)

// foldedAnyWay folds the events of the ledger live, from the log, and from a view file written half
// way, and wants the same of all.
func foldedAnyWay(t *testing.T, l *ledger) *Views {
	t.Helper()
	live := apply(t, New(), l.events)
	rebuilt, err := Rebuild(t.Context(), tape{events: l.events}, nil)
	if err != nil {
		t.Fatal(err)
	}
	half := len(l.events) / 2
	dir := t.TempDir()
	v := openKept(t, tape{events: l.events[:half]}, dir, 0)
	checkpointNow(t, v)
	closeViews(t, v)
	v = openKept(t, tape{events: l.events}, dir, 0)
	checkpointNow(t, v)
	closeViews(t, v)
	kept := openKept(t, tape{events: l.events}, dir, 0)
	defer closeViews(t, kept)
	want := live.streams.snapshot()
	for name, v := range map[string]*Views{"rebuilt": rebuilt, "from the file": kept} {
		if diff := cmp.Diff(want, v.streams.snapshot()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	return live
}

func TestTheLatestStartsOfTheServerAreKnownAndHowTheyEnded(t *testing.T) {
	l := newLedger(t)
	var want []ServerRun
	for i := range 20 {
		l.boot = idOf(l.now, uint64(i))
		l.after(task.Second)
		if i == 3 {
			l.other("server.loss_accepted", 1, `{"first":1,"last":2,"head":0}`)
		}
		run := ServerRun{Boot: l.boot.String(), Version: fmt.Sprint("1.", i), StartedAt: l.now}
		l.other("server.started", 1, `{"version":"`+run.Version+`"}`)
		l.after(task.Second)
		l.do(system, l.submit(task.Submit{Type: "SLEEP"}), task.Cancel{})
		if i%2 == 0 { // the others are killed
			run.StoppedAt = l.now
			l.other("server.stopped", 2, `{}`)
		}
		want = append(want, run)
	}
	if diff := cmp.Diff(want[4:], foldedAnyWay(t, l).ServerRuns()); diff != "" {
		t.Error(diff)
	}
	runs, err := Check(t.Context(), tape{events: l.events})
	if diff := cmp.Diff(want[4:], runs); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// paused is the fold of a kind of stream that only this test has.
type paused struct {
	Queues []string `json:"queues"`
}

func (p *paused) apply(e *eventlog.Event) error {
	var data struct{ Bad bool }
	if err := json.Unmarshal(e.Data, &data); err != nil || data.Bad {
		return fmt.Errorf("%w: %s: %w", task.ErrData, e.Type, err)
	}
	_, name, _ := strings.Cut(e.Stream, ":")
	p.Queues = slices.DeleteFunc(p.Queues, func(q string) bool { return q == name })
	if e.Type == "test.paused" {
		p.Queues = append(p.Queues, strings.Clone(name))
	}
	return nil
}

func withPaused(t *testing.T) {
	before := kinds
	t.Cleanup(func() { kinds = before })
	kinds = append(slices.Clip(kinds), kind{"test", map[string]int{"test.paused": 2, "test.resumed": 1}, func() fold { return new(paused) }})
}

// on appends an event to a stream of the kind.
func (l *ledger) on(stream, kind string, v int, data string) {
	l.append(&eventlog.Event{At: int64(l.now), Stream: stream, Version: 1, Type: kind, V: v, Actor: system, Data: []byte(data)})
}

func TestANewKindOfStreamNeedsALineInTheTable(t *testing.T) {
	withPaused(t)
	l := newLedger(t)
	l.other("server.started", 1, `{"version":"1"}`)
	l.on("test:a", "test.paused", 1, `{}`)
	l.on("test:b", "test.paused", 2, `{}`)
	l.on("test:a", "test.resumed", 1, `{}`)
	l.on("test:c", "test.paused", 2, `{}`)
	v := foldedAnyWay(t, l)
	if got := foldIn[*paused](v.streams).Queues; !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("paused: %v", got)
	}
	if len(v.ServerRuns()) != 1 {
		t.Error("the other kind is not folded")
	}
}

func TestAnEventOfAStreamIsRefusedIfThisProgramDoesNotKnowIt(t *testing.T) {
	withPaused(t)
	for name, test := range map[string]struct {
		stream, kind string
		v            int
		data         string
		want         error
	}{
		"an unknown type":          {"test:a", "test.drained", 1, `{}`, ErrNewer},
		"an unknown kind":          {"moon:a", "moon.rose", 1, `{}`, ErrNewer},
		"a later version":          {"test:a", "test.paused", 3, `{}`, ErrNewer},
		"the stream of another":    {"server:a", "test.paused", 1, `{}`, task.ErrIllegal},
		"the stream of a task":     {"task:01M86PTPG0SMK645AEDNVB5CNS", "test.paused", 1, `{}`, task.ErrIllegal},
		"data that the fold lacks": {"test:a", "test.paused", 1, `{"Bad":true}`, task.ErrData},
	} {
		l := newLedger(t)
		l.on(test.stream, test.kind, test.v, test.data)
		if err := New().Apply(l.events); !errors.Is(err, test.want) {
			t.Errorf("%s, live: %v", name, err)
		}
		if _, err := Rebuild(t.Context(), tape{events: l.events}, nil); !errors.Is(err, test.want) {
			t.Errorf("%s, rebuilt: %v", name, err)
		}
		if _, err := Check(t.Context(), tape{events: l.events}); !errors.Is(err, test.want) {
			t.Errorf("%s, checked: %v", name, err)
		}
	}
}

func TestAFileThatLacksAKindOfStreamIsNotUsed(t *testing.T) {
	s := newStreams()
	for name, kept := range map[string][]viewfile.Stream{
		"none": nil, "another": {{Kind: "moon", State: "{}"}}, "not JSON": {{Kind: "server", State: "{"}}, "another shape": {{Kind: "server", State: `{"runs":7}`}},
	} {
		if err := s.restore(kept); !errors.Is(err, viewfile.ErrUnusable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// When a person last wrote with a token is known after a restart too. A use that has revoked the token
// brings nothing back.
func TestTheLastUseOfATokenByAPersonIsKept(t *testing.T) {
	l := newLedger(t)
	tokenUses.tell(l)
	v := foldedAnyWay(t, l)
	all := v.Tokens().All()
	if len(all) != 1 || all[0].Name != "root" {
		t.Fatal(all)
	}
	rebuilt, err := Rebuild(t.Context(), tape{events: l.events}, nil)
	if err != nil {
		t.Fatal(err)
	}
	used := foldIn[*tokens](v.streams).Names["root"].Used
	if used == 0 || rebuilt.Tokens().All()[0].LastUsed() != task.Micros(used) {
		t.Errorf("used at %d, and shown as %d", used, rebuilt.Tokens().All()[0].LastUsed())
	}
}
