package load

import (
	"context"
	"time"
)

// sleeper sleeps short spans well: a request that is sent late by its own sender would
// be held against the server.
type sleeper interface {
	Sleep(d time.Duration)
	Close()
}

// coarse is how far off a timer of the runtime may be where the poller of the network
// counts in milliseconds.
const coarse = 2 * time.Millisecond

// sleepFor sleeps exactly d; false when ctx ended before. A long sleep is left to the
// runtime, all but its end.
func sleepFor(ctx context.Context, s sleeper, d time.Duration) bool {
	if d > 2*coarse {
		until := time.Now().Add(d)
		timer := time.NewTimer(d - coarse)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
		d = time.Until(until)
	}
	if d > 0 {
		s.Sleep(d)
	}
	return ctx.Err() == nil
}

// plainSleeper sleeps as the runtime does.
type plainSleeper struct{}

func (plainSleeper) Sleep(d time.Duration) { time.Sleep(d) }
func (plainSleeper) Close()                {}
