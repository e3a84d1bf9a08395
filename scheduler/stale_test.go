package scheduler

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/task"
)

// laterLog is a log that learns only at CatchUp what another node has appended.
type laterLog struct {
	eventlog.Log
	appends func()
	err     error
}

func (l *laterLog) CatchUp(context.Context) error {
	if l.appends != nil {
		l.appends()
		l.appends = nil
	}
	return l.err
}

// A node that does not know yet that another one has appended does not say that there is no work.
func TestANodeThatIsNotUpToDateDoesNotSayThatThereIsNoWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := eventlogtest.NewMemory()
		log := &laterLog{Log: memory}
		b := open(t, log, Options{Node: "a", CatchUp: log.CatchUp})
		other := newForeigner(t, 1)
		if got := b.poll("w", 1); len(got) != 0 {
			t.Errorf("the worker got %d tasks of none", len(got))
		}
		submit := func() { other.submit(memory, task.Submit{Type: "REMOTE", MaxAttempts: 1}) }
		log.appends = submit
		if got := b.poll("w", 1); len(got) != 1 {
			t.Errorf("the worker got %d tasks, though another node had appended one", len(got))
		}
		log.appends = submit
		b.submit(remote())
		if got := b.poll("w", 1); len(got) != 1 || log.appends == nil {
			t.Errorf("the worker got %d tasks; that its start was appended shows that nobody was faster: %t", len(got), log.appends != nil)
		}
		if got := b.poll("w", 5); len(got) != 1 || log.appends != nil {
			t.Errorf("the worker got %d tasks", len(got))
		}
		log.err = eventlog.ErrUnavailable
		if got, err := b.s.Lease(t.Context(), LeaseRequest{Worker: "w", Types: []string{"REMOTE"}, Max: 1, Length: time.Minute}); !errors.Is(err, eventlog.ErrUnavailable) {
			t.Errorf("a node that is cut off gives %d tasks, %v", len(got), err)
		}
		if err := <-b.done; !errors.Is(err, eventlog.ErrUnavailable) {
			t.Errorf("it has stopped with %v", err)
		}
	})
}

// Another node appends at the moment at which a worker that does not wait is to get a task: it gets it in the second try.
func TestAWorkerGetsWhatIsReadyAlsoAfterAConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := newForeigner(t, 1)
		var comes bool
		log := eventlogtest.NewContested(eventlogtest.NewMemory(), func(log eventlog.Log) {
			if comes {
				comes = false
				other.submit(log, task.Submit{Type: "T", MaxAttempts: 1, RunAt: task.MicrosOf(time.Now().Add(time.Hour))})
			}
		})
		b := open(t, log, Options{})
		defer b.stop()
		b.submit(remote())
		comes = true
		if got := b.poll("w", 1); len(got) != 1 || comes {
			t.Errorf("the worker got %d tasks; the other node still is to append: %t", len(got), comes)
		}
	})
}
