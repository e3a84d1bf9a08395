package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"daybook/eventlog"
	"daybook/internal/sqlite"
)

// scanChunk is how many events one statement of a scan reads: a short transaction.
const scanChunk = 512

// scanSQL reads the events of a chunk.
const (
	scanSQL     = "SELECT hash, payload_hash, seq, at, version, v, stream, type, actor, data FROM events WHERE seq > ?1 + 0 AND seq <= ?2 + 0"
	scanColumns = "bbiiiitttt"
)

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

// chunk reads the events after one seq up to another, into new memory.
func (r *reader) chunk(after, last int64) ([]byte, error) {
	room := max(r.latest+r.latest/8, 16<<10)
	chunk, err := r.scan.Append(make([]byte, 0, room), after, last)
	r.latest = len(chunk)
	return chunk, err
}

// checker decodes the chunks of a scan and checks that each event follows the one before.
type checker struct {
	seq   int64         // of the event before
	hash  eventlog.Hash // of the event before
	fn    func(*eventlog.Event) error
	names map[string]string // types and actors, each once
	event eventlog.Event    // the one that fn gets
}

func (c *checker) check(chunk []byte) error {
	e := &c.event
	for values := sqlite.ValuesOf(chunk); values.More(); {
		*e = eventlog.Event{}
		if err := c.parse(e, &values); err != nil {
			return err
		}
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

// parse reads the next event.
func (c *checker) parse(e *eventlog.Event, values *sqlite.Values) error {
	hash, payloadHash := values.Bytes(), values.Bytes()
	e.Seq, e.At, e.Version, e.V = values.Number(), values.Number(), values.Number(), int(values.Number())
	stream, kind, actor := values.Bytes(), values.Bytes(), values.Bytes()
	e.Data = values.Bytes()
	e.HasPayload = len(payloadHash) > 0
	if !values.Whole() || len(hash) != eventlog.HashSize || e.HasPayload && len(payloadHash) != eventlog.HashSize {
		return c.damage(errShape)
	}
	copy(e.Hash[:], hash)
	copy(e.PayloadHash[:], payloadHash)
	// The chunk is never written to: the string is as safe as a copy.
	e.Stream = unsafe.String(unsafe.SliceData(stream), len(stream))
	e.Type, e.Actor = c.name(kind), c.name(actor)
	return nil
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
