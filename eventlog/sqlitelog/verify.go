package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"daybook/eventlog"
)

// CheckOptions configure Check. The zero value checks everything at a quarter of a core.
type CheckOptions struct {
	After int64 // the chain is checked from the event after this one
	// Share is the part of one core that the check takes at most, more than 0 and at most 1.
	// 0 = 0.25.
	Share float64
	// Progress, if not nil, is told now and then how far the check has come: done is the
	// last seq that was checked, head where it ends. The last call has done == head.
	Progress func(done, head int64)
}

// Check reads the log up to the head at the time of the call and checks that no event is
// missing and that each follows from the one before, as Scan does, but slowly: beside
// work that must not wait. It does not read payloads. What it finds does not stop the log:
// see Condemn. Errors: eventlog.ErrDamaged with the seq, those of the disk, ctx's.
func (l *Log) Check(ctx context.Context, o CheckOptions) error {
	if o.Share < 0 || o.Share > 1 {
		return fmt.Errorf("check log: a share of %v is not between 0 and 1", o.Share)
	}
	if o.Share == 0 {
		o.Share = 0.25
	}
	head := l.Head()
	after := max(o.After, l.base.Seq)
	if after >= head.Seq {
		return ctx.Err()
	}
	if err := l.checkChain(ctx, after, head, o); err != nil {
		return fmt.Errorf("check log: %w", err)
	}
	return nil
}

func (l *Log) checkChain(ctx context.Context, after int64, head eventlog.Head, o CheckOptions) error {
	c := checker{seq: after, fn: func(*eventlog.Event) error { return nil }, names: make(map[string]string)}
	err := l.checking(ctx, func(r *reader) (err error) {
		c.hash, err = hashAt(r.c, l.base, after)
		return err
	})
	for err == nil && c.seq < head.Seq {
		began := time.Now()
		if err = l.checkChunk(ctx, &c, min(c.seq+scanChunk, head.Seq)); err != nil {
			break
		}
		l.checked.Store(c.seq)
		if o.Progress != nil {
			o.Progress(c.seq, head.Seq)
		}
		if c.seq < head.Seq {
			err = sleep(ctx, time.Duration(float64(time.Since(began))*(1/o.Share-1)))
		}
	}
	if err == nil && c.hash != head.Hash {
		err = fmt.Errorf("%w: event %d is not the head that was acknowledged", eventlog.ErrDamaged, head.Seq)
	}
	return err
}

// checkChunk checks the events up to last.
func (l *Log) checkChunk(ctx context.Context, c *checker, last int64) error {
	var chunk []byte
	err := l.checking(ctx, func(r *reader) (err error) {
		chunk, err = r.chunk(c.seq, last)
		return err
	})
	if err == nil {
		err = c.check(chunk)
	}
	if err == nil && c.seq < last {
		err = fmt.Errorf("%w: event %d is missing", eventlog.ErrDamaged, c.seq+1)
	}
	return err
}

// checking calls fn with a reader, as reading does, but damage that it finds does not stop the log.
func (l *Log) checking(ctx context.Context, fn func(*reader) error) error {
	r, err := l.pool.acquire(ctx)
	if err != nil {
		return err
	}
	defer l.pool.release(r)
	return damage(fn(r))
}

// sleep sleeps for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Condemn makes the log one that is only read, because it is damaged: from now on Append
// refuses every entry with an error that wraps eventlog.ErrDamaged and err, and nothing
// is written. Reading goes on. Only the first call counts.
func (l *Log) Condemn(err error) {
	if !errors.Is(err, eventlog.ErrDamaged) {
		err = fmt.Errorf("%w: %w", eventlog.ErrDamaged, err)
	}
	err = fmt.Errorf("%w. It takes no more events: stop the server, keep a copy of %s, and restore the folder from a backup", err, l.dir)
	if l.damaged.CompareAndSwap(nil, &err) {
		l.logger.Error("the log is damaged and can only be read", "dir", l.dir, "error", err)
	}
}

// Damage returns the error after Condemn, nil before.
func (l *Log) Damage() error {
	if err := l.damaged.Load(); err != nil {
		return *err
	}
	return nil
}
