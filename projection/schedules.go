package projection

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"daybook/eventlog"
	"daybook/schedule"
	"daybook/task"
)

// scheduleEvents are the events of a schedule's stream.
var scheduleEvents = map[string]int{
	"schedule.created": 1,
	"schedule.changed": 1,
	"schedule.deleted": 1,
	"schedule.fired":   1,
	"schedule.skipped": 1,
	"schedule.paused":  1,
	"schedule.resumed": 1,
}

// MaxSchedules is how many schedules there can be.
const MaxSchedules = 1000

// KeptRuns is how many of its latest runs a schedule remembers.
const KeptRuns = 50

// Schedule is a schedule as its events have left it.
type Schedule struct {
	schedule.Definition
	ID         string      `json:"id"`          // a ULID: its stream is schedule:ID
	DefinedSeq int64       `json:"defined_seq"` // of the event whose payload is the task
	LastSeq    int64       `json:"last_seq"`    // of its latest event
	Version    int64       `json:"version"`     // of its latest event
	CreatedAt  task.Micros `json:"created_at"`
	ChangedAt  task.Micros `json:"changed_at"`
	// Mark is the time up to which it is decided what became of its runs.
	Mark      task.Micros   `json:"mark"`
	PausedAt  task.Micros   `json:"paused_at,omitempty"` // 0 = it is not paused
	PausedWhy string        `json:"paused_why,omitempty"`
	PausedBy  string        `json:"paused_by,omitempty"`  // the actor
	PausedSeq int64         `json:"paused_seq,omitempty"` // of the event whose payload is the reason; 0 = none was given
	LastTask  string        `json:"last_task,omitempty"`
	Judged    bool          `json:"judged,omitempty"`   // how LastTask ended is in Failures
	Failures  int           `json:"failures,omitempty"` // in a row
	Fired     int64         `json:"fired,omitempty"`
	Skipped   int64         `json:"skipped,omitempty"`
	Runs      []ScheduleRun `json:"runs,omitempty"` // the latest, by time
	latest    string        // the task of its latest run, that of a backfill too; "" = LastTask
}

// ScheduleRun is one run that fired or was skipped, or several that were skipped.
type ScheduleRun struct {
	Seq     int64       `json:"seq"` // of the event
	Nominal string      `json:"nominal,omitempty"`
	At      task.Micros `json:"at"`              // when it was due, without jitter; of several, the last
	Final   bool        `json:"final,omitempty"` // it does not come again when the clock is set back
}

// Stream is the name of its stream.
func (s *Schedule) Stream() string { return "schedule:" + s.ID }

// schedules is the fold of schedule streams.
type schedules struct {
	List []*Schedule `json:"list"` // by name
}

func (f *schedules) apply(e *eventlog.Event) error {
	_, id, _ := strings.Cut(e.Stream, ":")
	at := slices.IndexFunc(f.List, func(s *Schedule) bool { return s.ID == id })
	if at < 0 != (e.Type == "schedule.created") {
		return fmt.Errorf("%w: %s", task.ErrIllegal, e.Type)
	}
	var old *Schedule
	if at >= 0 {
		old = f.List[at]
	}
	if e.Type == "schedule.deleted" {
		f.List = slices.Delete(f.List, at, at+1)
		return nil
	}
	next, err := old.next(e)
	if err != nil {
		return err
	}
	if old != nil {
		f.List[at] = next
		return nil
	}
	next.ID = strings.Clone(id)
	at, taken := slices.BinarySearchFunc(f.List, next.Name, func(s *Schedule, name string) int { return cmp.Compare(s.Name, name) })
	if taken {
		return fmt.Errorf("%w: %s with the name of another", task.ErrIllegal, e.Type)
	}
	f.List = slices.Insert(f.List, at, next)
	return nil
}

// next is the schedule after the event. The old one stays as it is: readers have it.
func (s *Schedule) next(e *eventlog.Event) (*Schedule, error) {
	var n Schedule
	if s != nil {
		n = *s
	}
	n.LastSeq, n.Version = e.Seq, e.Version
	var err error
	switch e.Type {
	case "schedule.created", "schedule.changed":
		err = n.define(e, s == nil)
	case "schedule.fired":
		var d schedule.Fired
		err = strictly(e, &d)
		n.Fired++
		n.latest = d.Task
		if !d.Backfill {
			n.LastTask, n.Judged, n.Failures = d.Task, false, d.Failures
		}
		if d.Nominal != "" && !d.Backfill {
			n.Mark = task.Micros(d.Due)
		}
		n.note(ScheduleRun{e.Seq, d.Nominal, task.Micros(d.Due), d.Nominal != ""})
	case "schedule.skipped":
		var d schedule.Skipped
		err = strictly(e, &d)
		n.Mark = task.Micros(max(d.Due, d.LastDue))
		n.Skipped += int64(max(d.Count, 1))
		n.note(ScheduleRun{e.Seq, cmp.Or(d.Last, d.Nominal), n.Mark, schedule.Decides(d.Why)})
	case "schedule.paused":
		var d schedule.Paused
		err = strictly(e, &d)
		n.PausedAt, n.PausedWhy, n.PausedBy, n.PausedSeq = task.Micros(e.At), d.Why, strings.Clone(e.Actor), 0
		if e.HasPayload {
			n.PausedSeq = e.Seq
		}
		if d.Failures > 0 {
			n.Failures, n.Judged = d.Failures, true
		}
	case "schedule.resumed":
		var d schedule.Resumed
		err = strictly(e, &d)
		n.PausedAt, n.PausedWhy, n.PausedBy, n.PausedSeq, n.Failures = 0, "", "", 0, 0
		n.Mark = max(n.Mark, clockOf(e, d.Clock))
	}
	return &n, err
}

// define folds a definition. Runs of other times than before count from now on.
func (s *Schedule) define(e *eventlog.Event, first bool) error {
	var d schedule.Defined
	if err := strictly(e, &d); err != nil {
		return err
	}
	if !first && d.Name != s.Name {
		return fmt.Errorf("%w: %s with another name", task.ErrIllegal, e.Type)
	}
	if first {
		s.CreatedAt = task.Micros(e.At)
	}
	if first || !d.SameTimes(&s.Definition) {
		s.Mark = clockOf(e, d.Clock)
	}
	s.Definition, s.DefinedSeq, s.ChangedAt = d.Definition, e.Seq, task.Micros(e.At)
	return nil
}

// clockOf is the wall clock at an event.
func clockOf(e *eventlog.Event, clock int64) task.Micros { return task.Micros(cmp.Or(clock, e.At)) }

// note remembers a run, and forgets the earliest when there are too many: after the clock was set
// back, the later ones say what has fired already.
func (s *Schedule) note(r ScheduleRun) {
	at, _ := slices.BinarySearchFunc(s.Runs, r, func(a, b ScheduleRun) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Seq, b.Seq)) })
	runs := make([]ScheduleRun, 0, len(s.Runs)+1)
	runs = append(append(append(runs, s.Runs[:at]...), r), s.Runs[at:]...)
	s.Runs = runs[max(0, len(runs)-KeptRuns):]
}

// strictly decodes data, and refuses any other encoding than that of package schedule.
func strictly(e *eventlog.Event, into any) error {
	if err := json.Unmarshal(e.Data, into); err != nil {
		return fmt.Errorf("%w: %s: %w", task.ErrData, e.Type, err)
	}
	if !bytes.Equal(schedule.Encode(into), e.Data) {
		return fmt.Errorf("%w: %s: not encoded as it must be", task.ErrData, e.Type)
	}
	return nil
}

// latestTask is the task of its latest run, "" for none.
func (s *Schedule) latestTask() string { return cmp.Or(s.latest, s.LastTask) }

// nameOf is the name of the schedule with an id, "" for none.
func (f *schedules) nameOf(id string) string {
	for _, s := range f.List {
		if s.ID == id {
			return s.Name
		}
	}
	return ""
}

// Schedules returns all schedules, by name, and the seq they show. They are not to be changed.
func (v *Views) Schedules() ([]*Schedule, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Clone(foldIn[*schedules](v.streams).List), v.Seq()
}

// Schedule returns the schedule of that name, nil if there is none, and the seq it shows.
func (v *Views) Schedule(name string) (*Schedule, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	list := foldIn[*schedules](v.streams).List
	at, found := slices.BinarySearchFunc(list, name, func(s *Schedule, name string) int { return cmp.Compare(s.Name, name) })
	if !found {
		return nil, v.Seq()
	}
	return list[at], v.Seq()
}
