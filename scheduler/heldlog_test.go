package scheduler

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// heldLog is a log whose appends wait, one by one, until they are let go.
type heldLog struct {
	*fullLog
	holding atomic.Bool
	gate    chan error // lets the append that waits go on; an error is what became of it

	mu    sync.Mutex
	ids   []ulid.ULID // guarded by mu; the tasks of the latest append, in the order of its events
	calls int         // guarded by mu
	read  []int64     // guarded by mu; the payloads that were asked for
}

func newHeld(log eventlog.Log) *heldLog {
	return &heldLog{fullLog: &fullLog{Log: log}, gate: make(chan error)}
}

// Append waits until it is let go.
func (h *heldLog) Append(ctx context.Context, entries []eventlog.Entry) []eventlog.Result {
	h.mu.Lock()
	h.ids = nil
	for _, e := range entries {
		for _, r := range e.Events {
			if id, ok := task.ParseStream(r.Stream); ok {
				h.ids = append(h.ids, id)
			}
		}
	}
	h.calls++
	h.mu.Unlock()
	if h.holding.Load() {
		if err := <-h.gate; err != nil {
			results := make([]eventlog.Result, len(entries))
			for i := range results {
				results[i].Err = err
			}
			return results
		}
	}
	return h.fullLog.Append(ctx, entries)
}

func (h *heldLog) Payloads(ctx context.Context, seqs []int64, fn func(i int, body []byte, err error) error) error {
	h.mu.Lock()
	h.read = append(h.read, seqs...)
	h.mu.Unlock()
	return h.fullLog.Payloads(ctx, seqs, fn)
}

// asked is the payloads that were asked for since the last time.
func (h *heldLog) asked() []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	read := h.read
	h.read = nil
	return read
}

// let lets the append that waits go on, and waits until the scheduler has nothing to do.
func (h *heldLog) let(err error) {
	h.gate <- err
	synctest.Wait()
}

// release lets all go on.
func (h *heldLog) release() {
	h.holding.Store(false)
	for more := true; more; {
		synctest.Wait()
		select {
		case h.gate <- nil:
		default:
			more = false
		}
	}
}

// inFlight is the tasks of the append that waits.
func (h *heldLog) inFlight() []ulid.ULID {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ids
}

// asked is a command on its way.
type asked struct {
	done chan struct{}
	got  []Submitted
	err  error
}

func (a *asked) answered() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// ask sends submits without waiting for the answer, and lets the scheduler decide.
func (b *bench) ask(submits ...task.Submit) *asked {
	a := &asked{done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.got, a.err = b.s.Submit(context.Background(), "anonymous", submits)
	}()
	synctest.Wait()
	return a
}

// askDo does the same with a command on a task.
func (b *bench) askDo(id ulid.ULID, c task.Command) *asked {
	a := &asked{done: make(chan struct{})}
	go func() {
		defer close(a.done)
		t, err := b.s.Do(context.Background(), "anonymous", id, c)
		a.got, a.err = []Submitted{{Task: t}}, err
	}()
	synctest.Wait()
	return a
}

// held runs the test with a scheduler whose appends are held from now on.
func held(t *testing.T, o Options, test func(t *testing.T, b *bench, log *heldLog)) {
	t.Helper()
	bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
		log := newHeld(memory)
		b := open(t, log, o)
		log.holding.Store(true)
		test(t, b, log)
		log.release()
		if err := b.stop(); err != nil && !b.s.State().Failed {
			t.Errorf("run: %v", err)
		}
		b.wantSound()
	})
}

// wantSound checks that the views are what the log says.
func (b *bench) wantSound() {
	b.t.Helper()
	if got, want := b.s.o.Views.Seq(), b.log.Head().Seq; got != want && !b.s.State().Failed {
		b.t.Errorf("the views are at %d, the log is at %d", got, want)
	}
}
