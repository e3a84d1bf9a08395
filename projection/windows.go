package projection

import "daybook/task"

// Window is what happened in the last Seconds before now: counts to one second,
// percentiles to ten.
type Window struct {
	Seconds                      int
	Submitted, Succeeded, Failed int64
	Cancelled                    int64
	AttemptsFailed               int64       // attempts that ended in an error or lost their worker, last ones included
	Wait                         Percentiles // due and pending to start
	Run                          Percentiles // start to end of an attempt; not of those released or lost
}

// Percentiles in microseconds, within 3.2 %; zero when Count is.
type Percentiles struct {
	Count         int64
	P50, P95, P99 task.Micros
}

const (
	tallyWidth = 1 * task.Second
	tallyCount = 3600
	sliceWidth = 10 * task.Second
	sliceCount = 360
)

// windowSeconds are the windows that are kept, the shorter first.
var windowSeconds = [...]int{60, 300, 3600}

// tally counts what happened in one second.
type tally struct {
	second                                                  int64 // since 1970
	submitted, succeeded, failed, cancelled, attemptsFailed uint32
}

// slice measures what happened in ten seconds.
type slice struct {
	number    int64 // since 1970
	wait, run histogram
}

// windows is the last hour before the latest event, in two rings. It is driven by the
// times of events alone, so every fold of a log gives the same.
type windows struct {
	tallies [tallyCount]tally
	slices  [sliceCount]*slice // nil = never used
}

// add counts an event that led the task from a status to where it is now.
func (w *windows) add(rec *record, from task.Status, e *task.Event) {
	ran := from == task.Running
	switch e.Type {
	case task.EventSubmitted:
		w.tally(e.At).submitted++
	case task.EventStarted:
		w.slice(e.At).wait.add(e.At - rec.task.ReadyAt)
	case task.EventSucceeded:
		w.tally(e.At).succeeded++
		if ran {
			w.slice(e.At).run.add(e.At - rec.task.StartedAt)
		}
	case task.EventEnding:
		if ran {
			w.slice(e.At).run.add(e.At - rec.task.StartedAt)
		}
		if ran && e.Data.EndsAs == task.Failed {
			w.tally(e.At).attemptsFailed++
		}
	case task.EventAttemptFailed:
		w.tally(e.At).attemptsFailed++
		w.slice(e.At).run.add(e.At - rec.task.StartedAt)
	case task.EventFailed:
		t := w.tally(e.At)
		t.failed++
		if ran {
			t.attemptsFailed++
			w.slice(e.At).run.add(e.At - rec.task.StartedAt)
		}
	case task.EventCancelled:
		w.tally(e.At).cancelled++
		if ran {
			w.slice(e.At).run.add(e.At - rec.task.StartedAt)
		}
	case task.EventLeaseExpired:
		w.tally(e.At).attemptsFailed++
	}
}

// tally returns that of the second, emptied of what lay an hour before.
func (w *windows) tally(at task.Micros) *tally {
	second := int64(at / tallyWidth)
	t := &w.tallies[second%tallyCount]
	if t.second != second {
		*t = tally{second: second}
	}
	return t
}

// slice returns that of the ten seconds, empty if what is there lay an hour before.
func (w *windows) slice(at task.Micros) *slice {
	number := int64(at / sliceWidth)
	s := w.slices[number%sliceCount]
	if s == nil || s.number != number { // never overwritten: a copy may point to it
		s = &slice{number: number}
		w.slices[number%sliceCount] = s
	}
	return s
}

// copy returns the windows as they are now. Only the latest slice may still change.
func (w *windows) copy() *windows {
	c := *w
	latest := -1
	for i, s := range c.slices {
		if s != nil && (latest < 0 || s.number > c.slices[latest].number) {
			latest = i
		}
	}
	if latest >= 0 {
		s := *c.slices[latest]
		c.slices[latest] = &s
	}
	return &c
}

// Windows returns the last minute, five minutes and hour, and the seq they show.
func (v *Views) Windows(now task.Micros) ([]Window, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	list := make([]Window, 0, len(windowSeconds))
	var wait, run histogram
	var newer int64 // slices that the shorter windows have merged
	for _, seconds := range windowSeconds {
		window := Window{Seconds: seconds}
		v.windows.count(&window, now)
		older := task.Micros(seconds) * task.Second / sliceWidth
		v.windows.measure(&wait, &run, now, newer, int64(older))
		newer = int64(older)
		window.Wait, window.Run = wait.percentiles(), run.percentiles()
		list = append(list, window)
	}
	return list, v.Seq()
}

// count fills in the counts of a window. What is dated after now (the clock was set
// back) counts as now.
func (w *windows) count(window *Window, now task.Micros) {
	first := int64(now/tallyWidth) - int64(window.Seconds) + 1
	for i := range w.tallies {
		t := &w.tallies[i]
		if t.second < first || t.second == 0 {
			continue
		}
		window.Submitted += int64(t.submitted)
		window.Succeeded += int64(t.succeeded)
		window.Failed += int64(t.failed)
		window.Cancelled += int64(t.cancelled)
		window.AttemptsFailed += int64(t.attemptsFailed)
	}
}

// measure merges the slices whose age lies in newer … older − 1.
func (w *windows) measure(wait, run *histogram, now task.Micros, newer, older int64) {
	current := int64(now / sliceWidth)
	for _, s := range w.slices {
		if s == nil {
			continue
		}
		if age := max(current-s.number, 0); newer <= age && age < older {
			wait.merge(&s.wait)
			run.merge(&s.run)
		}
	}
}
