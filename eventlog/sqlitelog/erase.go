package sqlitelog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"daybook/eventlog"
)

const (
	// erasedTogether is how many payloads are deleted in one transaction. Appends wait for it.
	erasedTogether = 256
	// emptyWait is how long emptying the WAL waits for readers while appends wait for it, and emptyTries how often that is tried.
	emptyWait  = 50 * time.Millisecond
	emptyTries = 20
)

// eraseSQL writes zeros over a body and its salt. The row keeps its size, so SQLite writes it in its place. A DELETE would have it move
// rows of the same page, and leave copies of them where no row is, which an erasure of those would not reach.
const eraseSQL = "UPDATE payloads SET salt = zeroblob(16), body = zeroblob(length(body)) WHERE seq = ?1 AND salt <> zeroblob(16)"

// isErased reports whether a body was erased: both have zeros only, or the row is gone, as earlier versions left it.
func isErased(salt, body []byte) bool {
	return len(salt) == 0 || len(salt) == saltSize && allZero(salt) && allZero(body)
}

func allZero(b []byte) bool { return bytes.Count(b, []byte{0}) == len(b) }

// ErasePayloads writes zeros over the bodies that belong to the events. See eventlog.Log. The WAL, which may have them too, is emptied.
func (l *Log) ErasePayloads(ctx context.Context, seqs ...int64) error {
	erased := false
	for some := range slices.Chunk(seqs, erasedTogether) {
		changed, err := l.erase(ctx, some)
		if erased = erased || changed; err != nil {
			return fmt.Errorf("erase payloads of %d events, from event %d: %w", len(some), some[0], err)
		}
		if changed {
			l.noteErased(some)
		}
	}
	if !erased && !l.walDue.Load() {
		return nil
	}
	l.walDue.Store(true)
	return l.emptyWAL(ctx)
}

// OnErased adds a function that is called after payloads were erased. See eventlog.Log.
func (l *Log) OnErased(fn func(seqs []int64)) {
	l.hooks.Lock()
	defer l.hooks.Unlock()
	l.onErased = append(l.onErased, fn)
}

func (l *Log) noteErased(seqs []int64) {
	l.hooks.Lock()
	defer l.hooks.Unlock()
	for _, fn := range l.onErased {
		fn(seqs)
	}
}

// erase erases some payloads in one transaction, and reports whether there was one.
func (l *Log) erase(ctx context.Context, seqs []int64) (changed bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(ctx); err != nil {
		return false, err
	}
	w := l.writer
	before, err := w.c.Number("SELECT total_changes()")
	if err == nil {
		err = w.begin.Run()
	}
	for i := 0; err == nil && i < len(seqs); i++ {
		w.erase.Args[0].Value = seqs[i]
		err = w.erase.Run()
	}
	if err == nil {
		err = w.commit.Run()
	}
	if err != nil {
		if undone := w.undo(); undone == nil && isFull(err) {
			return false, fmt.Errorf("%w: %w", eventlog.ErrFull, err)
		}
		return false, l.fail(err)
	}
	after, err := w.c.Number("SELECT total_changes()")
	if err != nil {
		return false, l.fail(err)
	}
	if l.options.Replica && after > before {
		if err := w.sync(); err != nil {
			return true, l.fail(err)
		}
	}
	return after > before, l.checkFiles(0)
}

// emptyWAL copies all of the WAL into the database and leaves nothing of it on the disk. Appends go on between its tries. Errors:
// ErrUnavailable when readers, of this process or others, stay in the way; then the next erasure does it, also after a restart.
func (l *Log) emptyWAL(ctx context.Context) error {
	for range emptyTries {
		empty, err := l.tryToEmptyWAL(ctx)
		if err != nil || empty {
			return err
		}
		select {
		case <-time.After(emptyWait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("empty the WAL, which may have erased payloads: %w: somebody is reading it", eventlog.ErrUnavailable)
}

func (l *Log) tryToEmptyWAL(ctx context.Context) (empty bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(ctx); err != nil {
		return false, fmt.Errorf("empty the WAL: %w", err)
	}
	w := l.writer
	w.checkpointer.copying.Lock()
	defer w.checkpointer.copying.Unlock()
	if err = w.c.Do(fmt.Sprintf("PRAGMA busy_timeout = %d", emptyWait.Milliseconds())); err != nil {
		return false, l.fail(err)
	}
	row, err := w.c.Row(3, "PRAGMA wal_checkpoint(TRUNCATE)")
	more := w.c.Do("PRAGMA busy_timeout = 5000")
	switch {
	case isFull(err) && more == nil:
		return false, fmt.Errorf("empty the WAL: %w: %w", eventlog.ErrFull, err)
	case err != nil || more != nil:
		return false, l.fail(errors.Join(err, more))
	}
	if empty = row[0] == int64(0); empty {
		l.walDue.Store(false)
	}
	return empty, nil
}
