package eventlog

import (
	"context"
	"sync"
)

// Follower reads a log from a seq onwards at its own pace. Its only state is the
// seq it has reached, so there is no hand-over from old events to live ones.
// It is used by one goroutine and needs no closing.
type Follower struct {
	log    Log
	signal *Signal
	after  int64
}

// NewFollower returns a follower of log that is woken by signal. Engines call it
// from Follow; signal must be raised after every append that moved the head.
func NewFollower(log Log, signal *Signal, after int64) *Follower {
	return &Follower{log: log, signal: signal, after: after}
}

// After is the seq that has been delivered, or scanned and filtered out.
func (f *Follower) After() int64 { return f.after }

// Next waits until something lies after the follower's seq and returns up to limit
// matching events, moving on. The slice is empty when all that was scanned was
// filtered out. It ends with ctx's error or that of Read.
func (f *Follower) Next(ctx context.Context, filter Filter, limit int) ([]*Event, error) {
	for {
		changed := f.signal.Wait()
		if f.log.Head().Seq > f.after {
			page, err := f.log.Read(ctx, f.after, filter, limit)
			if err != nil {
				return nil, err
			}
			if page.Scanned > f.after {
				f.after = page.Scanned
				return page.Events, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		}
	}
}

// Signal wakes any number of waiters. The zero value is ready for use.
type Signal struct {
	mu sync.Mutex
	ch chan struct{} // guarded by mu; nil while nobody waits
}

// Wait returns a channel that is closed by the next Raise. Take it before
// looking at the state that is waited for.
func (s *Signal) Wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

// Raise wakes all who wait. It costs one mutex when nobody does.
func (s *Signal) Raise() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
