package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// oracle works out from the log alone, event by event, what each pending task waits for.
type oracle struct {
	tasks  map[ulid.ULID]*task.Task
	paused map[string]bool
	limits map[string]projection.QueueLimits
	due    map[string]task.Micros // by queue, and by queue and key
}

func oracleOf(t *testing.T, log eventlog.Log) *oracle {
	t.Helper()
	o := &oracle{map[ulid.ULID]*task.Task{}, map[string]bool{}, map[string]projection.QueueLimits{}, map[string]task.Micros{}}
	var decoder task.Decoder
	err := log.Scan(t.Context(), 0, func(raw *eventlog.Event) error {
		if len(raw.Stream) > 6 && raw.Stream[:6] == "queue:" {
			return o.queue(raw.Stream[6:], raw)
		}
		kind, ok := task.ParseEventType(raw.Type)
		if !ok {
			return nil
		}
		id, _ := task.ParseStream(raw.Stream)
		e := task.Event{Seq: raw.Seq, At: task.Micros(raw.At), Version: raw.Version, Type: kind}
		if err := decoder.Decode(&e.Data, kind, raw.V, raw.Data); err != nil {
			return err
		}
		if o.tasks[id] == nil {
			o.tasks[id] = new(task.Task)
		}
		s := o.tasks[id]
		if err := task.Apply(s, id, &e); err != nil {
			return err
		}
		if l := o.limits[s.Queue]; kind == task.EventStarted {
			o.charge(s.Queue, l.Rate, e.At)
			if s.ConcurrencyKey != "" {
				o.charge(s.Queue+" "+s.ConcurrencyKey, l.KeyRate, e.At)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *oracle) queue(name string, raw *eventlog.Event) error {
	switch raw.Type {
	case "queue.paused":
		o.paused[name] = true
	case "queue.resumed":
		o.paused[name] = false
	case "queue.limits_set":
		before := o.limits[name]
		var l projection.QueueLimits
		if err := json.Unmarshal(raw.Data, &l); err != nil {
			return err
		}
		o.limits[name] = l
		delete(o.due, name)
		if before.KeyRules() != l.KeyRules() {
			for _, key := range []string{"a", "b", "c"} {
				delete(o.due, name+" "+key)
			}
		}
	}
	return nil
}

func (o *oracle) charge(what string, rate float64, at task.Micros) {
	if rate > 0 {
		o.due[what] = max(o.due[what], at) + task.Micros(1e6/rate)
	}
}

// count is how many tasks run that are wanted.
func (o *oracle) count(wanted func(*task.Task) bool) (n int) {
	for _, s := range o.tasks {
		if s.Status == task.Running && wanted(s) {
			n++
		}
	}
	return n
}

// holdsQueue says what holds all tasks of a queue that are due, the first reason first.
func (o *oracle) holdsQueue(queue string, now task.Micros) (all []string) {
	l := o.limits[queue]
	if o.paused[queue] {
		all = append(all, "queue_paused")
	}
	if l.Concurrency > 0 && o.count(func(r *task.Task) bool { return r.Queue == queue }) >= l.Concurrency {
		all = append(all, "queue_limit")
	}
	if l.Rate > 0 && o.opens(queue, l.Rate, l.Burst) > now {
		all = append(all, "rate_limit")
	}
	return all
}

func (o *oracle) opens(what string, rate float64, burst int) task.Micros {
	return o.due[what] - task.Micros(max(burst, 1)-1)*task.Micros(1e6/rate)
}

// reasons are why a pending task waits; none = nothing holds it. local says whether the server runs a type, alive whether a worker
// of the others is. turn is left out.
func (o *oracle) reasons(s *task.Task, now task.Micros, slots int, local func(string) bool, alive bool) (all []string) {
	worker := !local(s.Type) && !alive
	if s.Timed && s.DueAt > now {
		all = append(all, "run_at")
		if s.Retrying {
			all[0] = "backoff"
		}
		if o.paused[s.Queue] {
			all = append(all, "queue_paused")
		}
		if worker {
			all = append(all, "worker")
		}
		return all
	}
	all = o.holdsQueue(s.Queue, now)
	l, key := o.limits[s.Queue], s.ConcurrencyKey
	if key != "" && l.KeyConcurrency > 0 && o.count(func(r *task.Task) bool { return r.Queue == s.Queue && r.ConcurrencyKey == key }) >= l.KeyConcurrency {
		all = append(all, "concurrency_key")
	}
	if key != "" && l.KeyRate > 0 && o.opens(s.Queue+" "+key, l.KeyRate, l.KeyBurst) > now {
		all = append(all, "rate_limit")
	}
	running := o.count(func(r *task.Task) bool { return r.Remote() != local(s.Type) })
	switch {
	case worker:
		all = append(all, "worker")
	case !local(s.Type) && running > 0, local(s.Type) && running >= slots:
		all = append(all, "capacity")
	}
	return all
}

// ahead is how many tasks come before a task that is due, at least and at most.
func (o *oracle) ahead(s *task.Task, now task.Micros, local func(string) bool) (least, most int) {
	weighted := slices.ContainsFunc(slices.Collect(maps.Values(o.limits)), func(l projection.QueueLimits) bool { return l.Weight > 0 })
	ruled := func(queue string) bool {
		l := o.limits[queue]
		return l.KeyConcurrency > 0 || l.KeyRate > 0 || l.FairKeys
	}
	for _, other := range o.tasks {
		shares := other.Type == s.Type || local(other.Type) && local(s.Type)
		if other.Status != task.Pending || other.Timed && other.DueAt > now || !shares || other.ID == s.ID {
			continue
		}
		before := other.ReadyKey().Less(s.ReadyKey())
		switch {
		case other.Queue != s.Queue && len(o.holdsQueue(other.Queue, now)) > 0:
		case other.Queue != s.Queue && (weighted || ruled(other.Queue) || ruled(s.Queue) && !before):
			most++
		case ruled(s.Queue) && other.Queue == s.Queue && other.ConcurrencyKey != s.ConcurrencyKey:
			most++
		case before:
			least++
			most++
		}
	}
	return least, most
}

// names are the reasons of w but turn, which comes last: n tasks come first, or at least so many.
func names(w *Waiting) (all []string, n int, more bool) {
	if w == nil {
		return nil, 0, false
	}
	for _, one := range append([]Waiting{*w}, w.Also...) {
		if one.Reason != "turn" {
			all = append(all, one.Reason)
			continue
		}
		n, more = one.Ahead, one.AheadMore
	}
	return all, n, more
}

func TestEveryPendingTaskSaysWhatItWaitsFor(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(25) {
		synctest.Test(t, func(t *testing.T) { waitingOnce(t, rand.New(rand.NewPCG(seed, 11)), seed, seen) })
	}
	for _, reason := range []string{"backoff", "run_at", "queue_paused", "queue_limit", "rate_limit", "concurrency_key", "capacity", "worker",
		"also queue_paused", "also worker", "also rate_limit", "also capacity", "turn", "turn alone", "turn, at least"} {
		if seen[reason] == 0 {
			t.Errorf("no task waited for %s: %v", reason, seen)
		}
	}
}

func waitingOnce(t *testing.T, r *rand.Rand, seed uint64, seen map[string]int) {
	const slots = 3
	b := openDoing(t, eventlogtest.NewMemory(), Options{Concurrency: slots}, map[string]func(context.Context, Attempt) (Outcome, error){
		"T": func(ctx context.Context, a Attempt) (Outcome, error) {
			select {
			case <-time.After(time.Duration(1+a.Task.Priority) * 300 * time.Millisecond):
			case <-ctx.Done():
			}
			if a.Task.Priority == 3 {
				return Outcome{}, fmt.Errorf("again: %w", context.DeadlineExceeded)
			}
			return Outcome{}, ctx.Err()
		},
	})
	b.queueEvent("queue.paused", []byte("{}"))
	polled := time.Time{}
	local := func(taskType string) bool { return taskType == "T" }
	for step := range 80 {
		switch r.IntN(8) {
		case 0, 1, 2:
			one := task.Submit{Type: []string{"T", "T", "REMOTE"}[r.IntN(3)], Queue: []string{"Q", "Q", "R"}[r.IntN(3)], Priority: r.IntN(4),
				ConcurrencyKey: []string{"", "a", "b", "c"}[r.IntN(4)]}
			if r.IntN(6) == 0 {
				one.RunAt = task.MicrosOf(time.Now().Add(2 * time.Second))
			}
			b.submit(one)
		case 3:
			for _, l := range b.poll("w", 1+r.IntN(2)) {
				if r.IntN(2) == 0 {
					_, _ = b.report(l.Token, task.Succeed{})
				}
			}
			polled = time.Now()
		case 4:
			l := projection.QueueLimits{KeyConcurrency: r.IntN(2), FairKeys: r.IntN(2) == 0, Concurrency: r.IntN(3)}
			if r.IntN(2) == 0 {
				l.KeyRate, l.KeyBurst = 0.5, 1+r.IntN(2)
			}
			if r.IntN(3) == 0 {
				l.Rate = 1
			}
			if r.IntN(3) == 0 {
				l.Weight = 1 + r.IntN(1000)
			}
			b.limit(l)
		case 5:
			b.queueEvent([]string{"queue.paused", "queue.resumed", "queue.resumed"}[r.IntN(3)], []byte("{}"))
		default:
			time.Sleep(time.Duration(r.IntN(1500)) * time.Millisecond)
		}
		synctest.Wait()
		o := oracleOf(t, b.log)
		now := task.MicrosOf(time.Now())
		alive := !polled.IsZero() && time.Since(polled) <= aliveFor
		for id, s := range o.tasks {
			if s.Status != task.Pending {
				continue
			}
			want := o.reasons(s, now, slots, local, alive)
			got, ahead, more := names(b.s.WaitingFor(s))
			for i, reason := range want {
				seen[reason]++
				if i > 0 {
					seen["also "+reason]++
				}
			}
			if !slices.Equal(got, want) || want == nil && s.Type == "T" {
				t.Fatalf("seed %d, step %d: %s of %s waits for %q, not %q; limits %+v", seed, step, id, s.Queue, got, want, o.limits[s.Queue])
			}
			if s.Timed && s.DueAt > now {
				continue
			}
			least, most := o.ahead(s, now, local)
			switch {
			case ahead > 0 && more:
				seen["turn, at least"]++
			case ahead > 0 && want == nil:
				seen["turn alone"]++
			case ahead > 0:
				seen["turn"]++
			}
			if ahead < least || ahead > most || more && ahead > 0 && least == most {
				t.Fatalf("seed %d, step %d: before %s of %s come %d (more: %v), not %d to %d; limits %+v", seed, step, id, s.Queue, ahead, more, least, most, o.limits[s.Queue])
			}
		}
	}
	if err := b.stop(); err != nil {
		t.Error(err)
	}
}
