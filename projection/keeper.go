package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"daybook/eventlog"
	"daybook/projection/viewfile"

	"github.com/oklog/ulid/v2"
)

const (
	// keepEvents is for how many events after its end a task stays in memory, where readers that
	// follow the log find it.
	keepEvents = 1 << 12
	// checkpointEvents is how many events lie between two checkpoints at full load.
	checkpointEvents = 1 << 17
	// checkpointEvery is how long a change may wait for its checkpoint.
	checkpointEvery = 2 * time.Second
	// mostLag is how far the file may be behind before events wait for it.
	mostLag = 1_000_000
	// roomProbe is how long a checkpoint that found no room waits.
	roomProbe = time.Second
)

// keeper writes the views to the file, lazily and in large batches, lets tasks that have
// ended leave memory once they are there, and has their texts indexed.
//
// Whether memory or the file has a task depends on two values, both guarded by
// Views.mu: an archived row counts if its last event is not after evicted and its submit
// seq is not in returned. evicted moves in the very step in which tasks leave memory.
type keeper struct {
	v      *Views
	log    eventlog.Log
	file   *viewfile.File
	text   *texts
	logger *slog.Logger

	seq       atomic.Int64   // that the file shows
	indexed   atomic.Int64   // archive numbers up to it have their texts indexed
	texts     []viewfile.Row // reused; owned by the goroutine that indexes
	trimmed   int64          // owned by the checkpoint: those the file has forgotten
	dirty     []uint32       // reused; owned by the checkpoint, as are taken and rows
	taken     []taken        // what has been copied, for undo
	rows      []rowCopy
	most      atomic.Int64  // lag at which events wait
	waiting   atomic.Bool   // a checkpoint waits for the lock of the views
	lockedFor atomic.Int64  // records for which a checkpoint holds the lock
	keep      int64         // events after its end for which a task stays in memory
	wake      chan struct{} // a checkpoint is due
	archived  chan struct{} // there is something to index
	kept      eventlog.Signal

	stop    context.CancelFunc
	ctx     context.Context
	running sync.WaitGroup
	failed  chan struct{} // closed when err is set
	failing sync.Once
	err     error
	since   time.Time   // when err was set
	left    atomic.Bool // the files of a keeper that has failed are closed
}

func newKeeper(v *Views, log eventlog.Log, file *viewfile.File, text *texts, logger *slog.Logger) *keeper {
	text.whole = v.whole.Raise
	k := &keeper{
		v: v, log: log, file: file, text: text, logger: logger, keep: keepEvents,
		wake: make(chan struct{}, 1), archived: make(chan struct{}, 1), failed: make(chan struct{}),
	}
	k.most.Store(mostLag)
	k.lockedFor.Store(lockedFor)
	k.ctx, k.stop = context.WithCancel(context.Background())
	return k
}

// run makes checkpoints until stop.
func (k *keeper) run() {
	ticker := time.NewTicker(checkpointEvery)
	defer ticker.Stop()
	for {
		select {
		case <-k.ctx.Done():
			return
		case <-k.wake:
		case <-ticker.C:
		}
		if err := k.checkpoint(); err != nil {
			k.fail(err)
			return
		}
	}
}

// fail stops the use of the file. It is rebuilt by the mender or by the next Open.
func (k *keeper) fail(err error) {
	k.failing.Do(func() {
		k.err, k.since = err, time.Now()
		close(k.failed)
		k.logger.Error("the view file cannot be used any more: the views are rebuilt from the log", "error", err)
	})
}

func (k *keeper) hasFailed() bool {
	select {
	case <-k.failed:
		return true
	default:
		return false
	}
}

// lag is how many events the file is behind.
func (k *keeper) lag() int64 { return k.v.Seq() - k.seq.Load() }

// pace wakes the keeper if there is enough to write, and waits for it if there is too
// much. It returns the error of a file that cannot be used any more.
func (k *keeper) pace() error {
	if k == nil || k.lag() < checkpointEvents {
		return nil
	}
	poke(k.wake)
	for {
		moved := k.kept.Wait()
		if k.lag() < k.most.Load() || !k.log.HasRoom() {
			return nil
		}
		poke(k.wake)
		select {
		case <-moved:
		case <-k.ctx.Done():
			return nil
		case <-k.failed:
			return fmt.Errorf("keep the views: %w", k.err)
		}
	}
}

// lock locks the views for a checkpoint.
func (k *keeper) lock() {
	k.waiting.Store(true)
	k.v.mu.Lock()
	k.waiting.Store(false)
}

// waits reports whether a checkpoint waits for the lock of the views.
func (k *keeper) waits() bool { return k != nil && k.waiting.Load() }

// poke sends to a channel of capacity 1, if it is empty.
func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// close makes a last checkpoint and closes the files.
func (k *keeper) close() error {
	k.stop()
	k.running.Wait()
	var errs []error
	select {
	case <-k.failed:
	default:
		if err := k.checkpoint(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, k.text.close(), k.file.Close())...)
}

// reading calls fn with a reader of the file, which fn must fix. What fn has read is valid if there is
// no error. Errors: *Rebuilding, those of fn, ctx's.
func (k *keeper) reading(ctx context.Context, fn func(*viewfile.Reader) error) error {
	if k.hasFailed() {
		return k.rebuilding()
	}
	r, err := k.file.Acquire(ctx)
	if err == nil {
		err = fn(r)
		r.Close()
	}
	if unusable(err) {
		k.fail(err)
	}
	if k.hasFailed() { // then other views may be in the place of these
		return k.rebuilding()
	}
	return err
}

// rebuilding is the error of reads that need the file of a keeper that has failed.
func (k *keeper) rebuilding() error {
	r := &Rebuilding{since: k.since}
	if m := k.v.mender; m != nil {
		r.Progress = m.made.now()
	}
	return r
}

// readingNow calls fn with a reader that sees the file as it is now.
func (k *keeper) readingNow(ctx context.Context, fn func(*viewfile.Reader) error) error {
	return k.reading(ctx, func(r *viewfile.Reader) error {
		if err := r.Fix(); err != nil {
			return err
		}
		return fn(r)
	})
}

func (k *keeper) byID(ctx context.Context, id ulid.ULID) (row fileRow, err error) {
	err = k.readingNow(ctx, func(r *viewfile.Reader) (err error) {
		row, err = r.ByID(ctx, id)
		return err
	})
	return row, err
}

func (k *keeper) byKey(ctx context.Context, key string) (row fileRow, err error) {
	err = k.readingNow(ctx, func(r *viewfile.Reader) (err error) {
		row, err = r.ByKey(ctx, key)
		return err
	})
	return row, err
}

// fetch returns the task that has left memory, nil if there is none.
func (k *keeper) fetch(id ulid.ULID) (*fileRow, error) {
	row, err := k.byID(context.Background(), id)
	if errors.Is(err, viewfile.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bring back a task: %w", err)
	}
	return &row, nil
}
