package bench_test

import (
	"fmt"
	"testing"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// BenchmarkSuspended is what it costs the views to wake a suspended task with an event, beside others that are suspended; B/task is the live
// heap of these. The events are read from the log, as those of other nodes and those before a start are.
func BenchmarkSuspended(b *testing.B) {
	for _, size := range []int{0, 100_000} {
		for _, kind := range []task.StepKind{task.StepSleep, task.StepSignal, task.StepApproval} {
			b.Run(fmt.Sprintf("tasks=%d/%s", size, kind), func(b *testing.B) {
				s := &suspended{b: b, views: projection.New(), now: 1_800_000_000_000_000, kind: kind}
				heap := liveHeap()
				for range size {
					s.suspend()
				}
				perTask := 0.0
				if size > 0 {
					perTask = float64(liveHeap()-heap) / float64(size)
				}
				before := processTime()
				for b.Loop() {
					s.wake(s.suspend())
				}
				b.ReportMetric(float64(processTime()-before)/float64(b.N), "cpu-ns/op")
				b.ReportMetric(perTask, "B/task")
			})
		}
	}
}

// suspended folds tasks that are suspended.
type suspended struct {
	b     *testing.B
	views *projection.Views
	kind  task.StepKind
	n     int
	now   task.Micros
	log   []*eventlog.Event
	seq   int64
}

// do decides a command on a task, and adds its events to the log.
func (s *suspended) do(state *task.Task, id ulid.ULID, command task.Command) {
	s.now++
	events, err := task.Decide(state, command, task.Now{Wall: s.now, At: s.now})
	if err != nil {
		s.b.Fatal(err)
	}
	for i := range events {
		e := &events[i]
		s.seq++
		e.Seq = s.seq
		if err := task.Apply(state, id, e); err != nil {
			s.b.Fatal(err)
		}
		s.log = append(s.log, &eventlog.Event{Seq: e.Seq, At: int64(e.At), Stream: task.StreamOf(id), Version: e.Version, Type: e.Type.String(),
			V: e.Type.SchemaVersion(), Data: task.AppendData(nil, e.Type, &e.Data), HasPayload: e.HasPayload})
	}
}

func (s *suspended) apply() {
	if err := s.views.Apply(s.log); err != nil {
		s.b.Fatal(err)
	}
	s.log = s.log[:0]
}

// suspend submits a task, and suspends it.
func (s *suspended) suspend() *task.Task {
	s.n++
	var id ulid.ULID
	_ = id.SetTime(uint64(s.now / 1000))
	id[15], id[14], id[13], id[12] = byte(s.n), byte(s.n>>8), byte(s.n>>16), byte(s.n>>24)
	state := new(task.Task)
	s.do(state, id, task.Submit{ID: id, Type: "ORDER"})
	s.do(state, id, task.Start{Worker: "host-1", LeaseSeconds: 30, TokenHash: [32]byte{1}})
	c := task.Suspend{Fence: state.Fence(), Step: "wait-for-payment", Kind: s.kind, Until: s.now + task.Micros(s.n)*task.Second}
	switch s.kind {
	case task.StepSignal:
		c.Signals = []string{fmt.Sprint("paid:", s.n)}
	case task.StepApproval:
		c.Role, c.Detail = "operator", []byte("{}")
	}
	s.do(state, id, c)
	s.apply()
	return state
}

func (s *suspended) wake(state *task.Task) {
	s.do(state, state.ID, task.Wake{Step: "wait-for-payment", Outcome: task.StepFired, Value: []byte("null")})
	s.apply()
}
