package natslog

import (
	"context"
	"errors"
	"fmt"

	"daybook/eventlog"
)

// ErasePayloads deletes the bodies that belong to the events on all nodes. See eventlog.Log. Other nodes delete them when
// they read on. A copy of the round without them is published with the word that they are erased, then the messages of the round are
// deleted from the stream: a message that is missing without a word in the log is damage. After an error it may be called again.
func (l *Log) ErasePayloads(ctx context.Context, seqs ...int64) error {
	for _, seq := range seqs {
		if err := l.eraseOne(ctx, seq); err != nil && !errors.Is(err, eventlog.ErrNotFound) {
			return fmt.Errorf("erase payload of event %d: %w", seq, err)
		}
	}
	return nil
}

func (l *Log) eraseOne(ctx context.Context, seq int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, l.o.Patience)
	defer cancel()
	return l.erase(ctx, seq)
}

func (l *Log) erase(ctx context.Context, seq int64) error {
	if err := l.ready(ctx); err != nil {
		return err
	}
	for {
		if err := l.catchUp(ctx); err != nil {
			return err
		}
		if l.told.upTo != l.applied {
			if err := l.lookForErasures(ctx); err != nil {
				return err
			}
		}
		_, err := l.Log.Payload(ctx, seq)
		switch {
		case errors.Is(err, eventlog.ErrNotFound):
			return eventlog.ErrNotFound
		case errors.Is(err, eventlog.ErrErased): // an earlier call may have failed to delete the messages
			moved := l.told.of(seq)
			if moved == nil {
				return eventlog.ErrNotFound
			}
			deleted, err := l.deleteReplaced(ctx, moved)
			if err == nil && !deleted {
				return eventlog.ErrNotFound
			}
			return err
		}
		err = l.eraseEverywhere(ctx, seq)
		if errors.Is(err, errRival) || errors.Is(err, errGone) { // another node appends, or erases from the same round
			continue
		}
		if err == nil {
			_, err = l.deleteReplaced(ctx, l.told.of(seq))
		}
		return err
	}
}

// eraseEverywhere publishes a copy of the round of an event without the body that belongs to it, and erases that in the replica.
// Errors: errRival, eventlog.ErrUnavailable, those of publish.
func (l *Log) eraseEverywhere(ctx context.Context, seq int64) error {
	at, r, err := l.find(ctx, l.applied, seq)
	if err == nil && at == 0 {
		err = fmt.Errorf("%w: event %d is not in the stream", eventlog.ErrDamaged, seq)
	}
	if err != nil {
		return err
	}
	all, err := l.withoutBody(ctx, &r, seq)
	if err != nil {
		return err
	}
	head := l.Head()
	list := messages(newHeader(kindCopy, head), head, all.append(appendCopy(nil, r.last, r.hash)), l.most)
	h := newHeader(kindErased, head)
	e := erasure{seq: seq, last: r.last, events: len(all.list), round: r.spans[0], copy: span{l.applied + 1, len(list)}}
	list = append(list, messages(h, head, e.append(nil), l.most)...)
	if len(list) > mostParts {
		return fmt.Errorf("%w: a round of %d messages", eventlog.ErrFull, len(list))
	}
	sequence, err := l.publish(ctx, l.names.erasuresSubject, h.id, list)
	switch {
	case err != nil:
		return err
	case sequence > 0: // else it was read, and done
		if err := l.eraseHere(ctx, seq); err != nil {
			return err // the messages are read again
		}
		if l.told.upTo == l.applied {
			l.told.add([]erasure{e})
			l.told.upTo = sequence
		}
		l.setApplied(sequence)
	}
	if l.told.of(seq) == nil || l.told.upTo != l.applied {
		return l.lookForErasures(ctx)
	}
	return nil
}

// withoutBody reads the events of a round without the body that belongs to event seq, and without those that the replica has erased.
func (l *Log) withoutBody(ctx context.Context, r *round, seq int64) (all events, err error) {
	if all, err = l.eventsOf(ctx, r); err != nil {
		return all, err
	}
	var with []int64
	var at []int
	for i, e := range all.list {
		if all.salts[i] != nil {
			with, at = append(with, e.Seq), append(at, i)
		}
	}
	err = l.Log.Payloads(ctx, with, func(i int, _ []byte, err error) error {
		if errors.Is(err, eventlog.ErrErased) || with[i] == seq {
			all.salts[at[i]], err = nil, nil
		}
		return err
	})
	if err == nil && all.list[0].Seq > seq {
		err = fmt.Errorf("the round with event %d: %w", r.last, errMessage)
	}
	return all, err
}

// deleteReplaced deletes the messages that have a copy, and reports whether there were some.
func (l *Log) deleteReplaced(ctx context.Context, m *moved) (deleted bool, err error) {
	for _, s := range m.spans[:len(m.spans)-1] {
		for sequence := s.first; sequence <= s.last(); sequence++ {
			one, err := l.delete(ctx, sequence)
			if err != nil {
				return deleted, unavailable("delete it from the stream", err)
			}
			deleted = deleted || one
		}
	}
	return deleted, nil
}

// delete deletes one message, and reports whether it was there.
func (l *Log) delete(ctx context.Context, sequence uint64) (deleted bool, err error) {
	message, err := l.get(ctx, sequence)
	if err != nil || message == nil {
		return false, err
	}
	if err = l.stream.SecureDeleteMsg(ctx, sequence); err == nil {
		return true, nil
	}
	if message, again := l.get(ctx, sequence); again == nil && message == nil { // another node has deleted it
		return false, nil
	}
	return false, err
}

// eraseHere deletes the body from the replica, if it is there. A reader that is in the way of the last traces does not hold up the log.
func (l *Log) eraseHere(ctx context.Context, seq int64) error {
	err := l.Log.ErasePayloads(context.WithoutCancel(ctx), seq)
	if errors.Is(err, eventlog.ErrUnavailable) {
		l.o.Logger.Warn("the next erasure completes this one on this node", "event", seq, "error", err)
		return nil
	}
	return err
}
