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
	"sync"
	"sync/atomic"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
	"github.com/tidwall/btree"
)

var (
	// ErrNotFound: no task has that id.
	ErrNotFound = errors.New("no such task")
	// ErrNewer: the log holds an event that this program does not know.
	ErrNewer = errors.New("it was written by a newer Daybook")
	// ErrGap: the events do not follow the ones that were applied before.
	ErrGap = errors.New("events do not follow")
)

// Views is all views of one log, at one seq.
//
// Readers take mu for a bounded time: they copy at most 1,000 rows, and a scan goes
// in chunks between which the writer gets its turn.
type Views struct {
	mu       sync.RWMutex
	table    table        // guarded by mu
	counts   counts       // guarded by mu
	recent   recent       // guarded by mu
	others   recentOthers // guarded by mu
	claims   claims       // guarded by mu
	mates    keyMates     // guarded by mu
	waits    waits        // guarded by mu
	families families     // guarded by mu
	windows  *windows     // guarded by mu
	streams  streams      // guarded by mu; what is not of a task
	seq      atomic.Int64
	tokens   atomic.Pointer[Tokens]          // of the fold in streams; set with mu held
	quiet    atomic.Pointer[map[string]bool] // the same

	// What follows says what memory and the view file have of the tasks; see keeper.
	keeper   *keeper           // nil: all tasks stay in memory; the writer sets it, with mu held, and alone reads it without
	mender   *mender           // nil: the views are never rebuilt
	ended    queue             // guarded by mu; tasks in memory that have ended
	evicted  int64             // guarded by mu; archived tasks with a later last event are in memory too
	erased   []erasedTask      // guarded by mu; whose words are to be removed from the text index
	returned *btree.Set[int64] // guarded by mu; submit seqs of tasks in memory whose archived row is old
	copying  sync.Mutex        // beside mu, for readers that copy returned
	returns  atomic.Int64      // how many tasks have come back to memory
	epoch    uint32            // guarded by mu; the checkpoint after the one that is being written
	dirty    []uint32          // guarded by mu; slots of what it is to write
	copies   []rowCopy         // guarded by mu; what the one being written still needs, as it was
	loaded   int64             // what was changed up to here is not in recent

	// Owned by the writer, read by nobody else.
	order          order
	keys           map[string]uint32 // idempotency key → slot of the task in memory
	decoder        decoder
	keyedWorkflows bool                    // there was a workflow with a concurrency key
	touched        []*record               // by the batch that is being applied, each once
	back           map[ulid.ULID]*fileRow  // tasks that this batch may lead back to memory
	brood          map[ulid.ULID][]fileRow // children in the file of parents that this batch may lead back from the end

	observers []Observer // set before the first event

	moved eventlog.Signal
	whole eventlog.Signal // a file of the views was rebuilt
}

// Change is one event that was appended, already decoded. For events that are not
// of a task, ID is zero, Event.Type is 0 and Other is the event.
type Change struct {
	ID    ulid.ULID
	Event *task.Event // Seq is set
	Other *eventlog.Event
}

// New returns the views of an empty log.
func New() *Views { return newViews(0) }

// newViews makes room for that many tasks; they grow when there are more.
func newViews(tasks int64) *Views {
	return &Views{
		table:    newTable(tasks),
		counts:   counts{groups: make(map[groupName]uint32), queues: newQueues()},
		windows:  new(windows),
		streams:  newStreams(),
		epoch:    1,
		returned: new(btree.Set[int64]),
		order:    newOrder(),
		keys:     make(map[string]uint32),
		claims:   claims{held: make(map[task.Claim][]*record)},
		mates:    make(keyMates),
		waits:    newWaits(),
		families: newFamilies(),
	}
}

// Seq is the seq of the last event applied.
func (v *Views) Seq() int64 { return v.seq.Load() }

// Changed returns a channel that is closed when the views next move. Take it before
// looking at Seq.
func (v *Views) Changed() <-chan struct{} { return v.moved.Wait() }

// Await waits until the views have a seq. Errors: that of ctx, or its cause.
func (v *Views) Await(ctx context.Context, seq int64) error {
	for {
		changed := v.Changed()
		if v.Seq() >= seq {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
