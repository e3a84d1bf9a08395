package sqlitelog

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"unsafe"

	"daybook/eventlog"
)

// scanChunk is how many events one statement of a scan reads: a short transaction.
const scanChunk = 512

// scanSQL makes one value of a whole chunk: a row through the driver costs an allocation
// or two for each column, and a chunk the same for all of its events. Of each event come
// seq, the two hashes (zeros for no payload), and then the rest, a line each; no field but
// a hash can hold a line break.
const scanSQL = `SELECT CAST(group_concat(concat_ws(x'0a', hash,
	ifnull(payload_hash, x'0000000000000000000000000000000000000000000000000000000000000000'),
	seq, at, version, v, stream, type, actor, data), x'0a') AS BLOB)
	FROM events WHERE seq > ?1 + 0 AND seq <= ?2 + 0`

// Scan calls fn for every event with seq > after. See eventlog.Log. One goroutine reads,
// while the caller's checks the chain and calls fn.
func (l *Log) Scan(ctx context.Context, after int64, fn func(*eventlog.Event) error) error {
	head := l.Head()
	after = max(after, l.base.Seq)
	if after >= head.Seq {
		return ctx.Err()
	}
	prev, err := l.hashOf(ctx, after)
	if err != nil {
		return fmt.Errorf("scan log: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	chunks := make(chan []byte, 4)
	var readErr error
	go func() {
		defer close(chunks)
		readErr = l.readChunks(ctx, after, head.Seq, chunks)
	}()
	c := checker{seq: after, hash: prev, fn: fn, names: make(map[string]string)}
	for chunk := range chunks {
		if err == nil {
			if err = c.check(chunk); err != nil {
				cancel()
			}
		}
	}
	cancel()
	if err == nil {
		err = readErr
	}
	if err == nil && c.seq < head.Seq {
		err = fmt.Errorf("%w: event %d is missing", eventlog.ErrDamaged, c.seq+1)
	}
	if err == nil && c.hash != head.Hash {
		err = fmt.Errorf("%w: event %d is not the head that was acknowledged", eventlog.ErrDamaged, head.Seq)
	}
	if err != nil {
		return fmt.Errorf("scan log: %w", err)
	}
	return nil
}

// hashOf returns the stored hash of event seq, or that of the base.
func (l *Log) hashOf(ctx context.Context, seq int64) (eventlog.Hash, error) {
	var hash eventlog.Hash
	err := l.reading(ctx, func(r *reader) (err error) {
		hash, err = hashAt(r.c, l.base, seq)
		return err
	})
	return hash, err
}

// readChunks sends the events after one seq up to another, some at a time.
func (l *Log) readChunks(ctx context.Context, after, upTo int64, chunks chan<- []byte) error {
	for after < upTo {
		var chunk []byte
		last := min(after+scanChunk, upTo)
		err := l.reading(ctx, func(r *reader) (err error) {
			chunk, err = r.chunk(after, last)
			return err
		})
		if err != nil {
			return err
		}
		select {
		case chunks <- chunk:
		case <-ctx.Done():
			return ctx.Err()
		}
		after = last
	}
	return nil
}

func (r *reader) chunk(after, last int64) ([]byte, error) {
	var dest [1]driver.Value
	err := r.scan.Each(dest[:], func() error { return nil }, after, last)
	chunk, _ := dest[0].([]byte)
	return chunk, err
}

// checker takes the chunks of a scan apart and checks that each event follows.
type checker struct {
	seq   int64         // of the event before
	hash  eventlog.Hash // of the event before
	fn    func(*eventlog.Event) error
	names map[string]string // types and actors, each once
	event eventlog.Event    // the one that fn gets
}

func (c *checker) check(chunk []byte) error {
	e := &c.event
	for len(chunk) > 0 {
		*e = eventlog.Event{}
		rest, err := c.parse(e, chunk)
		if err != nil {
			return err
		}
		chunk = rest
		if e.Seq != c.seq+1 {
			return fmt.Errorf("%w: event %d is missing", eventlog.ErrDamaged, c.seq+1)
		}
		if got := eventlog.Chain(c.hash, e); got != e.Hash {
			return fmt.Errorf("%w: event %d does not follow from the one before", eventlog.ErrDamaged, e.Seq)
		}
		c.seq, c.hash = e.Seq, e.Hash
		if err := c.fn(e); err != nil {
			return err
		}
	}
	return nil
}

var errShape = errors.New("not in the shape of an event")

// parse reads one event of a chunk and returns what lies behind it.
func (c *checker) parse(e *eventlog.Event, b []byte) ([]byte, error) {
	const hashes = 2 * (eventlog.HashSize + 1)
	if len(b) < hashes {
		return nil, c.damage(errShape)
	}
	copy(e.Hash[:], b)
	copy(e.PayloadHash[:], b[eventlog.HashSize+1:])
	e.HasPayload = e.PayloadHash != eventlog.Hash{}
	b = b[hashes:]
	var ok [4]bool
	var v int64
	e.Seq, b, ok[0] = number(b)
	e.At, b, ok[1] = number(b)
	e.Version, b, ok[2] = number(b)
	v, b, ok[3] = number(b)
	e.V = int(v)
	if ok != [4]bool{true, true, true, true} {
		return nil, c.damage(errShape)
	}
	var stream, kind, actor []byte
	stream, b = line(b)
	kind, b = line(b)
	actor, b = line(b)
	e.Data, b = line(b)
	// The chunk is never written to: the string is as safe as a copy.
	e.Stream = unsafe.String(unsafe.SliceData(stream), len(stream))
	e.Type, e.Actor = c.name(kind), c.name(actor)
	return b, nil
}

func (c *checker) damage(err error) error {
	return fmt.Errorf("%w: event %d: %w", eventlog.ErrDamaged, c.seq+1, err)
}

// name returns a string that is kept once, as long as there are few.
func (c *checker) name(b []byte) string {
	s, ok := c.names[string(b)]
	if !ok {
		s = string(b)
		if len(c.names) < 1000 {
			c.names[s] = s
		}
	}
	return s
}

// line returns what lies before the next line break, and what lies behind it.
func line(b []byte) (field, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil
	}
	return b[:i:i], b[i+1:]
}

// number reads a decimal number that ends with a line break.
func number(b []byte) (n int64, rest []byte, ok bool) {
	for i, d := range b {
		switch {
		case d == '\n':
			return n, b[i+1:], i > 0
		case d < '0' || d > '9':
			return 0, nil, false
		}
		n = n*10 + int64(d-'0')
	}
	return 0, nil, false
}
