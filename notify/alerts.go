package notify

import (
	"context"
	"time"

	"daybook/projection"
	"daybook/task"
)

// lookEvery is how often alerts are measured.
const lookEvery = 2 * time.Second

// Alerts measures what alerts watch, and writes down when they fire and recover, until ctx ends. After a start an alert needs
// its whole time again until it turns.
func Alerts(ctx context.Context, o Options) {
	w := watch{o: o, turning: make(map[string]turn)}
	for ctx.Err() == nil {
		changed := o.Views.Changed()
		if w.look(ctx, task.MicrosOf(time.Now())) == 0 {
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
		sleep(ctx, lookEvery)
	}
}

// watch is what Alerts owns.
type watch struct {
	o          Options
	turning    map[string]turn // by the name of the alert: those that are about to fire or to recover
	complained time.Time
}

// turn is since when an alert has been about to turn.
type turn struct {
	created int64 // the alert's CreatedSeq
	since   task.Micros
}

// look measures all alerts, and returns how many there are.
func (w *watch) look(ctx context.Context, now task.Micros) int {
	all, _ := w.o.Views.Alerts()
	turning := make(map[string]turn)
	for _, a := range all {
		value := w.o.Views.Measure(a, now)
		if holds := value > a.Above; holds == a.Firing {
			continue
		}
		at := w.turning[a.Name]
		if at.created != a.CreatedSeq || at.since > now {
			at = turn{a.CreatedSeq, now}
		}
		turning[a.Name] = at
		if now-at.since >= a.For {
			w.turn(ctx, a, value, at.since)
		}
	}
	w.turning = turning
	return len(all)
}

// turn writes down that an alert fires or recovers; if that fails, the next look tries again.
func (w *watch) turn(ctx context.Context, a *projection.Alert, value float64, since task.Micros) {
	err := w.o.Scheduler.TurnAlert(ctx, a, !a.Firing, value, since)
	if err == nil || ctx.Err() != nil || time.Since(w.complained) < complainAgain {
		return
	}
	w.complained = time.Now()
	w.o.Logger.Warn("an alert cannot be written down for now; it is tried again", "alert", a.Name, "error", err)
}
