// Package projection folds the log into views: the tasks, their counts, the order in
// which they are ready, where the events of a task lie, and what the last hour was like.
//
// A view is what the log says and nothing else: it may be thrown away and rebuilt at
// any time. Every view carries the seq it has applied. One goroutine writes (the
// scheduler's loop); anyone may read.
package projection

import (
	"context"
	"errors"
	"iter"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// ErrNotFound: no task has that id.
var ErrNotFound = errors.New("no such task")

// Views is all views of one log, at one seq.
type Views struct{}

// Change is one event that was appended, already decoded. For events that are not
// of a task, ID is zero and Event.Type is 0: they only move the seq.
type Change struct {
	ID    ulid.ULID
	Event *task.Event // Seq is set
}

// New returns the views of an empty log.
func New() *Views { panic("todo") }

// Rebuild folds the whole log, checking chain and gaps as it reads. progress, if not
// nil, is called now and then with the seq that was reached and the head. Errors:
// those of Scan; one that wraps task.ErrIllegal or task.ErrData and names the seq; an
// unknown type of event ("written by a newer Daybook").
func Rebuild(ctx context.Context, log eventlog.Log, progress func(done, head int64)) (*Views, error) {
	panic("todo")
}

// Apply folds events as they lie in the log. Events at or below Seq are ignored, so a
// batch delivered twice changes nothing; a gap is an error and changes nothing.
func (v *Views) Apply(events []*eventlog.Event) error { panic("todo") }

// ApplyChanges folds a batch that was just appended, in order and without gaps, under
// one lock, and wakes those who wait for changes. An error means the fold and the
// decider disagree, and the views must not be used any more.
func (v *Views) ApplyChanges(changes []Change) error { panic("todo") }

// Seq is the seq of the last event applied.
func (v *Views) Seq() int64 { panic("todo") }

// Query says which tasks to list, newest first. Lists mean "any of"; empty means all.
type Query struct {
	Statuses      []task.Status
	Types         []string
	Queues        []string
	Tags          []string
	IDPrefix      string      // of the id as clients see it
	CreatedAfter  task.Micros // exclusive; 0 = no bound
	CreatedBefore task.Micros // exclusive; 0 = no bound
	Before        int64       // only tasks submitted before this seq; 0 = from the newest
	Limit         int         // 1 … 1000
}

// Page is one page of tasks.
type Page struct {
	Tasks []task.Task
	Seq   int64 // the seq the page shows
	Next  int64 // Query.Before of the next page; 0 = this is the last one
	Total int64 // matches in all (Before and Limit apart)
	// Exact tells that Total is exact. It always is for any status × type × queue;
	// for other filters the count stops at 10,000.
	Exact bool
}

// List returns one page.
func (v *Views) List(ctx context.Context, q Query) (Page, error) { panic("todo") }

// Get returns the task and the seq at which it stood so. Errors: ErrNotFound.
func (v *Views) Get(ctx context.Context, id ulid.ULID) (task.Task, int64, error) { panic("todo") }

// History returns the seqs of all events of the task, oldest first. Errors: ErrNotFound.
func (v *Views) History(ctx context.Context, id ulid.ULID) ([]int64, error) { panic("todo") }

// Changes says which tasks changed after a seq: the rows as they are now, each once,
// at most limit, and the seq they show. truncated means that more changed, or that
// the seq is too far back to know: the reader must fetch its list again.
func (v *Views) Changes(after int64, limit int) (rows []task.Task, seq int64, truncated bool) {
	panic("todo")
}

// Changed returns a channel that is closed when the views next move. Take it before
// looking at Seq.
func (v *Views) Changed() <-chan struct{} { panic("todo") }

// Count is how many tasks there are of one status, type and queue.
type Count struct {
	Status      task.Status
	Type, Queue string
	N           int64
}

// Counts lists all counts that are not zero, in a stable order, and the seq they show.
func (v *Views) Counts() ([]Count, int64) { panic("todo") }

// Window is what happened in the last Seconds before now.
type Window struct {
	Seconds                      int
	Submitted, Succeeded, Failed int64
	Cancelled, AttemptsFailed    int64
	Wait, Run                    Percentiles // due to start, start to end of an attempt
}

// Percentiles in microseconds; zero when Count is.
type Percentiles struct {
	Count         int64
	P50, P95, P99 task.Micros
}

// Windows returns the last minute, five minutes and hour, and the seq they show.
func (v *Views) Windows(now task.Micros) ([]Window, int64) { panic("todo") }

// What follows is for the one goroutine that writes.

// Peek returns the task itself, nil if there is none. Not to be changed or kept.
func (v *Views) Peek(id ulid.ULID) *task.Task { panic("todo") }

// ByKey returns the task submitted with that idempotency key, nil if there is none.
func (v *Views) ByKey(key string) *task.Task { panic("todo") }

// Promote makes ready the pending tasks that are due by now.
func (v *Views) Promote(now task.Micros) { panic("todo") }

// NextDue is when the next pending task that is not ready becomes due; 0 = none.
func (v *Views) NextDue() task.Micros { panic("todo") }

// Ready goes through the ready tasks: higher priority first, then due earlier, then
// submitted earlier. Nothing may be applied while it runs.
func (v *Views) Ready() iter.Seq[*task.Task] { panic("todo") }

// Running goes through the running tasks in no order.
func (v *Views) Running() iter.Seq[*task.Task] { panic("todo") }
