package projection

import (
	"fmt"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// decoder turns events of the log into events of the domain. For one goroutine.
type decoder struct {
	data task.Decoder
}

// decode fills e, keeping nothing of raw, and returns the id of the task, which is
// zero (as is e.Type) for an event that is not of a task. Errors name the seq and wrap
// task.ErrData, task.ErrIllegal or ErrNewer.
func (d *decoder) decode(e *task.Event, raw *eventlog.Event) (ulid.ULID, error) {
	e.Seq, e.At, e.Version = raw.Seq, task.Micros(raw.At), raw.Version
	e.HasPayload, e.Payload, e.Actor = raw.HasPayload, nil, ""
	kind, ok := task.ParseEventType(raw.Type)
	if !ok {
		e.Type = 0
		_, err := kindOf(raw)
		return ulid.ULID{}, err
	}
	e.Type = kind
	if raw.V < 1 || raw.V > kind.SchemaVersion() {
		return ulid.ULID{}, newer(raw)
	}
	id, ok := task.ParseStream(raw.Stream)
	if !ok {
		return ulid.ULID{}, fmt.Errorf("read event %d: %w: %s in stream %q", raw.Seq, task.ErrIllegal, raw.Type, raw.Stream)
	}
	if err := d.data.Decode(&e.Data, kind, raw.V, raw.Data); err != nil {
		return ulid.ULID{}, fmt.Errorf("read event %d: %w", raw.Seq, err)
	}
	return id, nil
}

func newer(raw *eventlog.Event) error {
	return &Newer{Seq: raw.Seq, Type: raw.Type, V: raw.V}
}
