package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"
)

// MostKept is how long a signal may be kept.
const MostKept = 365 * 24 * time.Hour

// ErrSignalsFull: as many signals are kept as may be. Nothing happened.
var ErrSignalsFull = errors.New("there is no room for more signals")

// SentSignal is a signal as it was sent first.
type SentSignal struct {
	Name    string
	Seq     int64 // of its event
	At      task.Micros
	Until   task.Micros // it is kept
	Payload []byte      // nil = none
}

// signalAsked is the part of a request that sends a signal.
type signalAsked struct {
	name    string
	payload []byte
	keep    task.Micros // how long
	again   bool        // it was sent before; set with the answer
	sent    projection.Signal
}

// SendSignal sends a signal that tasks may wait for, now or while it is kept. The first of a name counts: again reports
// that one is kept, and it is returned. It returns when the signal is on disk; those that wait for it are woken then.
// keep is 1 s … MostKept. Errors: ErrSignalsFull, and those of commands.
func (s *Scheduler) SendSignal(ctx context.Context, actor, name string, payload []byte, keep time.Duration) (sent SentSignal, again bool, err error) {
	asked := &signalAsked{name: name, payload: payload, keep: task.SpanOf(keep)}
	if _, err := s.ask(ctx, &request{actor: actor, signal: asked}); err != nil {
		return SentSignal{}, false, err
	}
	sent = SentSignal{Name: name, Seq: asked.sent.Seq, At: asked.sent.At, Until: asked.sent.Until, Payload: payload}
	if asked.again {
		sent.Payload, err = s.payloadOf(ctx, &asked.sent)
	}
	return sent, asked.again, err
}

// payloadOf is the payload of a signal, nil for none; null for one that is not there any more.
func (s *Scheduler) payloadOf(ctx context.Context, one *projection.Signal) ([]byte, error) {
	if !one.Payload {
		return nil, nil
	}
	body, err := s.o.Payloads.Get(ctx, one.Seq)
	switch {
	case errors.Is(err, eventlog.ErrErased):
		return []byte("null"), nil
	case errors.Is(err, eventlog.ErrDamaged):
		s.o.Logger.Error("the payload of a signal is damaged: null takes its place", "seq", one.Seq)
		return []byte("null"), nil
	}
	return body, err
}

// sendSignal decides a request that sends a signal.
func (l *loop) sendSignal(rd *round, r *request) {
	asked, views := r.signal, l.s.o.Views
	if event := rd.signalSent(asked.name); event != nil {
		rd.size++
		rd.replies = append(rd.replies, func(err error) {
			if err != nil {
				l.requestDropped(r, err)
				return
			}
			asked.again = true
			asked.sent = *event
			r.done <- answer{}
		})
		return
	}
	if one, kept := views.Signal(asked.name, rd.now); kept {
		asked.again, asked.sent = true, one
		rd.size++
		rd.reply(r, answer{})
		return
	}
	if views.SignalsKept(rd.now) >= projection.MaxSignals {
		rd.reply(r, answer{err: ErrSignalsFull})
		return
	}
	stream := "signal:" + asked.name
	until := rd.now + asked.keep
	data, _ := json.Marshal(projection.SignalData{Until: until}) // a number can be marshalled
	sent := &projection.Signal{Name: asked.name, At: rd.now, Until: until, Payload: asked.payload != nil}
	var event *task.Event
	rd.size++
	rd.begin(r.actor, false, func(err error) {
		if err != nil {
			l.requestDropped(r, err)
			return
		}
		if sent.Seq = event.Seq; sent.Payload {
			l.s.o.Payloads.Put(sent.Seq, asked.payload)
		}
		asked.again, asked.sent = false, *sent
		r.done <- answer{}
	})
	rd.addOther(&eventlog.Event{Stream: stream, Version: views.StreamVersion(stream) + 1, Type: projection.SignalSent, V: 1,
		Data: data, Payload: asked.payload, HasPayload: asked.payload != nil})
	rd.others-- // rounds know their signals: nobody has to wait until the views show it
	event = rd.changes[len(rd.changes)-1].Event
	if rd.signals == nil {
		rd.signals = make(map[string]*projection.Signal)
	}
	rd.signals[asked.name] = sent
}

// signalSent returns the signal of a name that this round or the one below sends, nil if they do not.
func (o *overlay) signalSent(name string) *projection.Signal {
	for ; o != nil; o = o.below {
		if one := o.signals[name]; one != nil {
			return one
		}
	}
	return nil
}
