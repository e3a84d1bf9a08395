package sqlitelog

import (
	"context"
	"fmt"

	"daybook/eventlog"
)

// Payload returns the body of event seq, checked against its hash. See eventlog.Log.
func (l *Log) Payload(ctx context.Context, seq int64) ([]byte, error) {
	if !l.reaches(seq, l.Head().Seq) {
		return nil, bodyError(seq, eventlog.ErrNotFound)
	}
	var found body
	err := l.withReader(ctx, func(r *reader) error {
		return r.bodiesOf([]int64{seq}, func(bytes []byte, err error) { found = body{bytes, err} })
	})
	if err == nil {
		err = found.err
	}
	if err != nil {
		return nil, bodyError(seq, err)
	}
	return found.bytes, nil
}

// reaches reports whether event seq is in the log that ends with head.
func (l *Log) reaches(seq, head int64) bool { return seq > l.base.Seq && seq <= head }

func bodyError(seq int64, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read payload of event %d: %w", seq, err)
}

var errMissing = fmt.Errorf("%w: the event is missing", eventlog.ErrDamaged)

// checkBody returns the body that is kept with this salt, if it fits the event's hash of
// it. An event without a payload has no hash, and one that was erased no salt.
func checkBody(hash, salt, body []byte) ([]byte, error) {
	switch {
	case len(hash) == 0:
		return nil, eventlog.ErrNotFound
	case len(salt) == 0:
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
	if l.options.Replica {
		if err := l.writer.sync(); err != nil {
			return fmt.Errorf("erase payload of event %d: %w", seq, l.fail(err))
		}
	}
	if err := l.checkFiles(0); err != nil {
		return fmt.Errorf("erase payload of event %d: %w", seq, err)
	}
	return nil
}
