package api

import (
	"sync"
	"sync/atomic"
	"time"

	"daybook/api/eventstream"
	"daybook/internal/jsontext"
	"daybook/task"
)

// screens keeps the latest messages of /api/stream by the seq they begin after, so that
// clients which stand at the same seq share one encoding.
type screens struct {
	mu     sync.Mutex
	recent [screenMemory]*screen // guarded by mu
	at     int                   // guarded by mu; where the next goes
}

const (
	screenMemory = 16                   // messages kept
	screenFresh  = 5 * time.Millisecond // how long one may be shared: nobody gets what is older
	screenRows   = 200                  // rows in a message
)

// screen is one message: what changed after from, up to seq.
type screen struct {
	from  int64
	views viewSet
	made  time.Time // when its making began
	once  sync.Once
	text  []byte // of the message
	out   eventstream.Message
	err   error
	size  atomic.Int64 // bytes, once it is made
}

// since returns the message of what changed after from, with the changed rows of the views. Only the first who asks makes it.
func (s *screens) since(a *API, from int64, views viewSet) (*screen, error) {
	m := s.slot(from, views)
	m.once.Do(func() {
		var seq int64
		if m.text, seq, m.err = a.encodeScreen(from, views); m.err == nil {
			m.out = a.streams.Message(seq, m.text, seq)
		}
		m.size.Store(m.out.Size())
	})
	return m, m.err
}

// screenAfter is what a screen that stands at a seq gets, if it names no views.
func (a *API) screenAfter(after, _ int64) (eventstream.Message, error) {
	m, err := a.screens.since(a, after, 0)
	return m.out, err
}

// slot finds the message that begins after from, or makes room for it.
func (s *screens) slot(from int64, views viewSet) *screen {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.recent {
		if m != nil && m.from == from && m.views == views && now.Sub(m.made) < screenFresh {
			return m
		}
	}
	m := &screen{from: from, views: views, made: now}
	s.recent[s.at] = m
	s.at = (s.at + 1) % len(s.recent)
	return m
}

// bytes is what the messages kept hold.
func (s *screens) bytes() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.recent {
		if m != nil {
			n += m.size.Load()
		}
	}
	return n
}

// encodeScreen makes {"seq","rows","truncated","counts_changed","waiting","state"}, with "views" last if there are some. The rows
// are in summary form, as they stand at seq.
func (a *API) encodeScreen(after int64, views viewSet) (text []byte, seq int64, err error) {
	tasks, seq, truncated := a.Views.Changes(after, screenRows)
	w := jsontext.Writer(make([]byte, 0, 512+512*len(tasks)))
	w.Object()
	w.Key("seq").Int(seq)
	w.Key("rows").Array()
	for one, err := range a.rows(a.stopping, tasks, summary) {
		if err != nil {
			return nil, 0, err
		}
		w.Item()
		w = appendRow(w, one, summary)
	}
	w.EndArray()
	w.Key("truncated").Bool(truncated)
	counts, _ := a.Views.CountsSince(after)
	writeCounts(w.Key("counts_changed"), counts)
	a.writeWaiting(&w)
	a.writeState(w.Key("state"))
	if views != 0 {
		if err := a.writeViews(w.Key("views"), after, views); err != nil {
			return nil, 0, err
		}
	}
	w.EndObject()
	return w, seq, nil
}

// writeScreenState writes the members "counts", "waiting" and "state": what a screen shows beside the rows.
// They come with the first message of a connection and with each keep-alive; in between, a
// message has the counts that changed.
func (a *API) writeScreenState(w *jsontext.Writer) {
	counts, _ := a.Views.Counts()
	writeCounts(w.Key("counts"), counts)
	a.writeWaiting(w)
	a.writeState(w.Key("state"))
}

func (a *API) writeWaiting(w *jsontext.Writer) {
	waits, due := a.Views.WaitCounts(task.MicrosOf(time.Now()))
	writeWaits(w.Key("waiting"), waits, due)
}
