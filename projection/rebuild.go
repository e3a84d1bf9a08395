package projection

import (
	"context"
	"fmt"

	"daybook/eventlog"
	"daybook/task"
)

const (
	// progressEvery is how many events lie between two calls of progress.
	progressEvery = 1 << 15
	// replayBatch is how many events of a replay are folded as one batch, unless a checkpoint waits for the lock.
	replayBatch = 1 << 15
	// CheckedAtStart is how many of the latest events are checked before the views are opened;
	// see Open. A longer log is checked in the background.
	CheckedAtStart = 100_000
)

// A rebuild in memory allocates at once for the number of tasks that a log of this length usually has,
// up to 100 MB.
const (
	eventsPerTask = 3
	mostRoom      = 1 << 22
)

// Rebuild folds the whole log into memory, checking chain and gaps as it reads. progress,
// if not nil, is called now and then with the seq that was reached and the head. Errors:
// those of Scan; one that wraps task.ErrIllegal or task.ErrData and names the seq;
// ErrNewer for an unknown type of event or version of one.
func Rebuild(ctx context.Context, log eventlog.Log, progress func(done, head int64)) (*Views, error) {
	v := newViews(min(log.Head().Seq/eventsPerTask, mostRoom))
	if err := v.replay(ctx, log, progress); err != nil {
		return nil, fmt.Errorf("rebuild the views: %w", err)
	}
	return v, nil
}

// replay folds what the log has after what the views show.
func (v *Views) replay(ctx context.Context, log eventlog.Log, progress func(done, head int64)) error {
	if progress == nil {
		progress = func(done, head int64) {}
	}
	r := replay{v: v, seq: v.Seq(), head: log.Head().Seq, progress: progress}
	if err := log.Scan(ctx, r.seq, r.apply); err != nil {
		r.close()
		return named(ctx, log, err)
	}
	if err := r.close(); err != nil {
		return err
	}
	progress(r.seq, max(r.seq, r.head))
	return nil
}

// replay is one reading of the log, folded batch by batch.
type replay struct {
	v         *Views
	seq, head int64
	open      int // events in the batch that is open; the lock is held
	progress  func(done, head int64)
	event     task.Event
}

// apply folds the next event of the log.
func (r *replay) apply(raw *eventlog.Event) error {
	if r.seq++; raw.Seq != r.seq {
		return fmt.Errorf("read event %d: %w: want %d", raw.Seq, ErrGap, r.seq)
	}
	if r.seq%progressEvery == 0 {
		r.progress(r.seq, max(r.seq, r.head))
	}
	id, err := r.v.decoder.decode(&r.event, raw)
	if err != nil {
		return err
	}
	if r.open == 0 {
		r.v.mu.Lock()
		r.v.begin(nil)
	}
	r.open++
	if canFollowEnd(r.event.Type) {
		if err := r.v.bringOne(id); err != nil {
			return err
		}
		if err := r.v.bringChildrenOf(id, r.event.Type); err != nil {
			return err
		}
	}
	if err := r.v.fold(id, &r.event, raw); err != nil {
		return err
	}
	if r.open == replayBatch || r.v.keeper.waits() {
		return r.close()
	}
	return nil
}

// close ends the batch.
func (r *replay) close() error {
	if r.open == 0 {
		return nil
	}
	r.open = 0
	r.v.endBatch(r.seq)
	r.v.mu.Unlock()
	return r.v.keeper.pace()
}
