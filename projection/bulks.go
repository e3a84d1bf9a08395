package projection

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"daybook/eventlog"
	"daybook/task"
)

// Types of the events of the stream of a bulk, "bulk:ULID".
const (
	BulkStartedType = "bulk.started"
	BulkAppliedType = "bulk.applied"
	BulkEndedType   = "bulk.ended"
)

// bulk.started has version 2 if its filter has ids, which older programs do not know: they would change all tasks.
var bulkEventTypes = map[string]int{BulkStartedType: 2, BulkAppliedType: 1, BulkEndedType: 1}

const (
	// KeptBulks is how many bulks that have ended are kept in the views. The log has all.
	KeptBulks = 200
	// MaxBulks is how many bulks may run at one time.
	MaxBulks = 16
)

// BulkAction is what a bulk does with each task. The names are part of the log and never change.
type BulkAction string

// The actions of bulks.
const (
	BulkCancel       BulkAction = "cancel"
	BulkRetry        BulkAction = "retry"
	BulkReprioritise BulkAction = "reprioritise"
	BulkRunNow       BulkAction = "run_now"
	BulkMove         BulkAction = "move"
	BulkErase        BulkAction = "erase"
	BulkUndo         BulkAction = "undo" // takes back another bulk
)

// BulkOutcome is how a bulk ended.
type BulkOutcome string

// The outcomes of bulks.
const (
	BulkDone    BulkOutcome = "done"
	BulkStopped BulkOutcome = "stopped" // by somebody, before its end
)

// BulkPlace is where a bulk goes on.
type BulkPlace struct {
	// Seq: tasks submitted before it are next. Of an undo: the event bulk.applied that is next to be undone, or the first after it.
	Seq int64 `json:"seq"`
	// Done is how many tasks of that event are done; only of an undo.
	Done int `json:"done,omitempty"`
}

// BulkStarted is the data of bulk.started.
type BulkStarted struct {
	Action   BulkAction       `json:"action"`
	Priority *int             `json:"priority,omitempty"` // reprioritise
	RunAt    task.Micros      `json:"run_at,omitempty"`   // move
	Undoes   string           `json:"undoes,omitempty"`   // undo: the id of the bulk that is taken back
	Matched  int64            `json:"matched"`            // tasks that matched when it started
	Skipped  map[string]int64 `json:"skipped,omitempty"`  // of these, those that the action is not for, by reason
	From     BulkPlace        `json:"from"`
}

// BulkApplied is the data of bulk.applied: one chunk of tasks.
type BulkApplied struct {
	Changed int64            `json:"changed"`
	Skipped map[string]int64 `json:"skipped,omitempty"` // by reason
	Next    BulkPlace        `json:"next"`
}

// BulkChange is one task that a bulk has changed, as the payload of bulk.applied has it: {"tasks":[…]}.
type BulkChange struct {
	ID      string `json:"id"`
	Version int64  `json:"version"` // of the task after the change
	// Before is what the action has replaced: of reprioritise the priority, of run_now and move the run_at in microseconds.
	Before int64 `json:"before,omitempty"`
}

// BulkEnded is the data of bulk.ended.
type BulkEnded struct {
	Outcome BulkOutcome      `json:"outcome"`
	Changed int64            `json:"changed"`
	Skipped map[string]int64 `json:"skipped,omitempty"`
}

// Bulk is a bulk as its events have left it. The payload of its event StartedSeq is {"filter":…,"reason":…}.
type Bulk struct {
	ID string `json:"id"` // a ULID: its stream is bulk:ID
	BulkStarted
	Actor      string      `json:"actor"` // who started it
	StartedSeq int64       `json:"started_seq"`
	StartedAt  task.Micros `json:"started_at"`
	Version    int64       `json:"version"` // of its latest event
	Next       BulkPlace   `json:"next"`
	Changed    int64       `json:"changed,omitempty"`
	EndedAt    task.Micros `json:"ended_at,omitempty"` // 0 = it runs
	EndedBy    string      `json:"ended_by,omitempty"` // the actor
	Outcome    BulkOutcome `json:"outcome,omitempty"`
	UndoneBy   string      `json:"undone_by,omitempty"` // the id of the latest bulk that has taken something of it back
}

// Stream is the name of its stream.
func (b *Bulk) Stream() string { return "bulk:" + b.ID }

// Running reports whether it has not ended.
func (b *Bulk) Running() bool { return b.EndedAt == 0 }

// CountSkipped is how many tasks were skipped, whatever the reason.
func (b *Bulk) CountSkipped() (n int64) {
	for _, k := range b.Skipped {
		n += k
	}
	return n
}

// bulks is the fold of the streams of bulks.
type bulks struct {
	List []*Bulk `json:"list,omitempty"` // in the order in which they were started
}

func (f *bulks) apply(e *eventlog.Event) error {
	_, id, _ := strings.Cut(e.Stream, ":")
	at := f.find(id)
	if at < 0 != (e.Type == BulkStartedType) || at >= 0 && !f.List[at].Running() {
		return fmt.Errorf("%w: %s", task.ErrIllegal, e.Type)
	}
	if at < 0 {
		return f.start(e, id)
	}
	next := *f.List[at] // readers have the old one
	next.Version = e.Version
	switch e.Type {
	case BulkAppliedType:
		var d BulkApplied
		if err := bulkData(e, &d); err != nil {
			return err
		}
		next.Next, next.Changed, next.Skipped = d.Next, next.Changed+d.Changed, AddSkipped(next.Skipped, d.Skipped)
		if d.Changed > 0 {
			f.undone(next.Undoes, next.ID)
		}
	case BulkEndedType:
		var d BulkEnded
		if err := bulkData(e, &d); err != nil {
			return err
		}
		next.EndedAt, next.EndedBy, next.Outcome = task.Micros(e.At), strings.Clone(e.Actor), d.Outcome
	}
	f.List[at] = &next
	f.prune()
	return nil
}

func (f *bulks) start(e *eventlog.Event, id string) error {
	b := &Bulk{ID: strings.Clone(id), Actor: strings.Clone(e.Actor), StartedSeq: e.Seq, StartedAt: task.Micros(e.At), Version: e.Version}
	if err := bulkData(e, &b.BulkStarted); err != nil {
		return err
	}
	b.Next = b.From
	f.List = append(f.List, b)
	return nil
}

// undone notes which bulk has taken something of another back.
func (f *bulks) undone(id, by string) {
	at := f.find(id)
	if at < 0 || f.List[at].UndoneBy == by {
		return
	}
	b := *f.List[at]
	b.UndoneBy = by
	f.List[at] = &b
}

func (f *bulks) find(id string) int {
	return slices.IndexFunc(f.List, func(b *Bulk) bool { return b.ID == id })
}

// prune forgets the first bulks that have ended while there are too many.
func (f *bulks) prune() {
	ended := 0
	for _, b := range f.List {
		if !b.Running() {
			ended++
		}
	}
	f.List = slices.DeleteFunc(f.List, func(b *Bulk) bool {
		old := !b.Running() && ended > KeptBulks
		if old {
			ended--
		}
		return old
	})
}

func bulkData(e *eventlog.Event, into any) error {
	if err := json.Unmarshal(e.Data, into); err != nil {
		return fmt.Errorf("%w: %s: %w", task.ErrData, e.Type, err)
	}
	return nil
}

// AddSkipped returns the sums of counts by reason, and changes neither; nil for none.
func AddSkipped(a, b map[string]int64) map[string]int64 {
	if len(b) == 0 {
		return a
	}
	sum := maps.Clone(a)
	if sum == nil {
		sum = make(map[string]int64)
	}
	for why, n := range b {
		if sum[why] += n; sum[why] == 0 {
			delete(sum, why)
		}
	}
	if len(sum) == 0 {
		return nil
	}
	return sum
}

func (f *bulks) version(stream string) int64 {
	_, id, _ := strings.Cut(stream, ":")
	if at := f.find(id); at >= 0 {
		return f.List[at].Version
	}
	return 0
}

// Bulks returns the bulks that run and the latest that have ended, the newest first, and the seq they show. They are not to be
// changed.
func (v *Views) Bulks() ([]*Bulk, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	list := slices.Clone(foldIn[*bulks](v.streams).List)
	slices.Reverse(list)
	return list, v.Seq()
}

// Bulk returns a bulk by its id, nil if the views do not know it, and the seq it shows. It is not to be changed.
func (v *Views) Bulk(id string) (*Bulk, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	f := foldIn[*bulks](v.streams)
	if at := f.find(id); at >= 0 {
		return f.List[at], v.Seq()
	}
	return nil, v.Seq()
}

// RunningBulks returns the bulks that have not ended, in the order in which they were started.
func (v *Views) RunningBulks() (running []*Bulk) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, b := range foldIn[*bulks](v.streams).List {
		if b.Running() {
			running = append(running, b)
		}
	}
	return running
}
