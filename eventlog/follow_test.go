package eventlog_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
)

// meddling is a log to which something is appended in the moment when its head is looked at, after
// the look.
type meddling struct {
	*eventlogtest.Memory
	t   *testing.T
	due bool // to append at the next look
}

func (m *meddling) Head() eventlog.Head {
	head := m.Memory.Head()
	if m.due {
		m.due = false
		m.add()
	}
	return head
}

func (m *meddling) add() {
	e := &eventlog.Event{Stream: "task:a", Version: m.Memory.Head().Seq + 1, Type: "task.submitted", V: 1, Actor: "a", Data: []byte("{}")}
	if r := m.Append(m.t.Context(), []eventlog.Entry{{Events: []*eventlog.Event{e}}}); r[0].Err != nil {
		m.t.Error(r[0].Err)
	}
}

// What is appended between a follower's look and its wait wakes it.
func TestAFollowerIsWokenByWhatCameWhileItLooked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &meddling{Memory: eventlogtest.NewMemory(), t: t}
		var signal eventlog.Signal
		raised := &raising{meddling: log, signal: &signal}
		follower := eventlog.NewFollower(raised, &signal, 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for n := range int64(10) {
			log.due = true
			events, err := follower.Next(ctx, eventlog.Filter{}, 10)
			if err != nil || len(events) != 1 || events[0].Seq != n+1 {
				t.Fatalf("event %d: %d events, %v", n+1, len(events), err)
			}
		}
	})
}

// raising raises the signal when the head has moved, as an engine does.
type raising struct {
	*meddling
	signal *eventlog.Signal
}

func (r *raising) Head() eventlog.Head {
	head := r.meddling.Head()
	if r.Memory.Head() != head {
		r.signal.Raise()
	}
	return head
}
