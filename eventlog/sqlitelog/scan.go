package sqlitelog

import (
	"context"
	"fmt"

	"daybook/eventlog"
)

const scanSQL = pageSQL

// Scan calls fn for every event with seq > after. See eventlog.Log.
func (l *Log) Scan(ctx context.Context, after int64, fn func(*eventlog.Event) error) error {
	head := l.Head()
	after = max(after, l.base.Seq)
	if after >= head.Seq {
		return ctx.Err()
	}
	prev, err := l.hashOf(ctx, after)
	if err != nil {
		return err
	}
	for after < head.Seq {
		page := eventlog.Page{Scanned: min(after+1000, head.Seq)}
		var f eventlog.Filter
		if err := l.reading(ctx, func(r *reader) error { return r.read(&page, after, &f, 10000) }); err != nil {
			return err
		}
		for _, e := range page.Events {
			if e.Seq != after+1 {
				return fmt.Errorf("scan log: %w: event %d is missing", eventlog.ErrDamaged, after+1)
			}
			if prev = eventlog.Chain(prev, e); prev != e.Hash {
				return fmt.Errorf("scan log: %w: event %d does not follow", eventlog.ErrDamaged, e.Seq)
			}
			if err := fn(e); err != nil {
				return err
			}
			after = e.Seq
		}
	}
	return nil
}

// hashOf returns the stored hash of event seq, or that of the base.
func (l *Log) hashOf(ctx context.Context, seq int64) (eventlog.Hash, error) {
	if seq == l.base.Seq {
		return l.base.Hash, nil
	}
	events, err := l.Events(ctx, []int64{seq})
	if err != nil {
		return eventlog.Hash{}, err
	}
	return events[0].Hash, nil
}
