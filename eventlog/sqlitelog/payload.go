package sqlitelog

import (
	"context"
	"database/sql/driver"
	"fmt"

	"daybook/eventlog"
)

// Payload returns the body of event seq, checked against its hash. See eventlog.Log.
func (l *Log) Payload(ctx context.Context, seq int64) ([]byte, error) {
	if seq <= l.base.Seq || seq > l.Head().Seq {
		return nil, fmt.Errorf("read payload of event %d: %w", seq, eventlog.ErrNotFound)
	}
	var body []byte
	err := l.reading(ctx, func(r *reader) (err error) {
		body, err = r.body(seq)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read payload of event %d: %w", seq, err)
	}
	return body, nil
}

func (r *reader) body(seq int64) ([]byte, error) {
	var dest [3]driver.Value
	found := false
	err := r.payload.Each(dest[:], func() error { found = true; return nil }, seq)
	if err != nil {
		return nil, err
	}
	hash, hasPayload := dest[0].([]byte)
	salt, kept := dest[1].([]byte)
	body, _ := dest[2].([]byte)
	switch {
	case !found:
		return nil, fmt.Errorf("%w: event %d is missing", eventlog.ErrDamaged, seq)
	case !hasPayload:
		return nil, eventlog.ErrNotFound
	case !kept:
		return nil, eventlog.ErrErased
	}
	if sum := eventlog.PayloadHash(salt, body); string(sum[:]) != string(hash) {
		return nil, fmt.Errorf("%w: the payload does not fit its hash", eventlog.ErrDamaged)
	}
	return body, nil
}

// ErasePayload deletes the body that belongs to event seq; its hash remains. It
// returns when that is on disk. Errors: eventlog.ErrNotFound (there is none, or no more),
// ErrFull, ErrUnknown.
func (l *Log) ErasePayload(ctx context.Context, seq int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(ctx); err != nil {
		return fmt.Errorf("erase payload of event %d: %w", seq, err)
	}
	l.writer.erase.Args[0].Value = seq
	if err := l.writer.erase.Run(); err != nil {
		if isFull(err) {
			return fmt.Errorf("erase payload of event %d: %w: %w", seq, eventlog.ErrFull, err)
		}
		return fmt.Errorf("erase payload of event %d: %w", seq, l.fail(err))
	}
	changed, err := l.writer.c.Number("SELECT changes()")
	if err != nil {
		return fmt.Errorf("erase payload of event %d: %w", seq, l.fail(err))
	}
	if changed == 0 {
		return fmt.Errorf("erase payload of event %d: %w", seq, eventlog.ErrNotFound)
	}
	return nil
}
