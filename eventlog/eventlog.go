// Package eventlog is the contract of a log: what any engine that keeps
// Daybook's events promises, and the values that pass through it.
//
// A log is a sequence of immutable events numbered 1, 2, 3 … without gaps.
// The contract knows bytes and seqs; what an event means is decided elsewhere.
// It holds no engine: package sqlitelog is the default one, and every engine
// passes the suite of package eventlogtest.
package eventlog

import (
	"context"
	"sync/atomic"
)

// HashSize is the length in bytes of every hash in the log (SHA-256).
const HashSize = 32

// Hash is one link of the chain, or the salted hash of a payload.
type Hash = [HashSize]byte

// Event is one immutable entry.
//
// The caller of Append sets At, Stream, Version, Type, V, Actor, Data and, where
// there is one, Payload. The log sets Seq, HasPayload, PayloadHash and Hash. After Append
// an event is never changed by anyone; readers may share it.
type Event struct {
	Seq     int64  // position in the log, from 1, without gaps
	At      int64  // microseconds since the Unix epoch, UTC; never goes down
	Stream  string // what the event is about: "task:01J…", "server:01J…"
	Version int64  // position in its stream, from 1
	Type    string // stable name in the past tense: "task.started"
	V       int    // schema version of Type, from 1
	Actor   string // who caused it: "system:scheduler", "anonymous"
	Data    []byte // canonical JSON object: what every replay needs

	// Payload is free text or user content: one JSON value, kept apart from the
	// event, nil when there is none. Read does not fill it; see Log.Payload.
	Payload []byte

	HasPayload  bool // a payload belongs to this event (it may have been erased since)
	PayloadHash Hash // SHA-256(salt ‖ body); zero when HasPayload is false
	Hash        Hash // the chain: covers every field above and the hash before

	json atomic.Pointer[[]byte] // made by JSON, at most a few times
}

// Expect guards an entry. The zero value guards nothing; NothingAfter guards the whole log.
type Expect struct {
	guarded bool
	lastSeq int64
}

// NothingAfter guards an entry that was decided on the events up to seq: it is appended only
// if the log had no event after seq when the call of Append began, else it is refused with
// ErrConflict. Events of entries before it in the same call do not count: an entry is
// decided knowing them.
//
// The guard is on the whole log, whatever the streams of the entry: a decision may depend on
// any of them, and each engine can check it, a replicated one too.
func NothingAfter(seq int64) Expect { return Expect{guarded: true, lastSeq: seq} }

// Holds reports whether a log whose last event is head may append the entry.
func (e Expect) Holds(head int64) bool { return !e.guarded || head <= e.lastSeq }

// Entry is the unit of atomicity: all of its events are appended, or none.
// Events is never empty and each event's fields are filled in place.
type Entry struct {
	Events []*Event
	Expect Expect
	// Needs lists earlier entries of the same call, by their index, that this one builds on:
	// when one of them is refused, so is this one, with ErrConflict. See Lacks.
	Needs []int
	// Reserve lets the entry use the disk space that is kept back for ends of work
	// (completions, cancels) when the disk is nearly full.
	Reserve bool
}

// Lacks reports whether an earlier entry that this one needs was refused, and returns its index. earlier
// are the results of the entries before it.
func (e *Entry) Lacks(results []Result) (index int, lacks bool) {
	for _, i := range e.Needs {
		if i < len(results) && results[i].Err != nil {
			return i, true
		}
	}
	return 0, false
}

// Result is the result of one entry: the seqs of its first and last event, or
// an error that wraps ErrConflict, ErrFull, ErrUnavailable, ErrUnknown, ErrInvalid or ErrDamaged.
type Result struct {
	First, Last int64
	Err         error
}

// Head is the last event of the log.
type Head struct {
	Seq  int64 // 0 for an empty log
	Hash Hash  // for an empty log: the first previous hash
	At   int64 // microseconds; 0 for an empty log
}

// Filter narrows Read. The zero value takes everything. Each non-empty list means
// "any of"; the lists are combined with "and".
type Filter struct {
	Streams []string
	Types   []string
	Actors  []string
}

// Page is one answer of Read.
type Page struct {
	Events []*Event // in log order, at most limit
	// Scanned is the last seq that was looked at; the next call goes on from here.
	// It is at most Head and may be past the last event when a filter is set.
	Scanned int64
	Head    int64 // the log's head when the page was made
}

// Log is an append-only sequence of events. All methods may be called from any
// goroutine; Append is meant for one at a time and serialises others.
type Log interface {
	// ID is the log's own identity, a ULID that never changes.
	ID() string

	// Epoch is a short text, see IsEpoch, that tells two histories of one log apart: when
	// acknowledged events were lost and the loss is accepted, seqs are given out again, and
	// the log gets another epoch. Until then it stays as it is, also when the log is opened
	// again. A seq and its epoch name one event, and never another. It never changes while the log is
	// open.
	Epoch() string

	// Append appends the entries in order with one sync and returns one Result
	// each, in order. It returns when all that it reports as appended is on disk.
	// ctx is looked at before anything is written and never after; when it has
	// ended, its error is every result's.
	//
	// Entries are checked one by one: when one is refused (ErrInvalid, ErrConflict, or
	// ErrFull without Reserve), later ones that do not need it are still appended.
	// What one call appends lies together: nobody else's event lies between.
	Append(ctx context.Context, entries []Entry) []Result

	// Read returns events with seq > after in log order. It looks at no more than
	// a bounded number of events a call, so a page may be empty before the head
	// is reached: go on from Page.Scanned. limit is 1 … 10,000.
	Read(ctx context.Context, after int64, f Filter, limit int) (Page, error)

	// Scan calls fn for every event with seq > after, in log order, up to the head at
	// the time of the call, having checked that no seq is missing and that each hash
	// follows from the one before (the first one read is checked against the stored
	// hash of its predecessor). The event and what it points to are only valid during
	// the call of fn. It is the fast way to read everything: replay and verification
	// use it. Errors: ErrDamaged with the seq, fn's own, ctx's.
	Scan(ctx context.Context, after int64, fn func(*Event) error) error

	// Events returns the events with these seqs, in the order asked for, at most
	// 10,000 of them. ErrNotFound when one is beyond the head.
	Events(ctx context.Context, seqs []int64) ([]*Event, error)

	// Payload returns the body that belongs to event seq, checked against its hash.
	// Errors: ErrNotFound (no such event, or it has no payload), ErrErased, ErrDamaged.
	Payload(ctx context.Context, seq int64) ([]byte, error)

	// Payloads reads many bodies, at a fraction of the cost of one by one. It calls fn once
	// for each of the seqs, in any order and from this goroutine: with its index in seqs
	// and the body or the error that Payload has for it. fn may call the log.
	// Errors: fn's own, at once; ctx's; those that stand for no single body (ErrClosed).
	Payloads(ctx context.Context, seqs []int64, fn func(i int, body []byte, err error) error) error

	// Head returns the last event that was acknowledged.
	Head() Head

	// HasRoom reports whether ordinary appends have the free disk space they need. Entries
	// with Reserve may have room when it is false.
	HasRoom() bool

	// Damage returns the error after which the log takes no more appends because it was found
	// damaged or its files were moved away, nil while it does. Reading goes on. It wraps ErrDamaged.
	Damage() error

	// CheckFiles looks whether the files of the log are still where the next start will look
	// for them. Errors: ErrMoved, which also becomes Damage.
	CheckFiles() error

	// Refresh makes later reads come from the disk and not from a cache, so that a
	// verification sees what is stored. Errors: ctx's, those of the disk.
	Refresh(ctx context.Context) error

	// ErasePayloads deletes the bodies that belong to the events, from the disk too; their hashes remain. An event without a body,
	// or whose body was erased before, is passed over. It returns when that is on disk. After an error some may have been deleted:
	// it may be called again. Errors: ErrFull, ErrUnavailable, ErrUnknown, ErrDamaged, ctx's.
	ErasePayloads(ctx context.Context, seqs ...int64) error

	// OnErased has fn called with the seqs of events whose bodies may just have been deleted, by this node or another one, before
	// ErasePayloads returns. It is called before the log is in use; fn must be quick and must not call the log.
	OnErased(fn func(seqs []int64))

	// Sync returns when all that was appended is on the disk of this machine too. An engine that keeps it on others need not have it
	// there when Append returns. What is derived from events calls it before it is written to a file. Errors: those of the disk.
	Sync() error

	// Stats returns the sizes of the log.
	Stats() Stats
}

// Stats is what a log holds where. A log in memory has zeros.
type Stats struct {
	Bytes      int64 // on disk, all files
	WALBytes   int64 // of these, the write-ahead log
	RingEvents int   // recent events kept in memory
	RingBytes  int64 // their size
	Checked    int64 // last seq that a check after the start has looked at; 0 before
}
