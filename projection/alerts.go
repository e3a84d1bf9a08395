package projection

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"daybook/eventlog"
	"daybook/task"
)

// Types of the events of alerts. A name can be used again after it was deleted.
const (
	AlertCreated   = "alert.created"
	AlertDeleted   = "alert.deleted"
	AlertFired     = "alert.fired"
	AlertRecovered = "alert.recovered"
)

var alertEvents = map[string]int{AlertCreated: 1, AlertDeleted: 1, AlertFired: 1, AlertRecovered: 1}

// MaxAlerts is how many alerts there can be.
const MaxAlerts = 100

// Measure is what an alert watches.
type Measure string

// The measures.
const (
	OldestReady Measure = "oldest_ready_seconds" // since when the task has been ready that has been so for longest
	QueueDepth  Measure = "queue_depth"          // pending tasks
	FailureRate Measure = "failure_rate"         // failed tasks by all that ended in SUCCESS or FAILED, 0 … 1
)

// AlertRule is when an alert fires, as its alert.created says it.
type AlertRule struct {
	When     Measure     `json:"when"`
	Above    float64     `json:"above"`               // it holds while the measure is larger
	Queue    string      `json:"queue,omitempty"`     // of OldestReady and QueueDepth; "" = all
	TaskType string      `json:"task_type,omitempty"` // of FailureRate; "" = all but DeliveryType
	Window   task.Micros `json:"window,omitempty"`    // of FailureRate: over which time
	Least    int64       `json:"least,omitempty"`     // of FailureRate: with fewer tasks it is 0
	For      task.Micros `json:"for"`                 // how long it must hold until the alert fires, and not hold until it recovers
}

// Alert is an alert as its events have left it.
type Alert struct {
	AlertRule
	Name        string      `json:"name"`
	CreatedAt   task.Micros `json:"created_at"`
	CreatedBy   string      `json:"created_by"` // the actor
	Version     int64       `json:"version"`    // of its latest event
	CreatedSeq  int64       `json:"created_seq"`
	Firing      bool        `json:"firing,omitempty"`
	FiredAt     task.Micros `json:"fired_at,omitempty"`
	Value       float64     `json:"value,omitempty"` // when it last fired or recovered
	RecoveredAt task.Micros `json:"recovered_at,omitempty"`
	Fired       int64       `json:"fired,omitempty"` // how often
}

// alertParts is into how many parts the window of a failure rate is divided.
const alertParts = 60

// endedTasks counts the tasks that have ended in the window of a failure rate. The place of a part of the window is its
// number modulo alertParts.
type endedTasks struct {
	TaskType string      `json:"task_type,omitempty"` // "" = all but DeliveryType
	Part     task.Micros `json:"part"`                // length of a part
	Parts    []endedPart `json:"parts"`
}

// endedPart is how many tasks have ended in a part of a window.
type endedPart struct {
	Number    int64 `json:"number"` // parts since 1970
	Succeeded int64 `json:"succeeded,omitempty"`
	Failed    int64 `json:"failed,omitempty"`
}

// rate is the failure rate in the window before a moment, and of how many tasks.
func (r *endedTasks) rate(now task.Micros) (rate float64, tasks int64) {
	var failed int64
	last := int64(now / r.Part)
	for _, p := range r.Parts {
		if p.Number > last-alertParts {
			failed += p.Failed
			tasks += p.Failed + p.Succeeded
		}
	}
	return float64(failed) / float64(max(tasks, 1)), tasks
}

// AlertData is the data of alert.fired and alert.recovered.
type AlertData struct {
	When  Measure     `json:"when"`
	Value float64     `json:"value"`
	Above float64     `json:"above"`
	Since task.Micros `json:"since"` // when it began to hold, or not to
}

// alerts is the fold of the streams of alerts, "alert:NAME".
type alerts struct {
	List  []*Alert               `json:"list,omitempty"`  // by name
	Gone  map[string]int64       `json:"gone,omitempty"`  // by name of those that were deleted: the version of the latest event
	Ended map[string]*endedTasks `json:"ended,omitempty"` // by name of those on a failure rate
}

func (f *alerts) find(name string) (at int, found bool) {
	return slices.BinarySearchFunc(f.List, name, func(a *Alert, name string) int { return cmp.Compare(a.Name, name) })
}

func (f *alerts) apply(e *eventlog.Event) error {
	_, name, _ := strings.Cut(e.Stream, ":")
	at, found := f.find(name)
	if found == (e.Type == AlertCreated) || !task.ValidName(name) {
		return fmt.Errorf("%w: %s", task.ErrIllegal, e.Type)
	}
	switch e.Type {
	case AlertCreated:
		a := &Alert{Name: strings.Clone(name), CreatedAt: task.Micros(e.At), CreatedBy: strings.Clone(e.Actor), Version: e.Version, CreatedSeq: e.Seq}
		if err := json.Unmarshal(e.Data, &a.AlertRule); err != nil {
			return fmt.Errorf("%w: %s: %w", task.ErrData, e.Type, err)
		}
		if a.When == FailureRate {
			if f.Ended == nil {
				f.Ended = make(map[string]*endedTasks)
			}
			f.Ended[a.Name] = &endedTasks{TaskType: a.TaskType, Part: max(a.Window/alertParts, 1), Parts: make([]endedPart, alertParts)}
		}
		f.List = slices.Insert(f.List, at, a)
		delete(f.Gone, name)
	case AlertDeleted:
		if f.Gone == nil {
			f.Gone = make(map[string]int64)
		}
		f.Gone[strings.Clone(name)] = e.Version
		f.List = slices.Delete(f.List, at, at+1)
		delete(f.Ended, name)
	default:
		var d AlertData
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return fmt.Errorf("%w: %s: %w", task.ErrData, e.Type, err)
		}
		a := *f.List[at] // readers have the old one
		a.Version, a.Value, a.Firing = e.Version, d.Value, e.Type == AlertFired
		if a.Firing {
			a.FiredAt, a.Fired = task.Micros(e.At), a.Fired+1
		} else {
			a.RecoveredAt = task.Micros(e.At)
		}
		f.List[at] = &a
	}
	return nil
}

// ended counts a task that has ended, for the alerts on failure rates.
func (f *alerts) ended(t *task.Task, e *task.Event) {
	if len(f.Ended) == 0 || e.Type != task.EventSucceeded && e.Type != task.EventFailed {
		return
	}
	for _, r := range f.Ended {
		if r.TaskType != t.Type && (r.TaskType != "" || t.Type == DeliveryType) { // deliveries are counted by name only
			continue
		}
		number := int64(e.At / r.Part)
		p := &r.Parts[number%alertParts]
		if p.Number != number {
			*p = endedPart{Number: number}
		}
		if e.Type == task.EventFailed {
			p.Failed++
		} else {
			p.Succeeded++
		}
	}
}

func (f *alerts) version(stream string) int64 {
	_, name, _ := strings.Cut(stream, ":")
	if at, found := f.find(name); found {
		return f.List[at].Version
	}
	return f.Gone[name]
}

// Alerts returns all alerts, by name, and the seq they show. They are not to be changed.
func (v *Views) Alerts() ([]*Alert, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Clone(foldIn[*alerts](v.streams).List), v.Seq()
}

// Alert returns the alert of that name, nil if there is none, and the seq it shows.
func (v *Views) Alert(name string) (*Alert, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	f := foldIn[*alerts](v.streams)
	if at, found := f.find(name); found {
		return f.List[at], v.Seq()
	}
	return nil, v.Seq()
}

// AlertsFiring is how many alerts fire.
func (v *Views) AlertsFiring() (n int) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, a := range foldIn[*alerts](v.streams).List {
		if a.Firing {
			n++
		}
	}
	return n
}

// Measure is what an alert watches, at a moment.
func (v *Views) Measure(a *Alert, now task.Micros) float64 {
	queues := []string{a.Queue}
	switch {
	case a.When == FailureRate:
		v.mu.RLock()
		defer v.mu.RUnlock()
		r := foldIn[*alerts](v.streams).Ended[a.Name]
		if r == nil {
			return 0
		}
		if rate, tasks := r.rate(now); tasks >= a.Least {
			return rate
		}
		return 0
	case a.Queue == "":
		queues = v.LiveQueues()
	}
	var depth int64
	var oldest task.Micros
	for _, queue := range queues {
		if a.When == QueueDepth {
			pending, _ := v.QueueDepth(queue)
			depth += pending
		} else if _, since := v.QueueReady(queue); since != 0 && (oldest == 0 || since < oldest) {
			oldest = since
		}
	}
	if oldest != 0 {
		return max((now - oldest).Duration().Seconds(), 0)
	}
	return float64(depth)
}
