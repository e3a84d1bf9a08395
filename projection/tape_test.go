package projection

import (
	"context"

	"daybook/eventlog"
)

// tape is a log that can only be scanned: what Rebuild needs. It hands every event over
// in one buffer that it overwrites, as the contract of Scan allows.
type tape struct {
	eventlog.Log
	events []*eventlog.Event
}

func (t tape) Head() eventlog.Head { return eventlog.Head{Seq: int64(len(t.events))} }

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
