package bench_test

import (
	"fmt"
	"runtime"
	"testing"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// keyBacklog folds tasks with concurrency keys into views in memory, as a scheduler does.
type keyBacklog struct {
	b     *testing.B
	views *projection.Views
	seq   int64
	now   task.Micros
	boot  ulid.ULID
	batch []projection.Change
}

func (k *keyBacklog) add(id ulid.ULID, state *task.Task, command task.Command) {
	events, err := task.Decide(state, command, task.Now{Wall: k.now, At: k.now})
	if err != nil {
		k.b.Fatal(err)
	}
	for i := range events {
		k.seq++
		events[i].Seq = k.seq
		k.batch = append(k.batch, projection.Change{ID: id, Event: &events[i]})
	}
}

func (k *keyBacklog) apply() {
	if err := k.views.ApplyChanges(k.batch); err != nil {
		k.b.Fatal(err)
	}
	k.batch = k.batch[:0]
}

func (k *keyBacklog) limit(queue string, limits projection.QueueLimits) {
	k.seq++
	raw := &eventlog.Event{Seq: k.seq, At: int64(k.now), Stream: "queue:" + queue, Version: 1, Type: "queue.limits_set", V: 1,
		Data: projection.EncodeQueueLimits(limits)}
	k.batch = append(k.batch, projection.Change{Event: &task.Event{Seq: k.seq, At: k.now}, Other: raw})
	k.apply()
}

func (k *keyBacklog) submit(n, queue, key int) {
	var id ulid.ULID
	_ = id.SetTime(uint64(k.now / 1000))
	id[15], id[14], id[13], id[12] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	k.add(id, new(task.Task), task.Submit{ID: id, Type: "PROBE", Queue: fmt.Sprint("q", queue), ConcurrencyKey: fmt.Sprint("customer-", key)})
}

// cycle submits a task, starts the one that is next and ends it: each is folded by itself.
func (k *keyBacklog) cycle(n, queues, keys int) {
	k.now += 10
	k.submit(n, n%queues, n%keys)
	k.apply()
	line := k.views.OpenLine(func(string, string) bool { return true })
	next := *line.First()
	k.add(next.ID, &next, task.Start{Boot: k.boot, Charge: k.views.Charge(&next)})
	k.apply()
	running, err := k.views.Find(next.ID)
	if err != nil || running == nil {
		k.b.Fatal(err)
	}
	state := *running
	k.add(next.ID, &state, task.Succeed{Fence: state.Fence()})
	k.apply()
}

// BenchmarkKeyBacklog is what a task costs the views, from its submit to its end, beside a backlog of tasks with
// concurrency keys in queues with rules for them; B/task is the live heap of the backlog.
func BenchmarkKeyBacklog(b *testing.B) {
	for _, size := range []struct{ tasks, queues, keys int }{{0, 1, 1}, {1_000_000, 1000, 100_000}, {1_000_000, 1, 100_000}, {1_000_000, 1, 1}} {
		b.Run(fmt.Sprintf("tasks=%d/queues=%d/keys=%d", size.tasks, size.queues, size.keys), func(b *testing.B) {
			k := &keyBacklog{b: b, views: projection.New(), now: 1_800_000_000_000_000, boot: ulid.ULID{1}}
			heap := liveHeap()
			for q := range size.queues {
				k.limit(fmt.Sprint("q", q), projection.QueueLimits{KeyConcurrency: 1, FairKeys: true})
			}
			for i := range size.tasks {
				k.submit(i, i%size.queues, i%size.keys)
				if len(k.batch) == 1000 {
					k.apply()
				}
			}
			k.apply()
			perTask := 0.0
			if size.tasks > 0 {
				perTask = float64(liveHeap()-heap) / float64(size.tasks)
			}
			n, before := size.tasks, processTime()
			for b.Loop() {
				k.cycle(n, size.queues, size.keys)
				n++
			}
			b.ReportMetric(float64(processTime()-before)/float64(n-size.tasks), "cpu-ns/op")
			b.ReportMetric(perTask, "B/task")
		})
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
