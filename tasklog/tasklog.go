// Package tasklog keeps the logs of tasks: the lines that handlers and workers write while they run.
// They lie beside the event log, in a database of their own, because nothing is decided by them.
//
// A task keeps its newest 16 MiB of lines, all tasks together a limit that is set; then the oldest
// lines of the task, or the logs of the tasks that have been silent for longest, are removed.
//
// A line that Append has taken survives a kill of the process; a power cut may lose the latest seconds.
// A line of a handler in this process is written a moment after it was logged: a kill may lose that
// moment. No handler waits for the disk: lines that come faster than they can be written are left
// out, and a line says how many.
//
// In a cluster each node keeps the lines of all: they are shared before they are written.
package tasklog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"daybook/internal/logline"

	"github.com/oklog/ulid/v2"
)

// Errors of Append and Read.
var (
	// ErrNoRoom: the disk is nearly full. What is free is kept for the event log.
	ErrNoRoom = errors.New("no room for task logs on the disk")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("task logs are closed")
)

const (
	maxTask  = 16 << 20 // bytes of a task's log, by default
	maxTotal = 1 << 30  // bytes of all, by default
	// lineCost is what a line counts for beside its text and attributes.
	lineCost = 64
	// flushEvery is how long lines of handlers gather before they are written.
	flushEvery = 25 * time.Millisecond
)

// Options configure a Store.
type Options struct {
	Dir      string       // folder of the database, which must exist
	MaxTask  int64        // bytes of the log of one task; 0 = 16 MiB
	MaxTotal int64        // bytes of all logs; 0 = 1 GiB. Some times MaxTask
	Room     func() bool  // whether the disk has room for lines; nil = always
	Shared   Shared       // of all nodes of a cluster; nil = there are no others
	Logger   *slog.Logger // nil = slog.Default()
}

// Line is one line as it is kept.
type Line struct {
	Number  int64 // of the line, among those of all tasks: it grows, with gaps
	Attempt int   // that wrote it; 0 = the store, about lines that it has removed
	logline.Line
}

// Store is the logs of all tasks. Safe for concurrent use.
type Store struct {
	Options
	w       *writer // of the goroutine of run; where lines are shared, of that of follow
	readers chan *reader
	wake    chan struct{} // room for one
	closing chan struct{}
	ended   chan struct{} // closed when run has returned
	failing bool          // the last write failed; of the goroutine of run

	sharing    context.Context // of what is shared
	endSharing context.CancelFunc
	followed   chan struct{} // closed when follow has returned
	kept       atomic.Int64  // number of the last shared batch that is written

	head     atomic.Int64 // number of the last line that is written
	total    atomic.Int64 // bytes of all lines
	dropped  atomic.Int64 // lines that were left out
	buffered atomic.Int64 // bytes that wait in buffers of attempts
	evicted  atomic.Int64 // microseconds: time of the newest line removed with its whole log

	mu      sync.Mutex
	queue   []job         // guarded by mu
	writing bool          // guarded by mu; run writes what was in the queue
	due     *time.Timer   // guarded by mu; wakes run for the lines of handlers; nil = not set
	changed chan struct{} // guarded by mu; closed when head moves
	closed  bool          // guarded by mu
}

// job is lines that are to be written.
type job struct {
	task    ulid.ULID
	attempt int
	lines   []logline.Line
	leftOut int         // lines that the last of lines says were left out
	done    chan error  // nil for lines of a handler
	from    *Attempt    // has the lines; nil = they are in lines
	erase   []ulid.ULID // tasks whose logs are to be deleted
}

// Open opens or makes the store in o.Dir. A database that is damaged is moved aside, and a new one is begun.
// Close it in the end.
func Open(o Options) (*Store, error) {
	if o.MaxTotal == 0 {
		o.MaxTotal = maxTotal
	}
	if o.MaxTask == 0 {
		o.MaxTask = maxTask
	}
	if o.Room == nil {
		o.Room = func() bool { return true }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Store{Options: o, readers: make(chan *reader, readers), wake: make(chan struct{}, 1),
		closing: make(chan struct{}), ended: make(chan struct{}), changed: make(chan struct{})}
	path := filepath.Join(o.Dir, fileName)
	err := s.connect(path)
	if isDamage(err) {
		if err = moveAside(path); err == nil {
			s.Logger.Warn("the logs of tasks are damaged: they were moved aside, and new ones are begun", "file", fileName+damagedSuffix)
			err = s.connect(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the task logs: %w", err)
	}
	if s.Shared != nil {
		s.sharing, s.endSharing = context.WithCancel(context.Background())
		s.followed = make(chan struct{})
		go s.follow()
	}
	go s.run()
	return s, nil
}

// connect opens all connections.
func (s *Store) connect(path string) (err error) {
	if s.w, err = openWriter(path, s); err != nil {
		return err
	}
	for i := range readers {
		var r *reader
		if r, err = openReader(path, s.MaxTask); err != nil {
			return errors.Join(err, s.closeReaders(i), s.w.c.Close())
		}
		s.readers <- r
	}
	return nil
}

// Close writes what waits and closes the store.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		<-s.ended
		return nil
	}
	s.closed = true
	if s.due != nil {
		s.due.Stop()
	}
	s.mu.Unlock()
	close(s.closing)
	if s.Shared != nil {
		last := time.AfterFunc(lastShareTime, s.endSharing)
		<-s.ended
		last.Stop()
		s.endSharing()
		<-s.followed
	}
	<-s.ended
	return errors.Join(s.closeReaders(readers), s.w.c.Close())
}

// closeReaders closes n connections that read, each when nobody uses it any more.
func (s *Store) closeReaders(n int) error {
	var errs []error
	for range n {
		errs = append(errs, (<-s.readers).c.Close())
	}
	return errors.Join(errs...)
}

// Append adds lines of one attempt, all or none, and returns when they are written.
// Errors: ErrNoRoom, ErrClosed, those of the disk, ctx's: then they may be written later.
func (s *Store) Append(ctx context.Context, id ulid.ULID, attempt int, lines []logline.Line) error {
	if len(lines) == 0 {
		return nil
	}
	return s.await(ctx, job{task: id, attempt: attempt, lines: lines, done: make(chan error, 1)})
}

// Flush returns when the lines of handlers that were logged before are written.
func (s *Store) Flush(ctx context.Context) error {
	s.mu.Lock()
	waits := len(s.queue) > 0 || s.writing
	s.mu.Unlock()
	if !waits {
		return nil
	}
	if s.Shared == nil {
		return s.await(ctx, job{done: make(chan error, 1)})
	}
	soon, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	if err := s.await(soon, job{done: make(chan error, 1)}); soon.Err() == nil {
		return err
	}
	return ctx.Err() // what is not shared soon comes later
}

// await gives a job to run and waits until it is done.
func (s *Store) await(ctx context.Context, j job) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.queue = append(s.queue, j)
	s.mu.Unlock()
	s.wakeUp()
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// enqueue puts an attempt with lines into the queue; they are written a little later, with others.
// It returns false when the store is closed.
func (s *Store) enqueue(a *Attempt) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.queue = append(s.queue, job{task: a.task, attempt: a.number, from: a})
	if s.due == nil {
		s.due = time.AfterFunc(flushEvery, s.wakeUp)
	}
	return true
}

// run writes what comes, together what has gathered. It returns when the store is closed and
// nothing waits.
func (s *Store) run() {
	defer close(s.ended)
	for closing := false; ; {
		select {
		case <-s.wake:
		case <-s.closing:
			closing = true
		}
		if jobs := s.next(); len(jobs) > 0 {
			s.write(jobs)
			s.written()
		} else if closing {
			return
		}
	}
}

// next is what is to be written now.
func (s *Store) next() []job {
	s.mu.Lock()
	jobs := s.queue
	s.queue, s.writing = nil, len(jobs) > 0
	if s.due != nil {
		s.due.Stop()
		s.due = nil
	}
	s.mu.Unlock()
	for i := range jobs {
		if from := jobs[i].from; from != nil {
			jobs[i].lines, jobs[i].leftOut = from.drain()
		}
	}
	return jobs
}

// write writes jobs and says to each how it went.
func (s *Store) write(jobs []job) {
	err := ErrNoRoom
	if s.Room() {
		err = s.save(jobs)
	}
	if (err != nil) != s.failing {
		s.failing = err != nil
		if err != nil {
			s.Logger.Warn("the logs of tasks cannot be written; lines are left out until they can", "error", err)
		} else {
			s.Logger.Info("the logs of tasks are written again")
		}
	}
	for i := range jobs {
		j := &jobs[i]
		switch {
		case j.erase != nil:
			j.done <- s.erase(j.erase)
		case j.done != nil && len(j.lines) == 0: // a flush
			j.done <- nil
		case j.done != nil:
			j.done <- err
		case err != nil:
			j.from.restore(j)
		}
	}
}

// save writes jobs, and makes them known before anybody has an answer: who has one finds the lines.
func (s *Store) save(jobs []job) error {
	if s.Shared != nil {
		return s.share(jobs)
	}
	err := s.w.write(jobs)
	if err == nil {
		s.publish()
	}
	return err
}

// written ends a write.
func (s *Store) written() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = false
}

// publish makes known what was written.
func (s *Store) publish() {
	s.head.Store(s.w.last)
	s.total.Store(s.w.total)
	s.evicted.Store(s.w.evicted)
	s.mu.Lock()
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
}

// Seq is the number of the last line that is written.
func (s *Store) Seq() int64 { return s.head.Load() }

// Changed returns a channel that is closed when lines are written after the call.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Stats are numbers of the store.
type Stats struct {
	Bytes   int64 // of all lines
	LeftOut int64 // lines of handlers, since the start
}

// Stats returns the numbers as they are now.
func (s *Store) Stats() Stats { return Stats{s.total.Load(), s.dropped.Load()} }

// EvictedUntil is the time of the newest line that was removed together with its whole log; the
// zero time if none was.
func (s *Store) EvictedUntil() time.Time {
	at := s.evicted.Load()
	if at == 0 {
		return time.Time{}
	}
	return time.UnixMicro(at)
}
