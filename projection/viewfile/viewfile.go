// Package viewfile keeps the views on disk, in plain tables of SQLite: tasks that have ended
// and left memory, found by id, key, status, type, queue, tag, time and run time, and the live
// ones, so that a start need not read the log from its beginning.
//
// The file is a view: it may be deleted at any time and is made again from the log. All
// of it is as of one seq, which is written in the same transaction.
package viewfile

import (
	"errors"
	"fmt"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

var (
	// ErrUnusable: the file is not one of this log, of another format, not complete or
	// damaged. Remove it and rebuild it.
	ErrUnusable = errors.New("view file cannot be used")
	// ErrOtherFormat: another version of this program made the file. It wraps ErrUnusable.
	ErrOtherFormat = fmt.Errorf("%w: it is of another version", ErrUnusable)
	// ErrNotFound: no task in the file has that id or key.
	ErrNotFound = errors.New("no such task in the view file")
)

// Place is where the file has a task.
type Place uint8

const (
	Nowhere Place = iota
	Live          // among those that memory holds too
	Ended         // among those that have ended and may leave memory
)

// Row is a task as the file keeps it.
type Row struct {
	Task  task.Task
	Group uint32 // of its type and queue, see State
	// Events says where the task's events lie in the log. The file does not look into it.
	Events []byte
}

// Group is what a group of tasks has in common for life.
type Group struct{ Type, Queue string }

// State is all of the views that is not a task.
type State struct {
	Seq     int64    // the last event applied; 0 = none
	Hash    [32]byte // of that event
	Groups  []Group  // by number; it only grows
	Counts  []int64  // of tasks, by facet = group × FacetSpan + status
	Windows []byte   // the file does not look into it
	Streams []Stream // what is not of a task
}

// Stream is what the events of one kind of stream say.
type Stream struct {
	Kind  string // "server"
	State string // JSON
}

// FacetSpan is how many facets a group has: one for each status, None among them.
var FacetSpan = uint32(len(task.Statuses()) + 1)

// Query says which archived tasks to find. All bounds are combined with "and".
type Query struct {
	Facets  []uint32    // any of; nil = all of them
	Tags    []string    // any of; nil = all tasks
	From    int64       // submit seq, inclusive; 0 = no bound
	Before  int64       // submit seq, exclusive; 0 = no bound
	LeastID ulid.ULID   // bounds of the id, both inclusive; both zero = no bound
	MostID  ulid.ULID   //
	MinRun  task.Micros // bounds of CompletedAt − StartedAt, both inclusive; 0 = no bound.
	MaxRun  task.Micros // With either set, tasks that never started do not match
	LastSeq int64       // only tasks whose latest event is not after this one
	// Without, if not nil, tells of a submit seq that its task is not to be found.
	Without func(submitSeq int64) bool
}
