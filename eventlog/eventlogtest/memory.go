package eventlogtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"daybook/eventlog"
)

// Memory is a log in memory. It keeps everything and never fails.
type Memory struct {
	id string

	mu       sync.RWMutex
	events   []*eventlog.Event // guarded by mu
	payloads map[int64]payload // guarded by mu
	onErased []func(seqs []int64)
}

type payload struct{ salt, body []byte }

var _ eventlog.Log = (*Memory)(nil)

// NewMemory returns an empty log.
func NewMemory() *Memory {
	// Random text has 26 letters of base 32, as a ULID has; here the time does not matter.
	return &Memory{id: "0" + rand.Text()[:25], payloads: make(map[int64]payload)}
}

// ID is the log's own identity.
func (m *Memory) ID() string { return m.id }

// Epoch is that of a log that never lost an event.
func (m *Memory) Epoch() string { return eventlog.FirstEpoch(m.id) }

// Head returns the last event.
func (m *Memory) Head() eventlog.Head {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.head()
}

// head returns the last event; mu is held.
func (m *Memory) head() eventlog.Head {
	if len(m.events) == 0 {
		return eventlog.Head{Hash: eventlog.FirstHash(m.id)}
	}
	last := m.events[len(m.events)-1]
	return eventlog.Head{Seq: last.Seq, Hash: last.Hash, At: last.At}
}

// Sync does nothing: the log has no disk.
func (m *Memory) Sync() error { return nil }

// Append appends the entries.
func (m *Memory) Append(ctx context.Context, entries []eventlog.Entry) []eventlog.Result {
	results := make([]eventlog.Result, len(entries))
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.head()
	for i, e := range entries {
		if err := ctx.Err(); err != nil {
			results[i].Err = err
			continue
		}
		if k, lacks := e.Lacks(results[:i]); lacks {
			results[i].Err = fmt.Errorf("%w: it builds on entry %d, which was refused", eventlog.ErrConflict, k)
			continue
		}
		results[i] = m.append(before, e)
	}
	return results
}

func (m *Memory) append(before eventlog.Head, entry eventlog.Entry) eventlog.Result {
	if !entry.Expect.Holds(before.Seq) {
		return eventlog.Result{Err: fmt.Errorf("%w: its last event is %d", eventlog.ErrConflict, before.Seq)}
	}
	at := m.head().At
	if len(entry.Events) == 0 {
		return eventlog.Result{Err: fmt.Errorf("%w: no events", eventlog.ErrInvalid)}
	}
	for _, e := range entry.Events {
		if e == nil || !valid(e) || e.At < at {
			return eventlog.Result{Err: fmt.Errorf("%w: %+v", eventlog.ErrInvalid, e)}
		}
		at = e.At
	}
	for _, e := range entry.Events {
		m.add(e)
	}
	last := m.head().Seq
	return eventlog.Result{First: last - int64(len(entry.Events)) + 1, Last: last}
}

func valid(e *eventlog.Event) bool {
	for _, name := range []string{e.Stream, e.Type, e.Actor} {
		if name == "" || len(name) > 256 || strings.ToValidUTF8(name, "") != name || strings.ContainsAny(name, "\x00\n") {
			return false
		}
	}
	for _, text := range [][]byte{e.Data, e.Payload} {
		if string(text) != strings.ToValidUTF8(string(text), "") {
			return false
		}
	}
	return e.At >= 0 && e.Version >= 1 && e.V >= 1 && len(e.Data) >= 2 && len(e.Data) <= 1<<20 && e.Data[0] == '{' &&
		!slices.Contains(e.Data, '\n') && (e.Payload == nil || len(e.Payload) > 0)
}

func (m *Memory) add(e *eventlog.Event) {
	head := m.head()
	e.Seq = head.Seq + 1
	if e.HasPayload = e.Payload != nil; e.HasPayload {
		salt := make([]byte, 16)
		rand.Read(salt)
		e.PayloadHash = eventlog.PayloadHash(salt, e.Payload)
		m.payloads[e.Seq] = payload{salt, slices.Clone(e.Payload)}
	}
	e.Hash = eventlog.Chain(head.Hash, e)
	m.events = append(m.events, &eventlog.Event{
		Seq: e.Seq, At: e.At, Stream: e.Stream, Version: e.Version, Type: e.Type, V: e.V, Actor: e.Actor,
		Data: slices.Clone(e.Data), HasPayload: e.HasPayload, PayloadHash: e.PayloadHash, Hash: e.Hash,
	})
}

// readBound is small here, so that callers meet pages that end before the head.
const readBound = 1000

// Read returns events with seq > after.
func (m *Memory) Read(ctx context.Context, after int64, f eventlog.Filter, limit int) (eventlog.Page, error) {
	if limit < 1 || limit > 10_000 {
		return eventlog.Page{}, errors.New("limit is not between 1 and 10,000")
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	head := m.head().Seq
	after = max(after, 0)
	page := eventlog.Page{Head: head, Scanned: min(after, head)}
	for page.Scanned < min(head, after+readBound) && len(page.Events) < limit {
		e := m.events[page.Scanned]
		page.Scanned = e.Seq
		if has(f.Streams, e.Stream) && has(f.Types, e.Type) && has(f.Actors, e.Actor) {
			page.Events = append(page.Events, e)
		}
	}
	return page, ctx.Err()
}

func has(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }

// Scan calls fn for every event with seq > after.
func (m *Memory) Scan(ctx context.Context, after int64, fn func(*eventlog.Event) error) error {
	m.mu.RLock()
	events := m.events[min(max(after, 0), int64(len(m.events))):]
	m.mu.RUnlock()
	for _, e := range events {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Events returns the events with these seqs.
func (m *Memory) Events(ctx context.Context, seqs []int64) ([]*eventlog.Event, error) {
	if len(seqs) > 10_000 {
		return nil, errors.New("more than 10,000 seqs")
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	events := make([]*eventlog.Event, len(seqs))
	for i, seq := range seqs {
		if seq < 1 || seq > int64(len(m.events)) {
			return nil, fmt.Errorf("event %d: %w", seq, eventlog.ErrNotFound)
		}
		events[i] = m.events[seq-1]
	}
	return events, ctx.Err()
}

// Payload returns the body that belongs to event seq.
func (m *Memory) Payload(ctx context.Context, seq int64) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if seq < 1 || seq > int64(len(m.events)) || !m.events[seq-1].HasPayload {
		return nil, fmt.Errorf("payload of event %d: %w", seq, eventlog.ErrNotFound)
	}
	p, ok := m.payloads[seq]
	if !ok {
		return nil, fmt.Errorf("payload of event %d: %w", seq, eventlog.ErrErased)
	}
	return p.body, ctx.Err()
}

// Payloads calls fn for each of the seqs.
func (m *Memory) Payloads(ctx context.Context, seqs []int64, fn func(i int, body []byte, err error) error) error {
	for i, seq := range seqs {
		if err := ctx.Err(); err != nil {
			return err
		}
		body, err := m.Payload(ctx, seq)
		if err := fn(i, body, err); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// ErasePayloads deletes the bodies that belong to the events.
func (m *Memory) ErasePayloads(_ context.Context, seqs ...int64) error {
	m.mu.Lock()
	for _, seq := range seqs {
		delete(m.payloads, seq)
	}
	m.mu.Unlock()
	for _, fn := range m.onErased {
		fn(seqs)
	}
	return nil
}

// OnErased adds a function that is called after payloads were erased.
func (m *Memory) OnErased(fn func(seqs []int64)) { m.onErased = append(m.onErased, fn) }

// HasRoom is always true.
func (m *Memory) HasRoom() bool { return true }

// Damage is always nil.
func (m *Memory) Damage() error { return nil }

// CheckFiles does nothing: there are no files.
func (m *Memory) CheckFiles() error { return nil }

// Refresh does nothing: there is no cache.
func (m *Memory) Refresh(context.Context) error { return nil }

// Stats returns zeros.
func (m *Memory) Stats() eventlog.Stats { return eventlog.Stats{} }
