package projection

import (
	"context"

	"daybook/eventlog"
)

// tape is a log that can be scanned and looked into, and no more: what views need. It hands every event over
// in one buffer that it overwrites, as the contract of Scan allows.
type tape struct {
	eventlog.Log
	events []*eventlog.Event
}

func (t tape) Head() eventlog.Head { return eventlog.Head{Seq: int64(len(t.events))} }

func (t tape) ID() string { return logID }

func (t tape) HasRoom() bool { return true }

func (t tape) Sync() error { return nil }

func (t tape) Events(_ context.Context, seqs []int64) ([]*eventlog.Event, error) {
	list := make([]*eventlog.Event, len(seqs))
	for i, seq := range seqs {
		if seq < 1 || seq > int64(len(t.events)) {
			return nil, eventlog.ErrNotFound
		}
		list[i] = t.events[seq-1]
	}
	return list, nil
}

func (t tape) Payloads(ctx context.Context, seqs []int64, fn func(int, []byte, error) error) error {
	for i, seq := range seqs {
		body, err := t.Payload(ctx, seq)
		if err := fn(i, body, err); err != nil {
			return err
		}
	}
	return nil
}

func (t tape) Payload(_ context.Context, seq int64) ([]byte, error) {
	if e := t.events[seq-1]; e.HasPayload {
		return e.Payload, nil
	}
	return nil, eventlog.ErrNotFound
}

func (t tape) Scan(ctx context.Context, after int64, fn func(*eventlog.Event) error) error {
	data := make([]byte, 0, 1024)
	for _, e := range t.events[after:] {
		if err := ctx.Err(); err != nil {
			return err
		}
		data = append(data[:0], e.Data...)
		lent := eventlog.Event{Seq: e.Seq, At: e.At, Stream: e.Stream, Version: e.Version, Type: e.Type, V: e.V,
			Actor: e.Actor, Data: data, HasPayload: e.HasPayload, PayloadHash: e.PayloadHash, Hash: e.Hash}
		if err := fn(&lent); err != nil {
			return err
		}
		clear(data)
	}
	return nil
}
