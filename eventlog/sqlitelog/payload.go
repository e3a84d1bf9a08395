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
// it. An event without a payload has no hash.
func checkBody(hash, salt, body []byte) ([]byte, error) {
	switch {
	case len(hash) == 0:
		return nil, eventlog.ErrNotFound
	case isErased(salt, body):
		return nil, eventlog.ErrErased
	}
	if sum := eventlog.PayloadHash(salt, body); string(sum[:]) != string(hash) {
		return nil, fmt.Errorf("%w: the payload does not fit its hash", eventlog.ErrDamaged)
	}
	return body, nil
}
