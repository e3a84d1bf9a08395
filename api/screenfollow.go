package api

import (
	"slices"
	"time"

	"daybook/api/eventstream"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/scheduler"
)

// idleEvery is the time between looks for what has changed without an event.
const idleEvery = 2 * time.Second

// followedView is what one stream has of a list that changes without events too.
type followedView interface {
	// write writes a member of "views" with what has changed since the call before, if something has.
	write(w *jsontext.Writer)
}

// idleView is what one stream has of a list that time changes between events.
type idleView interface {
	// writeIdle writes a member of "views" with what has changed without an event since the message of a seq, and was not
	// written yet.
	writeIdle(w *jsontext.Writer, seq int64)
}

// followed are the lists that one stream follows, and those whose messages it shares.
type followed struct {
	api    *API
	views  []followedView
	idle   []idleView
	shared viewSet
}

// addTo is a message with what has changed of the lists that are followed.
func (f *followed) addTo(m *screen) eventstream.Message {
	const ends = "}}" // of the views, and of the message
	w := jsontext.Writer(slices.Clone(m.text[:len(m.text)-len(ends)]))
	if f.shared == 0 {
		w = jsontext.Writer(slices.Clone(m.text[:len(m.text)-1]))
		w.Key("views").Object()
	}
	before := len(w)
	if f.write(&w); len(w) == before {
		return m.out
	}
	w.EndObject()
	w.EndObject()
	return f.api.streams.Message(m.out.UpTo, w, m.out.UpTo)
}

// alone is a message with what has changed while there were no events, empty if nothing has.
func (f *followed) alone(seq int64) eventstream.Message {
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
	for _, v := range f.idle {
		v.writeIdle(&w, seq)
	}
	if len(w) == before {
		return eventstream.Message{}
	}
	w.EndObject()
	w.EndObject()
	return f.api.streams.Message(seq, w, seq)
}

func (f *followed) write(w *jsontext.Writer) {
	for _, v := range f.views {
		v.write(w)
	}
}

// followedWorkers is what one stream has of the workers.
type followedWorkers struct {
	api  *API
	of   *scheduler.Scheduler // in a cluster there is another one each time that this node leads
	told int64
}

func (a *API) followWorkers(int64) followedView { return &followedWorkers{api: a} }

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

// followedRows is what one stream has of a short list, whose rows change with time too.
type followedRows[T any] struct {
	name   string
	list   func() ([]*T, int64)
	nameOf func(*T) string
	encode func(*jsontext.Writer, *T) error
	gone   func() (names []string, known bool) // what has been deleted before the first write

	had    []*T              // by the latest look
	looked time.Time         // when that was
	told   map[string]string // the rows that the stream has, by their names; nil before the first write
}

func (a *API) followAlerts(after int64) followedView {
	return &followedRows[projection.Alert]{name: "alerts", list: a.Views.Alerts, nameOf: func(one *projection.Alert) string { return one.Name },
		encode: func(w *jsontext.Writer, one *projection.Alert) error { a.writeAlert(w, one); return nil },
		gone:   func() ([]string, bool) { return a.Views.DeletedAlerts(after) }}
}

func (a *API) followWebhooks(after int64) followedView {
	return &followedRows[projection.Webhook]{name: "webhooks", list: a.Views.Webhooks, nameOf: func(one *projection.Webhook) string { return one.Name },
		encode: func(w *jsontext.Writer, one *projection.Webhook) error { return a.writeWebhook(a.stopping, w, one, "") },
		gone:   func() ([]string, bool) { return a.Views.DeletedWebhooks(after) }}
}

// write looks at each row when an event has changed one, else every two seconds.
func (f *followedRows[T]) write(w *jsontext.Writer) {
	all, _ := f.list()
	if f.told != nil && slices.Equal(all, f.had) && time.Since(f.looked) < idleEvery {
		return
	}
	rows := changedRows{w: w, name: f.name}
	defer rows.end()
	before := f.told
	f.had, f.looked, f.told = all, time.Now(), make(map[string]string, len(all))
	if before == nil {
		gone, known := f.gone()
		rows.removed, rows.truncated = gone, !known
	}
	for _, one := range all {
		var row jsontext.Writer
		if f.encode(&row, one) != nil {
			rows.truncated = true // fetching the list says what is wrong
		}
		f.told[f.nameOf(one)] = string(row)
	}
	for name := range before {
		if _, listed := f.told[name]; !listed {
			rows.removed = append(rows.removed, name)
		}
	}
	for _, one := range all {
		row := f.told[f.nameOf(one)]
		if rows.truncated || row == before[f.nameOf(one)] {
			continue
		}
		if more, _ := rows.add(func(w *jsontext.Writer) error { w.Raw([]byte(row)); return nil }); !more {
			return
		}
	}
}
