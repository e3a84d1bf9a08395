package sqlitelog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"daybook/eventlog"
	"daybook/internal/sqlite"
)

const (
	// bodiesAtOnce is how many bodies one statement reads, so that others get the reader too.
	bodiesAtOnce = 1000
	// keptRoom is how much memory a reader keeps for the next bodies, in bytes.
	keptRoom = bodyBytes / 2
	// bodyBytes is after how many bytes of rows a statement reads no further.
	bodyBytes = 1 << 20
)

// body is the result for one seq.
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
	head := l.Head().Seq // as of before the read: what comes meanwhile may be missing in it
	err := l.withReader(ctx, func(r *reader) error {
		return r.bodiesOf(seqs, func(bytes []byte, err error) {
			if !l.reaches(seqs[len(some)], head) {
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

// bodiesOf calls fn for each of the seqs in order, until there are bodyBytes.
func (r *reader) bodiesOf(seqs []int64, fn func(bytes []byte, err error)) error {
	return r.rowsOf(seqs, func(there bool, hash, salt, stored []byte) {
		if !there {
			fn(nil, errMissing)
			return
		}
		body, err := checkBody(hash, salt, stored)
		fn(bytes.Clone(body), err)
	})
}

// rowsOf calls fn for each of the seqs in order, until there are bodyBytes. there: the log has the event. The bytes are valid
// during the call.
func (r *reader) rowsOf(seqs []int64, fn func(there bool, hash, salt, stored []byte)) error {
	chunk, readErr := r.bodies.AppendSome(r.room[:0], bodyBytes, sqlite.Array(seqs))
	if r.room = chunk; cap(chunk) > keptRoom {
		r.room = nil
	}
	read := 0
	for values := sqlite.ValuesOf(chunk); values.More(); read++ {
		seq, hash, salt, stored := values.Number(), values.Bytes(), values.Bytes(), values.Bytes()
		if !values.Whole() || read == len(seqs) {
			return errors.Join(fmt.Errorf("%w: rows of bodies that are none", eventlog.ErrDamaged), readErr)
		}
		if seq != seqs[read] {
			fn(false, nil, nil, nil)
			continue
		}
		fn(true, hash, salt, stored)
	}
	if readErr == nil && len(chunk) < bodyBytes && read < len(seqs) {
		return fmt.Errorf("%w: %d bodies of %d", eventlog.ErrDamaged, read, len(seqs))
	}
	return readErr
}
