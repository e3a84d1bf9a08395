package scheduler

import (
	"context"
	"slices"
	"time"

	"daybook/task"
)

// recoverLeases takes over the leases that workers held when the server stopped: each for its
// whole length again.
func (l *loop) recoverLeases() {
	now := time.Now()
	var leases []*lease
	calls := make(map[string]heard)
	for s := range l.s.o.Views.Running() {
		if !s.Remote() || s.Holder.Token == nil {
			continue
		}
		length := time.Duration(s.Holder.LeaseSeconds) * time.Second
		one := &lease{id: s.ID, taskType: s.Type, fence: s.Fence(), worker: s.Holder.Worker, length: length, hash: *s.Holder.Token,
			deadline: now.Add(length), cancelled: s.CancelRequested, suspect: s.Suspect(), unheard: true, stream: s.Stream()}
		if t := s.Timeout.Duration(); t > 0 {
			one.timeout = now.Add(max(t-(l.s.o.Wall()-s.StartedAt).Duration(), length))
		}
		leases = append(leases, one)
		calls[one.worker] = calls[one.worker].with(s)
	}
	if len(leases) == 0 {
		return
	}
	l.readReports(calls)
	for _, one := range leases {
		l.s.leases.recovered(one, calls[one.worker])
	}
	l.s.o.Logger.Info("workers hold tasks from before the start; each lease runs for its whole length again", "leases", len(leases))
}

// heard is when a worker has called, as the log knows it: a beat is not in the log.
type heard struct {
	first, last task.Micros
	seq         int64 // of the latest event of the tasks that it holds that came after their starts; 0 = none
}

// with takes in that the worker has started a task, which it holds.
func (h heard) with(s *task.Task) heard {
	if h.first == 0 || s.StartedAt < h.first {
		h.first = s.StartedAt
	}
	h.last = max(h.last, s.StartedAt)
	if s.Version > s.LastFence {
		h.seq = max(h.seq, s.LastSeq)
	}
	return h
}

// readReports takes in the latest events of the tasks of workers, where the workers have written them.
func (l *loop) readReports(all map[string]heard) {
	var names []string
	for name, w := range all {
		if w.seq > 0 {
			names = append(names, name)
		}
	}
	for some := range slices.Chunk(names, 1000) {
		var seqs []int64
		for _, name := range some {
			seqs = append(seqs, all[name].seq)
		}
		events, err := l.s.o.Log.Events(context.Background(), seqs)
		if err != nil {
			l.s.o.Logger.Warn("the latest reports of workers cannot be read; they count as heard when they started their tasks", "err", err)
			break
		}
		for i, e := range events {
			if e.Type == task.EventProgressed.String() || e.Type == task.EventStepRecorded.String() {
				w := all[some[i]]
				w.last = max(w.last, task.Micros(e.At))
				all[some[i]] = w
			}
		}
	}
}

// recovered puts a lease from before the start of the server into the table. Its worker was heard then, not now.
func (t *leaseTable) recovered(l *lease, before heard) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.workers[l.worker]
	if w == nil {
		w = t.worker(l.worker, before.last.Time())
		w.Since = before.first.Time()
	}
	t.put(l, w)
}
