package projection

import (
	"encoding/json"
	"fmt"
	"strings"

	"daybook/eventlog"
	"daybook/task"
)

// SignalSent is the type of the event of a signal, in the stream "signal:NAME".
const SignalSent = "signal.sent"

var signalEvents = map[string]int{SignalSent: 1}

// MaxSignals is how many signals are kept at one time.
const MaxSignals = 100_000

// Signal is a signal that was sent: the first of its name while it is kept.
type Signal struct {
	Name    string      `json:"name"`
	Version int64       `json:"version"` // events of its stream since it is remembered
	Seq     int64       `json:"seq"`     // of its event; its payload is that of the signal, if it has one
	At      task.Micros `json:"at"`
	Until   task.Micros `json:"until"`             // it is kept
	Payload bool        `json:"payload,omitempty"` // it has one
}

// SignalData is the data of signal.sent.
type SignalData struct {
	Until task.Micros `json:"until"` // the signal is kept
}

// signals is the fold of the streams of signals.
type signals struct {
	List []Signal `json:"list,omitempty"` // in the order in which they were sent
	Sent int64    `json:"sent,omitempty"` // ever

	byName map[string]int // places in List
	text   []byte         // of List as JSON, without brackets: a checkpoint must not take long
}

// pruneEvery is after how many signals those are forgotten whose time is over. It is part of the fold.
const pruneEvery = 1024

func (f *signals) apply(e *eventlog.Event) error {
	var d SignalData
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return fmt.Errorf("%w: %s: %w", task.ErrData, e.Type, err)
	}
	_, name, _ := strings.Cut(e.Stream, ":")
	one := Signal{Name: strings.Clone(name), Version: e.Version, Seq: e.Seq, At: task.Micros(e.At), Until: d.Until, Payload: e.HasPayload}
	if f.Sent++; f.Sent%pruneEvery == 0 || len(f.List) >= MaxSignals {
		f.prune(one.At)
	}
	if f.byName == nil {
		f.index()
	}
	if at, known := f.byName[name]; known { // the one before is over
		f.List[at] = one
		f.index()
		return nil
	}
	f.add(one)
	return nil
}

func (f *signals) add(one Signal) {
	f.byName[one.Name] = len(f.List)
	f.List = append(f.List, one)
	if len(f.text) > 0 {
		f.text = append(f.text, ',')
	}
	text, _ := json.Marshal(one) // plain data can be marshalled
	f.text = append(f.text, text...)
}

// index makes what follows from List.
func (f *signals) index() {
	list := f.List
	f.List, f.byName, f.text = list[:0], make(map[string]int, len(list)), nil
	for _, one := range list {
		f.add(one)
	}
}

// prune forgets the signals whose time is over.
func (f *signals) prune(now task.Micros) {
	kept := f.List[:0]
	for _, one := range f.List {
		if one.Until > now {
			kept = append(kept, one)
		}
	}
	clear(f.List[len(kept):])
	f.List = kept
	f.index()
}

// find returns the signal of a name, nil if none was sent or its time was over at a moment.
func (f *signals) find(name string, at task.Micros) *Signal {
	if f.byName == nil {
		f.index()
	}
	if i, known := f.byName[name]; known && f.List[i].Until > at {
		return &f.List[i]
	}
	return nil
}

func (f *signals) version(stream string) int64 {
	_, name, _ := strings.Cut(stream, ":")
	if one := f.find(name, 0); one != nil {
		return one.Version
	}
	return 0
}

// state is the JSON of the fold.
func (f *signals) state() string {
	if f.Sent == 0 {
		return "{}"
	}
	if f.byName == nil {
		f.index()
	}
	var b strings.Builder
	b.Grow(len(f.text) + 64)
	b.WriteString("{")
	if len(f.text) > 0 {
		b.WriteString(`"list":[`)
		b.Write(f.text)
		b.WriteString("],")
	}
	fmt.Fprintf(&b, `"sent":%d}`, f.Sent)
	return b.String()
}

// Signal returns the signal of a name that is kept at a moment. It is for the goroutine that writes.
func (v *Views) Signal(name string, now task.Micros) (Signal, bool) {
	if one := foldIn[*signals](v.streams).find(name, now); one != nil {
		return *one, true
	}
	return Signal{}, false
}

// SignalsKept is how many signals are kept at a moment, or more if that is below MaxSignals anyway. It is for the goroutine that
// writes.
func (v *Views) SignalsKept(now task.Micros) (n int) {
	list := foldIn[*signals](v.streams).List
	if len(list) < MaxSignals {
		return len(list)
	}
	for i := range list {
		if list[i].Until > now {
			n++
		}
	}
	return n
}

// SignalsFor returns the signals that a wait has got by a moment: if it needs all of its signals, all or none; else the first in the
// order of the wait. It is for the goroutine that writes.
func (v *Views) SignalsFor(w *task.Wait, by task.Micros) []Signal {
	f := foldIn[*signals](v.streams)
	var got []Signal
	for _, name := range w.Signals {
		one := f.find(name, w.Since)
		if one != nil && one.At > by {
			one = nil
		}
		switch {
		case one == nil && w.All:
			return nil
		case one != nil && !w.All:
			return []Signal{*one}
		case one != nil:
			got = append(got, *one)
		}
	}
	return got
}
