package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"daybook/eventlog"
	"daybook/internal/sqlite"
)

// Log is one open log. It implements eventlog.Log.
type Log struct {
	dir     string
	id      string
	epoch   string
	base    eventlog.Head
	options Options
	logger  *slog.Logger
	lock    *lock
	pool    *pool
	ring    *ring
	loss    atomic.Pointer[Loss]

	head    atomic.Pointer[eventlog.Head] // stored with mu held
	failed  atomic.Pointer[error]
	checked atomic.Int64          // by Check, up to here
	damaged atomic.Pointer[error] // set by Condemn and by checkFiles
	places  places

	refreshing sync.Mutex // held by Refresh

	mu      sync.Mutex // held by Append, ErasePayloads and Close
	writer  *writer    // guarded by mu; nil while the log can only be read, then never again
	sidecar *sidecar   // guarded by mu
	view    view       // guarded by mu; what a log that can only be read is read through
	tried   time.Time  // guarded by mu; when a writer was last asked for
	closed  bool       // guarded by mu

	hooks    sync.Mutex
	onErased []func(seqs []int64) // guarded by hooks; called after payloads were erased
	walDue   atomic.Bool          // the WAL may have payloads that were erased

	readOnly atomic.Bool
	offline  bool // opened by OpenReadOnly: there will be no writer
}

var _ eventlog.Log = (*Log)(nil)

// Open opens the log in o.Dir, or makes one. Errors: ErrLocked, ErrForeign, a *LossError
// (unless o.AcceptLoss), eventlog.ErrDamaged; after any of them every byte of the log and
// beside it is as it was. A full disk is no error as long as there is a log to read: see
// ReadOnly. ctx is looked at before anything is done.
func Open(ctx context.Context, o Options) (*Log, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := sqlite.CheckVersion(); err != nil {
		return nil, err
	}
	if err := makeDir(o.Dir); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if err := checkPlace(o.Dir, true); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	held, err := acquireLock(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := newLog(o, held)
	if err := l.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("open log: %w", err), held.release())
	}
	return l, nil
}

func newLog(o Options, held *lock) *Log {
	return &Log{
		dir: o.Dir, options: o, logger: o.Logger, lock: held, pool: newPool(), ring: newRing(o.RingEvents, o.RingBytes),
	}
}

// start looks at the log without changing it, and only then opens it for writing.
func (l *Log) start() error {
	f, w, slot, loss, err := l.inspect()
	if err != nil {
		return err
	}
	if want := l.options.ID; want != "" && !f.empty && f.id != want {
		return fmt.Errorf("%w: %s, not %s", ErrOther, f.id, want)
	}
	if loss != nil && !l.options.AcceptLoss {
		return &LossError{Dir: l.dir, Loss: *loss}
	}
	l.loss.Store(loss)
	if l.epoch = w.epoch; loss != nil {
		l.epoch = nextEpoch(w.epoch)
	}
	if f.empty && l.epoch == "" {
		l.epoch = l.options.Epoch
	}
	if loss != nil || w == (witness{}) {
		l.sidecar = &sidecar{dir: l.dir}
	} else if l.sidecar, err = openSidecar(l.dir, slot); err != nil {
		return err
	}
	if l.options.LookFirst && !f.empty {
		err = l.openForReading(f)
	} else {
		err = l.openAtStart(f)
	}
	if err != nil {
		return errors.Join(err, l.sidecar.close())
	}
	return nil
}

// openAtStart opens the log for writing. A full disk is no error if there is a log to read.
func (l *Log) openAtStart(f found) error {
	err := l.openForWriting(f)
	if !noRoom(err) {
		return err
	}
	if f.empty {
		return fmt.Errorf("%w: there is no room to make one: %w", eventlog.ErrFull, err)
	}
	l.logger.Warn("disk is full: the log can only be read", "dir", l.dir, "error", err)
	l.readOnly.Store(true)
	return l.openForReading(f)
}

// StartWriting opens a log for writing that was opened with LookFirst. Reading continues. It is called once, before the first append. Errors: those of Open.
func (l *Log) StartWriting() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writer != nil || !l.options.LookFirst {
		return nil
	}
	l.options.LookFirst = false
	if err := l.Failed(); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	f := found{id: l.id, base: l.base, head: l.Head()}
	err := l.leaveView()
	if err == nil {
		err = l.openAtStart(f)
	}
	if err != nil { // no reader is left: do not let callers wait for one
		return errors.Join(fmt.Errorf("open log: %w", err), l.pool.close())
	}
	return nil
}

// leaveView waits for the readers of the view and removes it.
func (l *Log) leaveView() error {
	err := errors.Join(l.pool.pause(), l.view.remove())
	l.view = view{}
	return err
}

// inspect compares the log with its witness; slot is where the witness was found.
func (l *Log) inspect() (f found, w witness, slot int, loss *Loss, err error) {
	w, slot, witnessErr := readWitness(l.dir)
	v, err := look(l.dir)
	if errors.Is(err, os.ErrNotExist) {
		f = found{empty: true}
		loss, err = compare(nil, f, w, witnessErr)
		return f, w, slot, loss, err
	}
	if err != nil {
		return f, w, slot, nil, err
	}
	defer func() { err = errors.Join(err, v.remove()) }()
	c, err := v.open()
	if err != nil {
		return f, w, slot, nil, damage(err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if f, err = find(c); err != nil {
		return f, w, slot, nil, err
	}
	loss, err = compare(c, f, w, witnessErr)
	return f, w, slot, loss, err
}

// openForWriting makes the log if it is new and opens its writer and readers. What was
// found must still be there.
func (l *Log) openForWriting(f found) error {
	path := filepath.Join(l.dir, logName)
	id := l.options.ID
	if id == "" {
		id = NewID(time.Now())
	}
	synchronous := syncCommits
	if l.options.Replica {
		synchronous = syncCheckpoints
	}
	w, err := openWriter(path, f.empty, id, synchronous)
	if err != nil {
		return err
	}
	now, err := find(w.c)
	if err == nil && !f.empty && now != f {
		err = fmt.Errorf("%w: it changed while it was being opened", eventlog.ErrDamaged)
	}
	if err == nil {
		err = l.pool.open(func() (*sqlite.Conn, error) { return sqlite.Connect(path, "mode=ro&_query_only=1") })
	}
	if err == nil && l.sidecar.file == nil && l.loss.Load() == nil {
		epoch := l.epoch
		if epoch == "" {
			epoch = eventlog.FirstEpoch(now.id)
		}
		err = l.sidecar.replace(witness{now.id, now.head.Seq, now.head.Hash, epoch})
	}
	if err == nil {
		w.checkpointer, err = openWALCheckpointer(path, l.stopped, func(err error) { _ = l.fail(err) })
	}
	if err == nil {
		err = removeLooks(l.dir)
	}
	if err == nil {
		err = l.places.note(l.dir)
	}
	if err != nil {
		return errors.Join(err, l.pool.pause(), w.close())
	}
	l.writer = w
	l.walDue.Store(fileSize(path+"-wal") > 0) // it may have what was erased before a kill
	l.lock.keep()
	l.setFound(now)
	return nil
}

func (l *Log) openForReading(f found) error {
	v, err := look(l.dir)
	if err != nil {
		return err
	}
	if err := l.pool.open(v.open); err != nil {
		return errors.Join(err, v.remove())
	}
	l.view = v
	l.setFound(f)
	return nil
}

func (l *Log) setFound(f found) {
	l.id, l.base = f.id, f.base
	if l.epoch == "" {
		l.epoch = eventlog.FirstEpoch(f.id)
	}
	l.head.Store(&f.head)
}

// ID is the log's own identity.
func (l *Log) ID() string { return l.id }

// Epoch tells the histories of the log apart. See eventlog.Log.
func (l *Log) Epoch() string { return l.epoch }

// Head returns the last event that was acknowledged.
func (l *Log) Head() eventlog.Head { return *l.head.Load() }

// Loss returns what was lost, nil if nothing was. It is known from the start and stays
// until the first append has rewritten the witness.
func (l *Log) Loss() *Loss { return l.loss.Load() }

// ReadOnly reports whether the log can only be read, because the disk was too full to open it for
// writing. The first append that finds room again ends that.
func (l *Log) ReadOnly() bool { return l.readOnly.Load() }

// HasRoom reports whether the disk has the free space that ordinary appends need. It says
// nothing of other reasons to be full.
func (l *Log) HasRoom() bool {
	return l.options.MinFree <= 0 || FreeBytes(l.dir) >= l.options.MinFree
}

// Failed returns the error after which the log takes no more appends, nil while it does.
func (l *Log) Failed() error {
	if err := l.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// stopped reports whether the files must be left as they are.
func (l *Log) stopped() bool { return l.Failed() != nil || l.Damage() != nil }

// Stats returns the sizes of the log.
func (l *Log) Stats() eventlog.Stats {
	s := eventlog.Stats{WALBytes: fileSize(filepath.Join(l.dir, logName+"-wal")), Checked: l.checked.Load()}
	s.Bytes = fileSize(filepath.Join(l.dir, logName)) + s.WALBytes
	s.RingEvents, s.RingBytes = l.ring.size()
	return s
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// Close waits for calls in progress, closes the files and releases the lock. The files of a log that has
// failed or is damaged are left as they are.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	var errs []error
	if l.writer != nil && l.stopped() {
		errs = append(errs, l.writer.close(), l.pool.close())
	} else {
		errs = append(errs, l.pool.close())
		if l.writer != nil {
			errs = append(errs, l.writer.checkpointAndClose())
		}
	}
	if l.sidecar != nil {
		errs = append(errs, l.sidecar.close())
	}
	errs = append(errs, l.view.remove(), l.lock.release())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close log: %w", err)
	}
	return nil
}
