package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
)

// list is a queue in memory, to see what the rows ask of a queue.
type list struct {
	hits      *Hits
	submitted atomic.Int64
	calls     atomic.Int64
	working   atomic.Bool
	stuck     int64 // tasks that never end
	fault     error
	lag       int64
	blind     error // of a lag that cannot be read
}

func (l *list) Caller() (Caller, error) { return l, nil }

func (l *list) Submit(_ context.Context, n int) error {
	l.calls.Add(1)
	l.submitted.Add(int64(n))
	if l.working.Load() {
		for range n {
			l.hits.Hit()
		}
	}
	return l.fault
}

func (l *list) Work(context.Context) error {
	l.working.Store(true)
	for range l.submitted.Load() {
		l.hits.Hit()
	}
	return nil
}

func (l *list) Ended(ctx context.Context, n int64) (int64, error) {
	return l.hits.Settle(ctx, n, l.Left)
}

func (l *list) Left(context.Context) (int64, error) { return l.stuck, nil }

func (l *list) Facts(context.Context) (Facts, error) { return Facts{Durability: "none"}, nil }

func (l *list) Lag(context.Context) (int64, error) { return l.lag, l.blind }

func (l *list) Close() error { return nil }

// do runs a job on the list and returns what the child said.
func do(t *testing.T, l *list, j Job) []Message {
	t.Helper()
	open := func(_ context.Context, _ Job, hits *Hits) (System, error) {
		l.hits = hits
		return l, nil
	}
	var out bytes.Buffer
	if err := Child(t.Context(), j, open, strings.NewReader("go on\ngo on\n"), &out); err != nil {
		t.Fatal(err)
	}
	var all []Message
	for line := range strings.Lines(out.String()) {
		var m Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, m)
	}
	return all
}

func small(row Row) Job {
	return Job{Row: row, Callers: 4, Bulkers: 2, Seconds: 0.01, Backlog: 2500, Samples: 10, Limit: 5, Bulk: true}
}

func last(t *testing.T, all []Message) Result {
	t.Helper()
	m := all[len(all)-1]
	if m.Result == nil {
		t.Fatalf("no result: %+v", m)
	}
	return *m.Result
}

func TestThePayloadIsAnObjectOf240Bytes(t *testing.T) {
	if len(Payload) != 240 || !json.Valid([]byte(Payload)) {
		t.Errorf("%d bytes: %s", len(Payload), Payload)
	}
}

func TestTheRowsOfSubmitRunNothing(t *testing.T) {
	for row, size := range map[Row]int64{SubmitOne: 1, SubmitMany: 1, Bulk100: 100, Bulk1000: 1000} {
		t.Run(string(row), func(t *testing.T) {
			l := &list{}
			r := last(t, do(t, l, small(row)))
			if l.working.Load() {
				t.Error("the tasks ran")
			}
			if l.submitted.Load() != l.calls.Load()*size {
				t.Errorf("%d tasks in %d calls, want %d a call", l.submitted.Load(), l.calls.Load(), size)
			}
			if r.Tasks == 0 || r.Tasks >= l.submitted.Load() || r.Tasks%size != 0 {
				t.Errorf("%d tasks measured of %d, warm-up included", r.Tasks, l.submitted.Load())
			}
		})
	}
}

func TestEndToEndCountsWhatEndedAfterTheWarmUp(t *testing.T) {
	for row, size := range map[Row]int64{RunOne: 1, RunBulk: 100} {
		l := &list{}
		r := last(t, do(t, l, small(row)))
		if want := l.submitted.Load() - warmTasks; r.Tasks != want || r.CutOff {
			t.Errorf("%s by %d: %d tasks, want %d; cut off: %v", row, size, r.Tasks, want, r.CutOff)
		}
	}
}

func TestADrainFillsByTheThousandAndRunsAll(t *testing.T) {
	l := &list{}
	r := last(t, do(t, l, small(Drain)))
	if l.calls.Load() != 3 || r.Tasks != 3000 {
		t.Errorf("%d tasks in %d calls, want 3000 in 3", r.Tasks, l.calls.Load())
	}
}

func TestASystemWithoutACallForManyIsFilledOneByOne(t *testing.T) {
	l, j := &list{}, small(Drain)
	j.Bulk = false
	r := last(t, do(t, l, j))
	if l.calls.Load() != 2500 || r.Tasks != 2500 {
		t.Errorf("%d tasks in %d calls, want 2500 in as many", r.Tasks, l.calls.Load())
	}
}

func TestWhatDoesNotEndIsCutOff(t *testing.T) {
	l, j := &list{stuck: 100}, small(Drain)
	j.Limit = 0.05
	if r := last(t, do(t, l, j)); !r.CutOff || r.Tasks != 2900 {
		t.Errorf("%d tasks, cut off: %v; want 2900 and so", r.Tasks, r.CutOff)
	}
}

func TestMemoryPausesIdleAndAfter(t *testing.T) {
	var phases []string
	for _, m := range do(t, &list{}, small(Memory)) {
		if m.Phase != "" {
			phases = append(phases, m.Phase)
		}
	}
	if strings.Join(phases, " ") != "idle after" {
		t.Errorf("phases %q", phases)
	}
}

func TestPickUpMeasuresEachSample(t *testing.T) {
	if r := last(t, do(t, &list{}, small(PickUp))); r.Tasks != 10 {
		t.Errorf("%d samples, want 10", r.Tasks)
	}
}

func TestStartTellsWhenTheFirstTaskRan(t *testing.T) {
	l := &list{}
	l.submitted.Store(1)
	if r := last(t, do(t, l, small(Start))); r.First == 0 {
		t.Error("no time of the first task")
	}
}

func TestAFaultIsTold(t *testing.T) {
	all := do(t, &list{fault: errors.New("disk on fire")}, small(SubmitMany))
	if got := all[len(all)-1].Error; !strings.Contains(got, "disk on fire") {
		t.Errorf("the child said %q", got)
	}
}

func TestTheLagIsThatAtTheEnd(t *testing.T) {
	if r := last(t, do(t, &list{lag: 7}, small(RunOne))); r.Lag == nil || *r.Lag != 7 {
		t.Errorf("lag %v, want 7", r.Lag)
	}
}

func TestALagThatCannotBeReadIsAFault(t *testing.T) {
	all := do(t, &list{blind: errors.New("no such metric")}, small(RunOne))
	if got := all[len(all)-1].Error; !strings.Contains(got, "no such metric") {
		t.Errorf("the child said %q", got)
	}
}
