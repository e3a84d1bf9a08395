package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"daybook/eventlog"

	"github.com/nats-io/nats.go/jetstream"
)

// lastSequence is the sequence of the last message of the stream. Errors: eventlog.ErrUnavailable; ErrStream and
// ErrDamaged, if somebody has edited the stream, made it anew or deleted messages.
func (l *Log) lastSequence(ctx context.Context) (uint64, error) {
	info, err := l.stream.Info(ctx)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		err = fmt.Errorf("%w any more: somebody has deleted the stream; bring the folder of a node into a new one with `daybook cluster import`", ErrNoStream)
	}
	if err != nil {
		return 0, unavailable("look for the end of the log", err)
	}
	want := configOf(l.o, "", "")
	if why := differs(info.Config, want, l.o.Least); why != "" {
		return 0, fmt.Errorf("%w: %w: stream %s: %s", eventlog.ErrUnavailable, ErrStream, want.Name, why)
	}
	if !info.Created.Equal(l.created) {
		l.joined = false // Join says what is in it
		return 0, fmt.Errorf("%w: the stream was made anew", eventlog.ErrUnavailable)
	}
	s := info.State
	if err := l.checkMissing(ctx, s.LastSeq-s.Msgs); err != nil {
		return 0, err
	}
	if s.LastSeq < l.applied {
		return 0, l.isBehind(fmt.Errorf("it ends with message %d, and this node has read message %d", s.LastSeq, l.applied))
	}
	if l.joined {
		l.behind = time.Time{}
	}
	return s.LastSeq, nil
}

// checkMissing compares the number of messages that are missing in the stream with the erasures.
func (l *Log) checkMissing(ctx context.Context, missing uint64) error {
	if missing > l.told.gone {
		if err := l.lookForErasures(ctx); err != nil {
			return err
		}
	}
	if missing > l.told.gone {
		return fmt.Errorf("%w: %d messages of the stream are missing, and erasures explain %d of them: somebody has deleted some; bring the folder of a node into a new one with `daybook cluster import`",
			eventlog.ErrDamaged, missing, l.told.gone)
	}
	return nil
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
	l.applied, l.reached = 0, 0
	last, err := l.lastSequence(ctx)
	if err != nil {
		return err
	}
	head := l.Head()
	if head.Seq == 0 {
		l.setApplied(0)
		return nil
	}
	at, r, err := l.find(ctx, last, head.Seq)
	switch {
	case err != nil:
		return err
	case at == 0:
		return l.isBehind(fmt.Errorf("it ends before event %d, with which the folder ends", head.Seq))
	case r.last > head.Seq:
		err = l.completeRound(ctx, at, &r)
	case r.hash != head.Hash:
		err = l.otherHistory(head.Seq)
	}
	if err != nil {
		return err
	}
	l.behind = time.Time{}
	l.setApplied(at)
	return nil
}

func (l *Log) otherHistory(upTo int64) error {
	return fmt.Errorf("%w: up to event %d; move the folder away, and this node copies the log of the others", ErrHistory, upTo)
}

// completeRound appends to the replica the events of a round of which it has the first ones only: the round was put together by an
// import.
func (l *Log) completeRound(ctx context.Context, at uint64, r *round) error {
	head := l.Head()
	all, err := l.eventsOf(ctx, r)
	if err != nil {
		return err
	}
	n := int64(len(all.list)) - (r.last - head.Seq) // that it has
	if n < 0 {
		return fmt.Errorf("message %d: %w", at, errMessage)
	}
	var b batch
	b.add(events{all.list[n:], all.salts[n:]}, r.hash)
	err = l.Log.AppendCopied(ctx, &b.copied)
	if errors.Is(err, eventlog.ErrDamaged) && l.Damage() == nil { // they do not follow from what it has
		return l.otherHistory(head.Seq)
	}
	if err == nil {
		l.advanced.Raise()
	}
	return err
}

// round is a round as it is in the stream.
type round struct {
	last  int64 // event
	hash  eventlog.Hash
	spans []span // where it was published, then its copies; the last one is there
}

// find finds the round that has event seq, among the messages up to last. at is the last message of the round where it was published;
// 0 = there is none. Errors: eventlog.ErrUnavailable, ErrDamaged.
func (l *Log) find(ctx context.Context, last uint64, seq int64) (at uint64, r round, err error) {
	for looked := false; ; looked = true {
		if moved := l.told.of(seq); moved != nil {
			content, err := l.contentOf(ctx, moved.now())
			if errors.Is(err, errGone) && !looked { // it was replaced since
				if err := l.lookForErasures(ctx); err != nil {
					return 0, r, err
				}
				continue
			}
			if err != nil {
				return 0, r, unavailable("read a round of which a payload was erased", err)
			}
			r.spans = moved.spans
			r.last, r.hash, _, err = parseCopy(content)
			return moved.spans[0].last(), r, err
		}
		at, h, err := l.firstReaching(ctx, last, seq)
		switch {
		case err != nil || at == 0:
			return 0, r, err
		case h.kind == kindRound && uint64(h.parts) <= at:
			return at, round{h.last, h.hash, []span{{at - uint64(h.parts) + 1, h.parts}}}, nil
		case looked:
			return 0, r, fmt.Errorf("message %d: %w: the round before it is missing", at, errMessage)
		}
		if err := l.lookForErasures(ctx); err != nil {
			return 0, r, err
		}
	}
}

// firstReaching finds the message with which the log has event seq, among those up to last that were not deleted: the last part of a
// round. 0 = there is none.
func (l *Log) firstReaching(ctx context.Context, last uint64, seq int64) (at uint64, h header, err error) {
	for low, high := uint64(1), last; low <= high; {
		middle := low + (high-low)/2
		sequence, one, err := l.messageFrom(ctx, middle)
		if err != nil {
			return 0, header{}, err
		}
		if one.last >= seq {
			at, h, high = sequence, one, middle-1
		} else {
			low = sequence + 1
		}
	}
	return at, h, nil
}

// messageFrom reads the header of the first message from the sequence on that was not deleted.
func (l *Log) messageFrom(ctx context.Context, sequence uint64) (uint64, header, error) {
	message, err := l.stream.GetMsg(ctx, sequence, jetstream.WithGetMsgSubject(l.names.allSubjects))
	if err != nil {
		return 0, header{}, unavailable(fmt.Sprintf("read message %d of the log", sequence), err)
	}
	h, _, err := parseHeader(message.Data)
	if err != nil {
		err = fmt.Errorf("message %d: %w", message.Sequence, err)
	}
	return message.Sequence, h, err
}

// eventsOf reads the events of a round.
func (l *Log) eventsOf(ctx context.Context, r *round) (all events, err error) {
	now := r.spans[len(r.spans)-1]
	content, err := l.contentOf(ctx, now)
	if err == nil && len(r.spans) > 1 {
		_, _, content, err = parseCopy(content)
	}
	if err == nil {
		all, err = parseEvents(content, 1)
	}
	if err == nil && len(all.list) == 0 {
		err = fmt.Errorf("message %d: %w", now.first, errMessage)
	}
	for i, e := range all.list {
		e.Seq = r.last - int64(len(all.list)-1-i)
	}
	return all, err
}

// get reads one message, nil if it was deleted.
func (l *Log) get(ctx context.Context, sequence uint64) ([]byte, error) {
	message, err := l.stream.GetMsg(ctx, sequence)
	if err == nil {
		return message.Data, nil
	}
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, err
	}
	info, err := l.stream.Info(ctx)
	if err == nil && info.State.LastSeq < sequence { // a server that does not have it yet has answered
		err = fmt.Errorf("message %d of a stream that ends with message %d", sequence, info.State.LastSeq)
	}
	return nil, err
}

// errGone: a message was deleted.
var errGone = errors.New("the message was deleted")

// contentOf reads what messages have together. Errors: errGone, eventlog.ErrUnavailable, ErrDamaged.
func (l *Log) contentOf(ctx context.Context, s span) ([]byte, error) {
	var packed []byte
	for part := range s.parts {
		sequence := s.first + uint64(part)
		message, err := l.get(ctx, sequence)
		switch {
		case err != nil:
			return nil, unavailable(fmt.Sprintf("read message %d of the log", sequence), err)
		case message == nil:
			return nil, fmt.Errorf("message %d: %w", sequence, errGone)
		}
		h, piece, err := parseHeader(message)
		if err == nil && (h.part != part || h.parts != s.parts) {
			err = errMessage
		}
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", sequence, err)
		}
		packed = append(packed, piece...)
	}
	content, err := unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("message %d: %w", s.first, err)
	}
	return content, nil
}
