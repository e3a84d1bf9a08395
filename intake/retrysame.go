package intake

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// RetrySame calls do to retry an ended task as it is, with the key and the reason of the changes. With a key ("" = none) it does so once: a repeated
// request gets the task as it is now, with replayed true, and nothing is written. Such a key is only
// about retries of that task; it is in the history of the task, so it is known after a restart
// too. Errors: those of do and of reading.
func (in *Intake) RetrySame(ctx context.Context, id ulid.ULID, c Changes, do func(context.Context, task.Retry) (task.Task, error)) (t task.Task, replayed bool, err error) {
	key := c.IdempotencyKey
	if key == "" {
		t, err = do(ctx, task.Retry{Reason: c.Reason})
		return t, false, err
	}
	if len(key) > task.MaxKeyLength {
		return t, false, &task.Refusal{Kind: task.ErrInvalid, Fields: []task.FieldError{{Pointer: "/idempotency_key", Detail: "must be at most 255 bytes"}}}
	}
	select { // one at a time: of two with one key, the second sees what the first wrote
	case in.retrying <- struct{}{}:
		defer func() { <-in.retrying }()
	case <-ctx.Done():
		return t, false, ctx.Err()
	}
	if replayed, err = in.retriedUnder(ctx, id, key); err != nil {
		return t, false, err
	}
	if replayed {
		t, _, err = in.Views.Get(ctx, id)
		return t, true, err
	}
	t, err = do(context.WithoutCancel(ctx), task.Retry{Key: key, Reason: c.Reason})
	return t, false, err
}

// retriedUnder reports whether the task was retried under the key before.
func (in *Intake) retriedUnder(ctx context.Context, id ulid.ULID, key string) (bool, error) {
	seqs, err := in.Views.History(ctx, id)
	if err != nil {
		return false, err
	}
	const page = 500
	for some := range slices.Chunk(seqs, page) {
		events, err := in.Log.Events(ctx, some)
		if err != nil {
			return false, err
		}
		for _, e := range events {
			if e.Type != task.EventRetried.String() || !e.HasPayload {
				continue
			}
			payload, err := in.Payloads.Get(ctx, e.Seq)
			var said struct {
				Key string `json:"idempotency_key"`
			}
			switch {
			case errors.Is(err, eventlog.ErrDamaged), errors.Is(err, eventlog.ErrErased):
			case err != nil:
				return false, err
			case json.Unmarshal(payload, &said) == nil && said.Key == key:
				return true, nil
			}
		}
	}
	return false, nil
}
