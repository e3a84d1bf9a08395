package load

import (
	"sync"
	"time"
)

// end is the end of a task.
type end struct {
	at      time.Duration // since the beginning of the run
	outcome string        // the type of the event
}

// ends pairs the tasks that were accepted with the events that end them. Either may be
// known first. Safe for concurrent use.
type ends struct {
	tally *tally

	mu     sync.Mutex // guards all below
	due    map[string]time.Duration
	early  map[string]end // ends of tasks whose answer is not here yet, or that are not ours
	older  map[string]end // early ones of before
	turned time.Duration  // when early became older last
	change chan struct{}  // closed at the next end
}

func newEnds(t *tally) *ends {
	return &ends{tally: t, due: map[string]time.Duration{}, early: map[string]end{}, change: make(chan struct{})}
}

// expect notes a task that was accepted.
func (e *ends) expect(id string, due time.Duration) {
	e.mu.Lock()
	done, early := e.early[id]
	if early {
		delete(e.early, id)
	} else if done, early = e.older[id]; early {
		delete(e.older, id)
	} else {
		e.due[id] = due
	}
	e.mu.Unlock()
	if early {
		e.tally.end(due, done.at, done.outcome)
	}
}

// end notes that a task has ended.
func (e *ends) end(id string, now time.Duration, outcome string) {
	e.mu.Lock()
	due, ours := e.due[id]
	if ours {
		delete(e.due, id)
		if len(e.due) == 0 || len(e.due)%64 == 0 { // the waiter need not be woken for each
			close(e.change)
			e.change = make(chan struct{})
		}
	} else {
		// Tasks of others end too. No answer takes longer than two turns.
		if now-e.turned > answerTime+slack {
			e.older, e.early, e.turned = e.early, map[string]end{}, now
		}
		e.early[id] = end{now, outcome}
	}
	e.mu.Unlock()
	if ours {
		e.tally.end(due, now, outcome)
	}
}

// open is how many accepted tasks have not ended.
func (e *ends) open() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return int64(len(e.due))
}

// changed is closed when there are fewer open tasks, soon if not at once.
func (e *ends) changed() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.change
}
