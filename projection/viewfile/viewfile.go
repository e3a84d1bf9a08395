// Package viewfile keeps the views on disk, in plain SQLite tables. It has the tasks that have
// ended and left memory, and finds them by id, key, status, type, queue, tag, time and run time. It
// also has a copy of the live tasks, so that a start need not read the whole log.
//
// The file is a view: it may be deleted at any time and is rebuilt from the log. Its whole content
// is as of one seq, which is written in the same transaction.
package viewfile

import (
	"errors"
	"fmt"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

var (
	// ErrUnusable: the file is damaged or incomplete, or belongs to another log or format. Remove
	// it and rebuild it.
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
	Live          // in the table live; memory has it too
	Ended         // in the table ended; it may leave memory
)

// Row is a task as the file keeps it.
type Row struct {
	Task  task.Task
	Group uint32 // number of its type and queue, see State
	// Events has the positions of the task's events in the log. This package does not decode it.
	Events []byte
}

// Group is a task type and a queue. Both never change for a task.
type Group struct{ Type, Queue string }

// State is everything in the views that is not a task.
type State struct {
	Seq     int64    // last event applied; 0 = none
	Hash    [32]byte // of that event
	Groups  []Group  // by number; groups are only added
	Counts  []int64  // number of tasks by facet, which is group × FacetSpan + status
	Windows []byte   // counts by time; this package does not decode it
	Streams []Stream // state of the streams that are not of tasks
}

// Key is what starts have charged a concurrency key of a queue with. This package does not interpret it.
type Key struct {
	Queue, Key  string
	Due, Finish task.Micros
	Gone        bool // the row is deleted
}

// Stream is the state that the events of one kind of stream are folded into.
type Stream struct {
	Kind  string // "server"
	State string // JSON
}

// FacetSpan is the number of facets of a group: one per status, including None.
var FacetSpan = uint32(len(task.Statuses()) + 1)

// Query selects ended tasks that meet all of its conditions.
type Query struct {
	Facets  []uint32    // any of; nil = all of them
	Tags    []string    // any of; nil = all tasks
	From    int64       // submit seq, inclusive; 0 = no bound
	Before  int64       // submit seq, exclusive; 0 = no bound
	MinID   ulid.ULID   // bounds of the id, both inclusive; both zero = no bound
	MaxID   ulid.ULID   //
	MinRun  task.Micros // bounds of CompletedAt − StartedAt, both inclusive; 0 = no bound.
	MaxRun  task.Micros // With either, tasks that never started do not match
	Parent  ulid.ULID   // only its children; zero = all tasks
	LastSeq int64       // only tasks without a later event
	// Exclude, if not nil, returns true for submit seqs of tasks that do not match.
	Exclude func(submitSeq int64) bool
}
