package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"daybook/eventlog"
	"daybook/internal/sqlite"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// roomToOpen is the free disk space that must be there before a log that is open for reading only is
// opened for writing.
const roomToOpen = 1 << 20

// Append appends the entries in one transaction with one sync. See eventlog.Log. After
// Close and after a failure every result wraps eventlog.ErrUnknown, after Condemn
// eventlog.ErrDamaged.
func (l *Log) Append(ctx context.Context, entries []eventlog.Entry) []eventlog.Result {
	results := make([]eventlog.Result, len(entries))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(ctx); err != nil {
		refuseRest(results, err)
		return results
	}
	full := !l.HasRoom()
	for {
		batch := eventlog.Admit(l.Head(), entries, results, full)
		if len(batch) == 0 {
			return results
		}
		err := l.commit(batch)
		if err == nil {
			return results
		}
		l.refuseBatch(batch, err, results)
		if full || !isFull(err) || !reserved(entries) {
			return results
		}
		full = true // what may use the reserve tries once more without the rest
	}
}

// ready reports why nothing can be appended, nil if something can.
func (l *Log) ready(ctx context.Context) error {
	if l.closed {
		return fmt.Errorf("%w: %w", eventlog.ErrUnknown, eventlog.ErrClosed)
	}
	if err := l.Failed(); err != nil {
		return err
	}
	if err := l.Damage(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.writer == nil {
		return l.reopen()
	}
	return l.checkFiles(lookEvery)
}

// reopen opens a log for writing that could only be read, once there is room.
func (l *Log) reopen() error {
	if l.offline {
		return fmt.Errorf("%w: it was opened for reading only", eventlog.ErrFull)
	}
	if time.Since(l.tried) < time.Second || FreeBytes(l.dir) < roomToOpen {
		return eventlog.ErrFull
	}
	l.tried = time.Now()
	head := l.Head()
	if err := l.leaveView(); err != nil {
		return errors.Join(l.fail(err), l.pool.close())
	}
	err := l.openForWriting(found{id: l.id, base: l.base, head: head})
	if err == nil {
		l.readOnly.Store(false)
		return nil
	}
	if again := l.openForReading(found{id: l.id, base: l.base, head: head}); again != nil {
		return errors.Join(l.fail(errors.Join(err, again)), l.pool.close())
	}
	if !noRoom(err) {
		return l.fail(err)
	}
	return fmt.Errorf("%w: %w", eventlog.ErrFull, err)
}

// commit writes the batch to disk, then updates the witness and makes the events visible to readers.
func (l *Log) commit(batch []*eventlog.Event) error {
	hash, err := l.writer.write(l.Head().Hash, batch, nil)
	if err != nil {
		return err
	}
	return l.publish(batch, hash)
}

// publish updates the witness and makes the events visible to readers. They are on disk, here or on other machines.
func (l *Log) publish(batch []*eventlog.Event, hash eventlog.Hash) error {
	last := batch[len(batch)-1]
	head := eventlog.Head{Seq: last.Seq, Hash: hash, At: last.At}
	if err := l.witness(head); err != nil {
		return doubt{err}
	}
	if err := l.writer.checkpointer.committed(l.writer.c.Frames()); err != nil {
		return doubt{fmt.Errorf("checkpoint the WAL: %w", err)}
	}
	l.loss.Store(nil)
	l.ring.add(batch)
	l.head.Store(&head)
	return nil
}

// witness writes to the sidecar how far the log is on disk, and checks that its files are
// still where the next start will look for them. Of a replica it does not write more often than it syncs.
func (l *Log) witness(head eventlog.Head) error {
	if !l.options.Replica || l.sidecar.file == nil || time.Since(l.sidecar.synced) >= syncPeriod {
		if err := l.writeWitness(head); err != nil {
			return err
		}
	}
	if err := l.places.check(0); err != nil {
		return l.checkFiles(0)
	}
	return nil
}

// writeWitness writes to the sidecar that the log reaches head on the disk.
func (l *Log) writeWitness(head eventlog.Head) error {
	if l.options.Replica {
		if err := l.writer.sync(); err != nil {
			return fmt.Errorf("sync the WAL: %w", err)
		}
	}
	first := l.sidecar.file == nil
	if err := l.sidecar.write(witness{l.id, head.Seq, head.Hash, l.epoch}); err != nil {
		return fmt.Errorf("write %s: %w", sidecarName, err)
	}
	if first {
		return l.places.noteSidecar(l.dir)
	}
	return nil
}

// Sync returns when all that was appended is on the disk of this machine. See eventlog.Log.
func (l *Log) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.options.Replica || l.writer == nil || l.closed {
		return nil
	}
	if err := l.Failed(); err != nil {
		return fmt.Errorf("sync log: %w", err)
	}
	if err := l.writeWitness(l.Head()); err != nil {
		return fmt.Errorf("sync log: %w", l.fail(err))
	}
	return nil
}

// refuseBatch refuses the entries of a batch that was not written.
func (l *Log) refuseBatch(batch []*eventlog.Event, err error, results []eventlog.Result) {
	if isFull(err) {
		err = fmt.Errorf("%w: %w", eventlog.ErrFull, err)
	} else {
		err = l.fail(err)
	}
	forget(batch)
	refuseRest(results, err)
}

// refuseRest gives the error to the entries that have none.
func refuseRest(results []eventlog.Result, err error) {
	for i := range results {
		if results[i].Err == nil {
			results[i] = eventlog.Result{Err: err}
		}
	}
}

// forget resets the fields that the log had set in events that were not written.
func forget(batch []*eventlog.Event) {
	for _, e := range batch {
		e.Seq, e.Hash, e.PayloadHash, e.HasPayload = 0, eventlog.Hash{}, eventlog.Hash{}, false
	}
}

// fail stops the log, because it is unknown what is on disk.
func (l *Log) fail(err error) error {
	err = fmt.Errorf("%w: %w", eventlog.ErrUnknown, err)
	if l.failed.CompareAndSwap(nil, &err) {
		l.logger.Error("the log takes no more appends", "dir", l.dir, "error", err)
	}
	return l.Failed()
}

func reserved(entries []eventlog.Entry) bool {
	for i := range entries {
		if entries[i].Reserve {
			return true
		}
	}
	return false
}

// doubt is an error after which it is unknown what is on disk, whatever its SQLite code.
type doubt struct{ error }

func (d doubt) Unwrap() error { return d.error }

// noRoom reports whether a log could not be opened because the disk is full. Nothing is written while a
// log is opened, so any such error counts.
func noRoom(err error) bool {
	if e, ok := errors.AsType[sqlite3.Error](err); ok && (e.SystemErrno == syscall.ENOSPC || e.SystemErrno == syscall.EDQUOT) {
		return true
	}
	return isFull(err) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// isFull reports whether the disk is full and nothing was written.
func isFull(err error) bool {
	if _, ok := errors.AsType[doubt](err); ok {
		return false
	}
	return sqlite.IsFull(err)
}
