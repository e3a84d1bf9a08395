package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
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

// reason is why a pending task waits; "" = nothing holds it. local is whether the server runs its type, alive whether a worker
// of the others is.
func (o *oracle) reason(s *task.Task, now task.Micros, slots int, local, alive bool) string {
	l := o.limits[s.Queue]
	opens := func(what string, rate float64, burst int) task.Micros {
		return o.due[what] - task.Micros(max(burst, 1)-1)*task.Micros(1e6/rate)
	}
	switch {
	case s.Timed && s.DueAt > now && s.Retrying:
		return "backoff"
	case s.Timed && s.DueAt > now:
		return "run_at"
	case o.paused[s.Queue]:
		return "queue_paused"
	case l.Concurrency > 0 && o.count(func(r *task.Task) bool { return r.Queue == s.Queue }) >= l.Concurrency:
		return "queue_limit"
	case l.Rate > 0 && opens(s.Queue, l.Rate, l.Burst) > now:
		return "rate_limit"
	}
	if key := s.ConcurrencyKey; key != "" {
		switch {
		case l.KeyConcurrency > 0 && o.count(func(r *task.Task) bool { return r.Queue == s.Queue && r.ConcurrencyKey == key }) >= l.KeyConcurrency:
			return "concurrency_key"
		case l.KeyRate > 0 && opens(s.Queue+" "+key, l.KeyRate, l.KeyBurst) > now:
			return "rate_limit"
		}
	}
	running := o.count(func(r *task.Task) bool { return r.Remote() != local })
	switch {
	case !local && !alive:
		return "worker"
	case !local && running > 0, local && running >= slots:
		return "capacity"
	}
	return ""
}

func TestEveryPendingTaskSaysWhatItWaitsFor(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(25) {
		synctest.Test(t, func(t *testing.T) { waitingOnce(t, rand.New(rand.NewPCG(seed, 11)), seed, seen) })
	}
	for _, reason := range []string{"backoff", "run_at", "queue_paused", "queue_limit", "rate_limit", "concurrency_key", "capacity", "worker"} {
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
			want, got := o.reason(s, now, slots, s.Type == "T", alive), ""
			if w := b.s.WaitingFor(s); w != nil {
				got = w.Reason
			}
			seen[want]++
			if got != want || want == "" && s.Type == "T" {
				t.Fatalf("seed %d, step %d: %s of %s waits for %q, not %q; limits %+v", seed, step, id, s.Queue, got, want, o.limits[s.Queue])
			}
		}
	}
	if err := b.stop(); err != nil {
		t.Error(err)
	}
}
