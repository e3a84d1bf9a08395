package scheduler

import (
	"errors"
	"fmt"
	"time"

	"daybook/eventlog"
)

// takesNoWork reports whether nothing but the ends of work may be written, or not even these.
func (l *loop) takesNoWork() bool { return l.full() || l.s.damage() != nil }

// full reports whether the log is to be left alone for now.
func (l *loop) full() bool { return l.s.full.Load() && time.Now().Before(l.fullUntil) }

// noteFull takes from the results of an append whether there is room.
func (l *loop) noteFull(results []eventlog.Result) {
	full := false
	for _, r := range results {
		full = full || errors.Is(r.Err, eventlog.ErrFull)
	}
	switch {
	case full:
		if !l.s.full.Swap(true) {
			l.s.o.Logger.Error("log is full: no new work is taken until there is room", "retry", fullProbe)
		}
		l.fullUntil = time.Now().Add(fullProbe)
	case l.s.full.Load() && !l.full() && !l.s.o.Log.HasRoom():
		l.fullUntil = time.Now().Add(fullProbe)
	case l.s.full.Load() && !l.full(): // believed until an append says otherwise
		l.s.full.Store(false)
		l.s.o.Logger.Info("log may have room again")
	}
}

// noRoom reports whether an entry was refused with nothing written.
func noRoom(err error) bool {
	return errors.Is(err, eventlog.ErrFull) || errors.Is(err, eventlog.ErrDamaged)
}

// damage is why the log takes nothing any more, nil while it is sound. It wraps
// eventlog.ErrDamaged.
func (s *Scheduler) damage() error { return s.o.Log.Damage() }

// readOnly marks the refusal of a log that was found damaged.
func readOnly(err error) error {
	if errors.Is(err, eventlog.ErrDamaged) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}
