package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"daybook/eventlog"

	"github.com/nats-io/nats.go/jetstream"
)

// lastSequence is the sequence of the last message of the stream of rounds. Errors: eventlog.ErrUnavailable; ErrStream and
// ErrDamaged, if somebody has edited the stream, made it anew or deleted messages.
func (l *Log) lastSequence(ctx context.Context) (uint64, error) {
	info, err := l.rounds.Info(ctx)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		err = fmt.Errorf("%w any more: somebody has deleted the stream; bring the folder of a node into a new one with `daybook cluster import`", ErrNoStream)
	}
	if err != nil {
		return 0, unavailable("look for the end of the log", err)
	}
	want, _ := configs(l.o, "", "")
	if why := differs(info.Config, want, l.o.Least); why != "" {
		return 0, fmt.Errorf("%w: %w: stream %s: %s", eventlog.ErrUnavailable, ErrStream, want.Name, why)
	}
	s := info.State
	switch {
	case !info.Created.Equal(l.created):
		l.joined = false // Join says what is in it
		return 0, fmt.Errorf("%w: the stream was made anew", eventlog.ErrUnavailable)
	case s.Msgs != s.LastSeq || s.NumDeleted > 0:
		return 0, fmt.Errorf("%w: the stream has %d of %d messages: somebody has deleted some; bring the folder of a node into a new one with `daybook cluster import`", eventlog.ErrDamaged, s.Msgs, s.LastSeq)
	case s.LastSeq >= l.applied:
		if l.joined {
			l.behind = time.Time{}
		}
		return s.LastSeq, nil
	}
	return 0, l.isBehind(fmt.Errorf("it ends with message %d, and this node has read message %d", s.LastSeq, l.applied))
}

// errBehind: the stream seems to have less than the replica.
var errBehind = errors.New("the stream is behind this node")

// isBehind is the error for a stream that has less than the replica: at first a new leader of the stream may not know yet.
func (l *Log) isBehind(why error) error {
	if l.behind.IsZero() {
		l.behind = time.Now()
	}
	if time.Since(l.behind) < l.o.Patience {
		return unavailable("look for the end of the log", fmt.Errorf("%w: %w", errBehind, why))
	}
	return fmt.Errorf("%w: the stream has lost what it had acknowledged: %w; move the folder away to follow the stream, or bring the folder into a new cluster", ErrHistory, why)
}

// locate finds the message of the stream that ends with the head of the replica. What follows it without an event, an
// erasure, is read again.
func (l *Log) locate(ctx context.Context) error {
	l.applied = 0
	last, err := l.lastSequence(ctx)
	if err != nil {
		return err
	}
	head := l.Head()
	if head.Seq == 0 {
		l.setApplied(0)
		return nil
	}
	at, h, _, err := l.firstReaching(ctx, last, head.Seq)
	switch {
	case err != nil:
		return err
	case at == 0:
		return l.isBehind(fmt.Errorf("it ends before event %d, with which the folder ends", head.Seq))
	case h.last != head.Seq || h.hash != head.Hash:
		return fmt.Errorf("%w: up to event %d; move the folder away, and this node copies the log of the others", ErrHistory, head.Seq)
	}
	l.behind = time.Time{}
	l.setApplied(at)
	return nil
}

// firstReaching finds the message with which the log has event seq, among those up to last: the last part of a round. 0 = there is none.
func (l *Log) firstReaching(ctx context.Context, last uint64, seq int64) (at uint64, h header, content []byte, err error) {
	for low, high := uint64(1), last; low <= high; {
		middle := low + (high-low)/2
		one, piece, err := l.message(ctx, middle)
		if err != nil {
			return 0, header{}, nil, err
		}
		if one.last >= seq {
			at, h, content, high = middle, one, piece, middle-1
		} else {
			low = middle + 1
		}
	}
	return at, h, content, nil
}

// message reads one message of the stream.
func (l *Log) message(ctx context.Context, sequence uint64) (header, []byte, error) {
	message, err := l.rounds.GetMsg(ctx, sequence)
	if err != nil {
		return header{}, nil, unavailable(fmt.Sprintf("read message %d of the log", sequence), err)
	}
	h, content, err := parseHeader(message.Data)
	if err != nil {
		err = fmt.Errorf("message %d: %w", sequence, err)
	}
	return h, content, err
}

// roundAt reads the events of the round whose last part is the message at the sequence.
func (l *Log) roundAt(ctx context.Context, at uint64, h header, content []byte) ([]stored, error) {
	if h.kind != kindRound || h.part != h.parts-1 || uint64(h.parts) > at {
		return nil, fmt.Errorf("message %d: %w", at, errMessage)
	}
	var packed []byte
	for sequence := at - uint64(h.parts) + 1; sequence < at; sequence++ {
		_, piece, err := l.message(ctx, sequence)
		if err != nil {
			return nil, err
		}
		packed = append(packed, piece...)
	}
	content, err := unpack(append(packed, content...))
	if err != nil {
		return nil, fmt.Errorf("message %d: %w", at, err)
	}
	events, err := parseContent(content, 1)
	if err != nil {
		return nil, fmt.Errorf("message %d: %w", at, err)
	}
	for i := range events {
		events[i].event.Seq = h.last - int64(len(events)-1-i)
	}
	return events, nil
}

// placeOf is where the payload of an event lies, or lay before it was erased.
func (l *Log) placeOf(ctx context.Context, seq int64) (place, error) {
	at, h, content, err := l.firstReaching(ctx, l.applied, seq)
	if err != nil {
		return place{}, err
	}
	if at == 0 {
		return place{}, fmt.Errorf("%w: event %d is not in the stream", eventlog.ErrDamaged, seq)
	}
	events, err := l.roundAt(ctx, at, h, content)
	if err != nil {
		return place{}, err
	}
	i := seq - h.last - 1 + int64(len(events))
	if i < 0 {
		return place{}, fmt.Errorf("message %d: %w", at, errMessage)
	}
	return events[i].at, nil
}
