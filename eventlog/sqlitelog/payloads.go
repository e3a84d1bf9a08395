package sqlitelog

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"daybook/eventlog"
)

const (
	// bodiesAtOnce is how many bodies one statement reads, so that others get the reader too.
	bodiesAtOnce = 1000
	// bodyBytes is after how many bytes a statement reads no further body.
	bodyBytes = 1 << 20
)

// body is what became of one seq.
type body struct {
	bytes []byte
	err   error
}

// Payloads reads the bodies in the order of the log, many with one statement. See
// eventlog.Log.
func (l *Log) Payloads(ctx context.Context, seqs []int64, fn func(i int, body []byte, err error) error) error {
	order := make([]int, len(seqs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(seqs[a], seqs[b]) })
	sorted := make([]int64, 0, min(len(seqs), bodiesAtOnce))
	for len(order) > 0 {
		sorted = sorted[:0]
		for _, i := range order[:min(len(order), bodiesAtOnce)] {
			sorted = append(sorted, seqs[i])
		}
		some, err := l.bodies(ctx, sorted)
		if err != nil {
			return fmt.Errorf("read payloads: %w", err)
		}
		for k, b := range some {
			if err := fn(order[k], b.bytes, bodyError(sorted[k], b.err)); err != nil {
				return err
			}
		}
		order = order[len(some):]
	}
	return ctx.Err()
}

// bodies reads those of the first seqs, at least one. Where the file is damaged it ends
// before the body that cannot be read, or with it.
func (l *Log) bodies(ctx context.Context, seqs []int64) ([]body, error) {
	some := make([]body, 0, len(seqs))
	err := l.reading(ctx, func(r *reader) error {
		return r.bodiesOf(seqs, func(bytes []byte, err error) {
			if !l.reaches(seqs[len(some)]) {
				bytes, err = nil, eventlog.ErrNotFound
			}
			some = append(some, body{bytes, err})
		})
	})
	if errors.Is(err, eventlog.ErrDamaged) {
		if len(some) == 0 {
			some = append(some, body{err: err})
		}
		err = nil
	}
	return some, err
}

var errEnough = errors.New("enough bytes")

// bodiesOf calls fn for each of the seqs in order, until there are bodyBytes.
func (r *reader) bodiesOf(seqs []int64, fn func(bytes []byte, err error)) error {
	var dest [4]driver.Value
	var read, size int
	err := r.bodies.Each(dest[:], func() error {
		var bytes []byte
		err := errMissing
		if seq, found := dest[3].(int64); found && seq == seqs[read] {
			bytes, err = checkBody(dest[:3])
		}
		fn(bytes, err)
		read, size = read+1, size+len(bytes)
		if size >= bodyBytes {
			return errEnough
		}
		return nil
	}, arrayOf(seqs))
	if err == nil && read < len(seqs) {
		return fmt.Errorf("%w: %d bodies of %d", eventlog.ErrDamaged, read, len(seqs))
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// arrayOf is a JSON array of the seqs.
func arrayOf(seqs []int64) string {
	text := make([]byte, 0, 2+10*len(seqs))
	for i, seq := range seqs {
		text = append(text, "[,"[min(i, 1)])
		text = strconv.AppendInt(text, seq, 10)
	}
	return string(append(text, ']'))
}
