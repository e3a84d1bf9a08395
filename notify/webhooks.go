// Package notify tells others what happens: it follows the log and queues tasks that deliver events to webhooks. It is to run
// beside the scheduler that decides, in one process at a time; a second one would find that the cursors have moved and
// queue nothing twice.
//
// An event is queued in the commit that moves the cursor of its webhook, so a kill at any moment loses none and
// queues none twice. Delivery itself is at least once, as any task.
package notify

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/payloadcache"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

const (
	pageEvents    = 500                    // looked at together
	mostQueued    = 100                    // deliveries in one commit
	cursorEvents  = 100_000                // a cursor moves without a delivery after that many events, so that a start need not look at them again
	pauseBetween  = 20 * time.Millisecond  // between looks at the log
	pauseWithout  = 500 * time.Millisecond // the same while there is no webhook
	pauseRefused  = time.Second            // after something was refused
	complainAgain = time.Minute
)

// Options are what is followed. All must be set.
type Options struct {
	Log       eventlog.Log
	Views     *projection.Views
	Payloads  *payloadcache.Cache
	Scheduler *scheduler.Scheduler
	Logger    *slog.Logger
}

// Webhooks queues deliveries until ctx ends.
func Webhooks(ctx context.Context, o Options) {
	f := &follower{o: o, at: make(map[string]place), most: mostQueued}
	if err := o.Scheduler.EraseTargets(ctx); err != nil && ctx.Err() == nil {
		o.Logger.Error("the secrets of deleted webhooks could not be erased; the next start tries again", "error", err)
	}
	for ctx.Err() == nil {
		changed := o.Views.Changed()
		more, err := f.pass(ctx)
		if err != nil {
			f.complain(ctx, err)
			sleep(ctx, pauseRefused)
			continue
		}
		if more {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
		if len(f.at) == 0 {
			sleep(ctx, pauseWithout)
		} else {
			sleep(ctx, pauseBetween)
		}
	}
}

// sleep waits for that long, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// follower is what Webhooks owns.
type follower struct {
	o          Options
	at         map[string]place // by the name of the webhook
	most       int              // deliveries in one commit
	complained time.Time
}

// place is how far the log was looked through for a webhook: at least up to its cursor.
type place struct{ created, seq int64 }

// pass looks through a page of the log and queues what is found; more reports whether there is more to look at.
func (f *follower) pass(ctx context.Context) (more bool, err error) {
	hooks, head := f.o.Views.Webhooks()
	after := f.places(hooks, head)
	if after >= head {
		return false, nil
	}
	var types []string
	for _, w := range hooks {
		types = append(types, w.Events...)
	}
	slices.Sort(types)
	page, err := f.o.Log.Read(ctx, after, eventlog.Filter{Types: slices.Compact(types)}, pageEvents)
	if err != nil {
		return false, err
	}
	found, to, err := f.collect(ctx, hooks, page.Events, min(page.Scanned, head))
	if err != nil {
		return false, err
	}
	if len(found) > 0 {
		if err := f.queue(ctx, found); err != nil {
			return false, err
		}
	}
	for _, w := range hooks {
		f.at[w.Name] = place{w.CreatedSeq, max(f.at[w.Name].seq, to)}
	}
	return to < head, nil
}

// places brings the places up to date, and returns the earliest of them; the head if there is no webhook.
func (f *follower) places(hooks []*projection.Webhook, head int64) (after int64) {
	after = head
	now := make(map[string]place, len(hooks))
	for _, w := range hooks {
		at := f.at[w.Name]
		if at.created != w.CreatedSeq {
			at = place{w.CreatedSeq, w.Cursor}
		}
		at.seq = max(at.seq, w.Cursor)
		now[w.Name] = at
		after = min(after, at.seq)
	}
	f.at = now
	return after
}

// collect makes the deliveries of events up to a seq, or of the first of them; to is how far it came.
func (f *follower) collect(ctx context.Context, hooks []*projection.Webhook, events []*eventlog.Event, scanned int64) (found []scheduler.Deliveries, to int64, err error) {
	all := make([]scheduler.Deliveries, len(hooks))
	to = scanned
	n := 0
	for _, e := range events {
		if e.Seq > scanned {
			break
		}
		if n >= f.most {
			to = e.Seq - 1
			break
		}
		t, err := f.taskOf(ctx, e)
		if err != nil {
			return nil, 0, err
		}
		for i, w := range hooks {
			if e.Seq <= f.at[w.Name].seq || !w.Wants(e.Type, t) {
				continue
			}
			body, err := f.body(ctx, w.Name, e, t)
			if err != nil {
				return nil, 0, err
			}
			all[i].Bodies, all[i].Subjects = append(all[i].Bodies, body), append(all[i].Subjects, e.Type+" to "+w.Name)
			n++
		}
	}
	for i, w := range hooks {
		if len(all[i].Bodies) > 0 || to-w.Cursor >= cursorEvents {
			all[i].Webhook, all[i].To = w, to
			found = append(found, all[i])
		}
	}
	return found, to, nil
}

// taskOf is the task of an event as it now is, nil if it is not of a task.
func (f *follower) taskOf(ctx context.Context, e *eventlog.Event) (*task.Task, error) {
	id, ok := task.ParseStream(e.Stream)
	if !ok {
		return nil, nil
	}
	t, _, err := f.o.Views.Get(ctx, id)
	return &t, err
}

// queue submits the deliveries. If the queue has room for a few only, the next pass tries one by one.
func (f *follower) queue(ctx context.Context, found []scheduler.Deliveries) error {
	err := f.o.Scheduler.QueueDeliveries(ctx, found)
	switch {
	case err == nil:
		f.most = mostQueued
	case errors.Is(err, scheduler.ErrCursorMoved):
		clear(f.at)
	default:
		f.most = 1
	}
	return err
}

// complain logs why nothing could be queued, now and then.
func (f *follower) complain(ctx context.Context, err error) {
	if ctx.Err() != nil || time.Since(f.complained) < complainAgain {
		return
	}
	f.complained = time.Now()
	f.o.Logger.Warn("events for webhooks cannot be queued for now; it is tried again", "error", err)
}
