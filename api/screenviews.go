package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"daybook/api/eventstream"
	"daybook/internal/jsontext"
	"daybook/scheduler"
)

// viewSet is views that a screen names in ?views=: bit i stands for screenViews[i].
type viewSet uint8

// screenView is a list beside the tasks whose changed rows a screen can have in its messages.
type screenView struct {
	name string
	// write writes what has changed after a seq; nil = it is not in the log: see followedWorkers.
	write func(a *API, ctx context.Context, w *changedRows, after int64) error
}

// screenViews are all of them. They are written as their lists have them.
var screenViews = []screenView{
	{"queues", (*API).changedQueues},
	{"workers", nil},
	{"schedules", (*API).changedSchedules},
	{"workflows", (*API).changedWorkflows},
	{"bulks", (*API).changedBulks},
}

const (
	viewBytes = 256 << 10       // bytes of the rows of a view in a message
	idleEvery = 2 * time.Second // between looks for changes of workers, while there are no events
)

// viewWorkers is the bit of the workers.
const viewWorkers viewSet = 1 << 1

// readViews reads ?views=.
func readViews(q *query) (set viewSet) {
	for name := range strings.SplitSeq(q.text("views"), ",") {
		i := slices.IndexFunc(screenViews, func(v screenView) bool { return v.name == name })
		switch {
		case i >= 0:
			set |= 1 << i
		case name != "":
			var all []string
			for _, v := range screenViews {
				all = append(all, v.name)
			}
			q.wrong("views", "must be names of views with commas between them; there are "+strings.Join(all, ", "))
			return 0
		}
	}
	return set
}

// pushViews has a stream get the changed rows of views. All that name the same views share their messages, but for the workers:
// these change without events, so it is kept for each stream what it has of them.
func (a *API) pushViews(open *eventstream.Opening, views viewSet) {
	if views == 0 {
		return
	}
	shared := views &^ viewWorkers
	open.Pull = func(_ context.Context, after, _ int64) (eventstream.Message, error) {
		m, err := a.screens.since(a, after, shared)
		return m.out, err
	}
	if views == shared {
		return
	}
	followed := &followedWorkers{api: a}
	open.Pull = func(_ context.Context, after, _ int64) (eventstream.Message, error) {
		m, err := a.screens.since(a, after, shared)
		if err != nil {
			return eventstream.Message{}, err
		}
		return followed.addTo(m, shared), nil
	}
	open.Idle, open.IdleEvery = followed.alone, idleEvery
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

// followedWorkers is what one stream has of the workers.
type followedWorkers struct {
	api  *API
	of   *scheduler.Scheduler // in a cluster there is another one each time that this node leads
	told int64
}

// addTo is a message with what has changed of the workers.
func (f *followedWorkers) addTo(m *screen, shared viewSet) eventstream.Message {
	const ends = "}}" // of the views, and of the message
	w := jsontext.Writer(slices.Clone(m.text[:len(m.text)-len(ends)]))
	if shared == 0 {
		w = jsontext.Writer(slices.Clone(m.text[:len(m.text)-1]))
		w.Key("views").Object()
	}
	before := len(w)
	f.write(&w)
	if len(w) == before {
		return m.out
	}
	w.EndObject()
	w.EndObject()
	return f.api.streams.Message(m.out.UpTo, w, m.out.UpTo)
}

// alone is a message with what has changed of the workers while there were no events, empty if nothing has.
func (f *followedWorkers) alone(seq int64) eventstream.Message {
	var w jsontext.Writer
	w.Object()
	w.Key("seq").Int(seq)
	w.Key("rows").Array()
	w.EndArray()
	w.Key("truncated").Bool(false)
	w.Key("counts_changed").Array()
	w.EndArray()
	f.api.writeWaiting(&w)
	f.api.writeState(w.Key("state"))
	w.Key("views").Object()
	before := len(w)
	f.write(&w)
	if len(w) == before {
		return eventstream.Message{}
	}
	w.EndObject()
	w.EndObject()
	return f.api.streams.Message(seq, w, seq)
}

// write writes the member "workers" of the views, if there is something to tell.
func (f *followedWorkers) write(w *jsontext.Writer) {
	rows := changedRows{w: w, name: "workers"}
	defer rows.end()
	if f.api.ClusterNumbers != nil && !f.api.ClusterNumbers().Leads {
		rows.truncated = true // only the node that leads knows
		return
	}
	s := f.api.sched()
	if s != f.of {
		rows.truncated = f.of != nil
		f.of, f.told = s, 0
	}
	c := s.WorkersSince(f.told)
	f.told, rows.removed = c.Upto, c.Gone
	if rows.truncated = rows.truncated || !c.Known; rows.truncated {
		return
	}
	for i := range c.Workers {
		if more, _ := rows.add(func(w *jsontext.Writer) error { f.api.writeWorker(w, &c.Workers[i]); return nil }); !more {
			return
		}
	}
}
