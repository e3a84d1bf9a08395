package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"daybook/api/eventstream"
	"daybook/internal/jsontext"
)

// viewSet is views that a screen names in ?views=: bit i stands for screenViews[i].
type viewSet uint16

// screenView is a list beside the tasks whose changed rows a screen can have in its messages.
type screenView struct {
	name string
	// write writes what has changed after a seq. All streams that stand at the same seq share it.
	write func(a *API, ctx context.Context, w *changedRows, after int64) error
	// follow is for a list that changes without events too: what it has is kept for each stream.
	follow func(a *API, after int64) followedView
	// idle is for a list that write has, but that time changes too: what has changed while there were no events.
	idle func(a *API) idleView
}

// screenViews are all of them. They are written as their lists have them.
var screenViews = []screenView{
	{name: "queues", write: (*API).changedQueues, idle: (*API).followQueues},
	{name: "workers", follow: (*API).followWorkers},
	{name: "schedules", write: (*API).changedSchedules},
	{name: "workflows", write: (*API).changedWorkflows},
	{name: "bulks", write: (*API).changedBulks},
	{name: "approvals", write: (*API).changedApprovals},
	{name: "alerts", follow: (*API).followAlerts},
	{name: "webhooks", follow: (*API).followWebhooks},
}

// viewBytes is how many bytes the rows of a view have in a message, about.
const viewBytes = 256 << 10

// readViews reads ?views=. An error is for a list that the caller may not read.
func readViews(q *query, by caller) (set viewSet, err error) {
	for name := range strings.SplitSeq(q.text("views"), ",") {
		i := slices.IndexFunc(screenViews, func(v screenView) bool { return v.name == name })
		switch {
		case i >= 0:
			if err := by.mayCall("The view "+name, permissionOf("/api/"+name, http.MethodGet).role); err != nil {
				return 0, err
			}
			set |= 1 << i
		case name != "":
			var all []string
			for _, v := range screenViews {
				all = append(all, v.name)
			}
			q.wrong("views", "must be names of views with commas between them; there are "+strings.Join(all, ", "))
			return 0, nil
		}
	}
	return set, nil
}

// pushViews has a stream get the changed rows of views. All that name the same views share their messages, but for those that
// are followed.
func (a *API) pushViews(open *eventstream.Opening, views viewSet) {
	if views == 0 {
		return
	}
	f := followed{api: a}
	for i, v := range screenViews {
		if views&(1<<i) == 0 {
			continue
		}
		if v.follow == nil {
			f.shared |= 1 << i
		} else {
			f.views = append(f.views, v.follow(a, open.After))
		}
		if v.idle != nil {
			f.idle = append(f.idle, v.idle(a))
		}
	}
	open.Pull = func(_ context.Context, after, _ int64) (eventstream.Message, error) {
		m, err := a.screens.since(a, after, f.shared)
		if err != nil || f.views == nil {
			return m.out, err
		}
		return f.addTo(m), nil
	}
	if f.views != nil || f.idle != nil {
		open.Idle, open.IdleEvery = f.alone, idleEvery
	}
}

// writeViews writes {"queues":{"rows","removed","truncated"},…} of the views that have changed.
func (a *API) writeViews(w *jsontext.Writer, after int64, views viewSet) error {
	w.Object()
	for i, v := range screenViews {
		if views&(1<<i) == 0 || v.write == nil {
			continue
		}
		rows := changedRows{w: w, name: v.name}
		if err := v.write(a, a.stopping, &rows, after); err != nil {
			return err
		}
		rows.end()
	}
	w.EndObject()
	return nil
}

// changedRows writes what has changed of one view: nothing if nothing has, and no rows if there are too many.
type changedRows struct {
	w         *jsontext.Writer
	name      string
	begin     int // where it begins in w
	rows      int
	removed   []string
	truncated bool
}

// add is called for each row with a function that writes it, until it returns false.
func (c *changedRows) add(write rowWriter) (more bool, err error) {
	if c.rows == 0 {
		c.begin = len(*c.w)
		c.w.Key(c.name).Object()
		c.w.Key("rows").Array()
	}
	if c.rows++; c.rows <= screenRows {
		err = write(c.w.Item())
	}
	c.truncated = c.rows > screenRows || len(*c.w)-c.begin > viewBytes
	return !c.truncated, err
}

// rowWriter writes a row.
type rowWriter func(w *jsontext.Writer) error

// addNamed adds the rows of those names, as far as there is room. find returns nil for one that is in the list no more.
func (c *changedRows) addNamed(names []string, find func(name string) rowWriter) error {
	for _, name := range names {
		write := find(name)
		if write == nil {
			c.removed = append(c.removed, name)
			continue
		}
		if more, err := c.add(write); !more || err != nil {
			return err
		}
	}
	return nil
}

// end writes what is left.
func (c *changedRows) end() {
	if c.rows == 0 && c.removed == nil && !c.truncated {
		return
	}
	if c.truncated && c.rows > 0 {
		*c.w = (*c.w)[:c.begin]
	}
	if c.truncated || c.rows == 0 {
		c.w.Key(c.name).Object()
		c.w.Key("rows").Array()
	}
	if c.truncated {
		c.removed = nil
	}
	c.w.EndArray()
	c.w.Key("removed").Strings(c.removed)
	c.w.Key("truncated").Bool(c.truncated)
	c.w.EndObject()
}

func (a *API) changedQueues(ctx context.Context, w *changedRows, after int64) error {
	names, known := a.Views.ChangedQueues(after)
	if w.truncated = !known; w.truncated {
		return nil
	}
	if len(names) == 0 {
		return nil
	}
	all := a.Views.QueueNames()
	return w.addNamed(names, func(name string) rowWriter {
		if _, listed := slices.BinarySearch(all, name); !listed {
			return nil
		}
		return func(w *jsontext.Writer) error { a.writeQueue(ctx, w, name); return nil }
	})
}

func (a *API) changedSchedules(ctx context.Context, w *changedRows, after int64) error {
	names, known := a.Views.ChangedSchedules(after)
	w.truncated = !known
	return w.addNamed(names, func(name string) rowWriter {
		s, _ := a.Views.Schedule(name)
		if s == nil {
			return nil
		}
		return func(w *jsontext.Writer) error { return a.writeSchedule(ctx, w, s) }
	})
}

func (a *API) changedWorkflows(ctx context.Context, w *changedRows, after int64) error {
	tasks, known := a.Views.ChangedWorkflows(after, screenRows)
	w.truncated = !known
	for one, err := range a.rows(ctx, tasks, summary) {
		if err != nil {
			return err
		}
		if more, err := w.add(func(w *jsontext.Writer) error { a.writeWorkflowRow(w, one); return nil }); !more || err != nil {
			return err
		}
	}
	return nil
}

func (a *API) changedBulks(ctx context.Context, w *changedRows, after int64) error {
	ids, known := a.Views.ChangedBulks(after)
	w.truncated = !known
	return w.addNamed(ids, func(id string) rowWriter {
		b, _ := a.Views.Bulk(id)
		if b == nil {
			return nil
		}
		return func(w *jsontext.Writer) error { return a.writeBulk(ctx, w, b) }
	})
}

func (a *API) changedApprovals(ctx context.Context, w *changedRows, after int64) error {
	waiting, gone, known := a.Views.ChangedApprovals(after)
	w.removed, w.truncated = gone, !known
	for i := range waiting {
		if more, err := w.add(func(w *jsontext.Writer) error { return a.writeApproval(ctx, w, &waiting[i]) }); !more || err != nil {
			return err
		}
	}
	return nil
}
