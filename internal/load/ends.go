package load

import (
	"sync"
	"time"
)

// taskID is the text of a task's id.
type taskID [26]byte

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
	due    map[taskID]time.Duration
	early  map[taskID]end // ends of tasks whose answer is not here yet, or that are not ours
	older  map[taskID]end // early ones of before
	turned time.Duration  // when early became older last
	change chan struct{}  // closed at the next end
}

func newEnds(t *tally) *ends {
	return &ends{tally: t, due: map[taskID]time.Duration{}, early: map[taskID]end{}, change: make(chan struct{})}
}

// expect notes a task that was accepted.
func (e *ends) expect(id []byte, due time.Duration) {
	key, ok := keyOf(id)
	if !ok {
		return
	}
	e.mu.Lock()
	done, early := e.early[key]
	if early {
		delete(e.early, key)
	} else if done, early = e.older[key]; early {
		delete(e.older, key)
	} else {
		e.due[key] = due
	}
	e.mu.Unlock()
	if early {
		e.tally.end(due, done.at, done.outcome)
	}
}

// end notes that a task has ended.
func (e *ends) end(id []byte, now time.Duration, outcome string) {
	key, ok := keyOf(id)
	if !ok {
		return
	}
	e.mu.Lock()
	due, ours := e.due[key]
	if ours {
		delete(e.due, key)
		if len(e.due) == 0 || len(e.due)%64 == 0 { // who waits need not be woken for each
			close(e.change)
			e.change = make(chan struct{})
		}
	} else {
		// Tasks of others end too. No answer takes longer than two turns.
		if now-e.turned > answerTime+slack {
			e.older, e.early, e.turned = e.early, map[taskID]end{}, now
		}
		e.early[key] = end{now, outcome}
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

func keyOf(id []byte) (key taskID, ok bool) {
	return key, copy(key[:], id) == len(key) && len(id) == len(key)
}
