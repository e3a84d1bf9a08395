package sqlitelog

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"

	"daybook/eventlog"
	"daybook/internal/sqlite"

	sqlite3 "github.com/mattn/go-sqlite3"
)

const (
	// readBound is how many events one Read looks at, at most.
	readBound = 20_000
	maxLimit  = 10_000
)

// Read returns events with seq > after. See eventlog.Log.
func (l *Log) Read(ctx context.Context, after int64, f eventlog.Filter, limit int) (eventlog.Page, error) {
	if limit < 1 || limit > maxLimit {
		return eventlog.Page{}, fmt.Errorf("read log: limit %d is not between 1 and %d", limit, maxLimit)
	}
	after = max(after, l.base.Seq)
	page := eventlog.Page{Head: l.Head().Seq}
	if after >= page.Head {
		page.Scanned = page.Head
		return page, ctx.Err()
	}
	if l.ring.read(&page, after, &f, limit) {
		return page, ctx.Err()
	}
	page.Scanned = min(page.Head, after+readBound)
	err := l.reading(ctx, func(r *reader) error { return r.read(&page, after, &f, limit) })
	if err != nil {
		return eventlog.Page{}, fmt.Errorf("read log after %d: %w", after, err)
	}
	return page, nil
}

// read fills page with matching events after a seq, up to page.Scanned.
func (r *reader) read(page *eventlog.Page, after int64, f *eventlog.Filter, limit int) error {
	var dest [10]driver.Value
	take := func() error {
		e, err := decode(dest[:])
		page.Events = append(page.Events, e)
		return err
	}
	page.Events = make([]*eventlog.Event, 0, min(int64(limit), page.Scanned-after, 1024))
	var err error
	if len(f.Streams) == 0 && len(f.Types) == 0 && len(f.Actors) == 0 {
		err = r.page.Each(dest[:], take, after, page.Scanned, int64(limit))
	} else {
		err = r.filtered.Each(dest[:], take, after, page.Scanned, int64(limit), list(f.Streams), list(f.Types), list(f.Actors))
	}
	if n := len(page.Events); err == nil && n == limit {
		page.Scanned = page.Events[n-1].Seq
	}
	return err
}

// list is a list of a filter as the statement takes it.
func list(of []string) driver.Value {
	if len(of) == 0 {
		return nil
	}
	text, _ := json.Marshal(of) // strings always marshal
	return string(text)
}

// Events returns the events with these seqs. See eventlog.Log.
func (l *Log) Events(ctx context.Context, seqs []int64) ([]*eventlog.Event, error) {
	if len(seqs) > maxLimit {
		return nil, fmt.Errorf("read events: %d are more than %d", len(seqs), maxLimit)
	}
	head := l.Head().Seq
	events := make([]*eventlog.Event, len(seqs))
	var missing []int // indexes
	for i, seq := range seqs {
		if !l.reaches(seq, head) {
			return nil, fmt.Errorf("read event %d: %w", seq, eventlog.ErrNotFound)
		}
		if events[i] = l.ring.get(seq); events[i] == nil {
			missing = append(missing, i)
		}
	}
	for len(missing) > 0 { // in parts, so that others get the reader too
		some := missing[:min(len(missing), 1000)]
		missing = missing[len(some):]
		err := l.reading(ctx, func(r *reader) error { return r.events(events, seqs, some) })
		if err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
	}
	return events, ctx.Err()
}

func (r *reader) events(events []*eventlog.Event, seqs []int64, indexes []int) error {
	var dest [10]driver.Value
	for _, i := range indexes {
		err := r.one.Each(dest[:], func() (err error) {
			events[i], err = decode(dest[:])
			return err
		}, seqs[i])
		if err != nil {
			return err
		}
		if events[i] == nil {
			return fmt.Errorf("%w: event %d is missing", eventlog.ErrDamaged, seqs[i])
		}
	}
	return nil
}

// reading calls fn with a reader for events. A part of the file that SQLite finds malformed
// condemns the log: it takes no more events, and reading goes on where it can.
func (l *Log) reading(ctx context.Context, fn func(*reader) error) error {
	err := l.withReader(ctx, fn)
	if malformed(err) {
		l.Condemn(err)
	}
	return err
}

// withReader calls fn with a reader. An I/O error of the disk stops the log for appends too; a
// malformed page is ErrDamaged and stops nothing.
func (l *Log) withReader(ctx context.Context, fn func(*reader) error) error {
	r, err := l.pool.acquire(ctx)
	if err != nil {
		return err
	}
	defer l.pool.release(r)
	err = fn(r)
	if _, primary := sqlite.Code(err); primary == sqlite3.ErrIoErr {
		_ = l.fail(err)
		return fmt.Errorf("%w: %w", eventlog.ErrDamaged, err)
	}
	return damage(err)
}

// decode makes an event of one row.
func decode(dest []driver.Value) (*eventlog.Event, error) {
	e := &eventlog.Event{}
	var ok [9]bool
	var v int64
	e.Seq, ok[0] = dest[0].(int64)
	e.At, ok[1] = dest[1].(int64)
	e.Stream, ok[2] = dest[2].(string)
	e.Version, ok[3] = dest[3].(int64)
	e.Type, ok[4] = dest[4].(string)
	v, ok[5] = dest[5].(int64)
	e.Actor, ok[6] = dest[6].(string)
	e.Data, ok[7] = dest[7].([]byte)
	e.V = int(v)
	hash, isHash := dest[9].([]byte)
	ok[8] = isHash && copy(e.Hash[:], hash) == eventlog.HashSize
	if payloadHash, has := dest[8].([]byte); has {
		e.HasPayload = true
		ok[8] = ok[8] && copy(e.PayloadHash[:], payloadHash) == eventlog.HashSize
	}
	if ok != [9]bool{true, true, true, true, true, true, true, true, true} {
		return nil, fmt.Errorf("%w: event %d has a column that cannot be", eventlog.ErrDamaged, e.Seq)
	}
	return e, nil
}
