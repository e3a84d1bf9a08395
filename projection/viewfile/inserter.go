package viewfile

import (
	"sync"

	"daybook/internal/sqlite"
)

// inserter inserts the rows of a batch in its own goroutine, while the caller prepares the next ones. It uses the
// connection of the writer: the caller must call wait before it does.
type inserter struct {
	queue    chan insertion
	free     chan []byte // buffers for rows; nil = not allocated yet
	inserted sync.WaitGroup
	err      error // the first one; written by run, read after inserted.Wait
	ended    chan struct{}
}

// insertion is rows for a statement, in the form of sqlite.Rows.
type insertion struct {
	into *sqlite.Rows
	rows []byte
}

const (
	// atOnce is the number of bytes that are passed to SQLite per call, approximately.
	atOnce = 64 << 10
	// mostQueued is the number of calls whose rows may wait: enough for SQLite to go on while the caller sorts or
	// waits for a lock.
	mostQueued = 32
)

func startInserter() *inserter {
	q := &inserter{queue: make(chan insertion, mostQueued), free: make(chan []byte, mostQueued), ended: make(chan struct{})}
	for range mostQueued {
		q.free <- nil
	}
	go q.run()
	return q
}

func (q *inserter) run() {
	defer close(q.ended)
	for i := range q.queue {
		if q.err == nil {
			_, q.err = i.into.Insert(i.rows)
		}
		q.free <- i.rows[:0]
		q.inserted.Done()
	}
}

// buffer returns an empty buffer for insert. It waits while too many rows are queued.
func (q *inserter) buffer() []byte { return <-q.free }

// insert queues rows. They are in a buffer of the inserter, which the caller must not use any more.
func (q *inserter) insert(into *sqlite.Rows, rows []byte) {
	q.inserted.Add(1)
	q.queue <- insertion{into, rows}
}

// copy queues a copy of the rows, if there are any.
func (q *inserter) copy(into *sqlite.Rows, rows []byte) {
	if len(rows) > 0 {
		q.insert(into, append(q.buffer(), rows...))
	}
}

// wait waits until all rows are inserted and returns the first error. Nothing is inserted after an error.
func (q *inserter) wait() error {
	q.inserted.Wait()
	return q.err
}

// end waits for the rows and ends the goroutine.
func (q *inserter) end() {
	if q != nil {
		close(q.queue)
		<-q.ended
	}
}
