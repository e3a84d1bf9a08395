package projection

import (
	"context"
	"fmt"

	"daybook/eventlog"
	"daybook/task"
)

// progressEvery is how many events lie between two calls of progress.
const progressEvery = 1 << 15

// A rebuild makes room for as many tasks as a log of this length has when most run once,
// up to 100 MB, rather than grow as it goes.
const (
	eventsPerTask = 3
	mostRoom      = 1 << 22
)

// Rebuild folds the whole log, checking chain and gaps as it reads. progress, if not
// nil, is called now and then with the seq that was reached and the head. Errors:
// those of Scan; one that wraps task.ErrIllegal or task.ErrData and names the seq;
// ErrNewer for an unknown type of event or version of one.
func Rebuild(ctx context.Context, log eventlog.Log, progress func(done, head int64)) (*Views, error) {
	if progress == nil {
		progress = func(done, head int64) {}
	}
	head := log.Head().Seq
	v := newViews(min(head/eventsPerTask, mostRoom))
	var e task.Event
	var seq int64
	err := log.Scan(ctx, 0, func(raw *eventlog.Event) error {
		if seq++; raw.Seq != seq {
			return fmt.Errorf("read event %d: %w: want %d", raw.Seq, ErrGap, seq)
		}
		if seq%progressEvery == 0 {
			progress(seq, max(seq, head))
		}
		id, err := v.decoder.decode(&e, raw)
		if err != nil {
			return err
		}
		_, err = v.fold(id, &e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("rebuild the views: %w", err)
	}
	// What a task has become is all that the indexes ask for, so they are made once.
	for number := range v.table.size {
		v.index(v.table.at(number))
	}
	v.order.settle()
	v.seq.Store(seq)
	progress(seq, max(seq, head))
	return v, nil
}
