package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// SavedValue is a value as an attempt saves it: canonical JSON. Errors: it is not JSON, or too long.
func SavedValue(value []byte) ([]byte, error) {
	saved, err := jsontext.Canonical(nil, value, task.MaxDepth)
	if err != nil {
		return nil, fmt.Errorf("save a value: it is not valid JSON: %w", err)
	}
	if len(saved) > task.MaxSaved {
		return nil, fmt.Errorf("save a value: it has %d bytes; the most is %d", len(saved), task.MaxSaved)
	}
	return saved, nil
}

// save writes a report with a value for later attempts, and returns when it is on disk.
func (a *attempt) save(ctx context.Context, percent float64, message string, value []byte) error {
	saved, err := SavedValue(value)
	if err != nil {
		return err
	}
	_, err = a.s.ask(ctx, &request{actor: ActorScheduler, id: a.id,
		command: task.Progress{Fence: a.fence, Percent: percent, Message: message, Saved: saved}})
	if err != nil {
		return fmt.Errorf("save a value: %w", err)
	}
	return nil
}

// savedPage is how many events of the task are read at a time.
const savedPage = 256

// saved reads what attempts of the task have saved, in order.
func (a *attempt) saved(ctx context.Context) ([][]byte, error) { return a.s.Saved(ctx, a.id) }

// Saved reads what attempts of a task have saved, in order.
func (s *Scheduler) Saved(ctx context.Context, id ulid.ULID) ([][]byte, error) {
	seqs, err := s.o.Views.History(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read what earlier attempts have saved: %w", err)
	}
	var values [][]byte
	for some := range slices.Chunk(seqs, savedPage) {
		events, err := s.o.Log.Events(ctx, some)
		if err != nil {
			return nil, fmt.Errorf("read what earlier attempts have saved: %w", err)
		}
		for _, e := range events {
			if e.Type != task.EventProgressed.String() || !e.HasPayload {
				continue
			}
			body, err := s.o.Payloads.Get(ctx, e.Seq)
			if errors.Is(err, eventlog.ErrErased) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("read what earlier attempts have saved: %w", err)
			}
			for key, value := range jsontext.Members(body) {
				if string(key) == "saved" {
					values = append(values, slices.Clone(value))
				}
			}
		}
	}
	return values, nil
}
