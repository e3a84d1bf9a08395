package natslog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"daybook/eventlog"
)

// ErasePayloads deletes the bodies that belong to the events on all nodes. See eventlog.Log. Other nodes delete them when
// they read on. For each round, a copy without them is published with the word that they are erased, then the messages of the round are
// deleted from the stream: a message that is missing without a word in the log is damage. After an error it may be called again.
func (l *Log) ErasePayloads(ctx context.Context, seqs ...int64) error {
	rest := slices.Compact(slices.Sorted(slices.Values(seqs)))
	for len(rest) > 0 {
		done, err := l.eraseRound(ctx, rest)
		if err != nil {
			return fmt.Errorf("erase payload of event %d: %w", rest[0], err)
		}
		rest = rest[done:]
	}
	return nil
}

// eraseRound erases the first of the payloads, and those of them that are in the same round. It returns how many these are. The seqs
// ascend.
func (l *Log) eraseRound(ctx context.Context, seqs []int64) (done int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, l.o.Patience)
	defer cancel()
	if err := l.ready(ctx); err != nil {
		return 0, err
	}
	for {
		if err := l.catchUp(ctx); err != nil {
			return 0, err
		}
		if l.told.upTo != l.applied {
			if err := l.lookForErasures(ctx); err != nil {
				return 0, err
			}
		}
		_, err := l.Log.Payload(ctx, seqs[0])
		switch {
		case errors.Is(err, eventlog.ErrNotFound):
			return 1, nil
		case errors.Is(err, eventlog.ErrErased): // an earlier call may have failed to delete the messages, or to empty the WAL
			if err := l.eraseHere(ctx, seqs[0]); err != nil {
				return 0, err
			}
			if moved := l.told.of(seqs[0]); moved != nil {
				return 1, l.deleteReplaced(ctx, moved)
			}
			return 1, nil
		}
		done, err = l.eraseEverywhere(ctx, seqs)
		if errors.Is(err, errRival) || errors.Is(err, errGone) { // another node appends, or erases from the same round
			continue
		}
		if err == nil {
			err = l.deleteReplaced(ctx, l.told.of(seqs[0]))
		}
		return done, err
	}
}

// eraseEverywhere publishes a copy of the round of the first event without the bodies that belong to it and to the others of the round, and
// erases these in the replica. It returns how many they are. Errors: errRival, eventlog.ErrUnavailable, those of publish.
func (l *Log) eraseEverywhere(ctx context.Context, seqs []int64) (done int, err error) {
	at, r, err := l.find(ctx, l.applied, seqs[0])
	if err == nil && at == 0 {
		err = fmt.Errorf("%w: event %d is not in the stream", eventlog.ErrDamaged, seqs[0])
	}
	if err != nil {
		return 0, err
	}
	for done < len(seqs) && seqs[done] <= r.last {
		done++
	}
	seqs = seqs[:done]
	all, err := l.withoutBodies(ctx, &r, seqs)
	if err != nil {
		return 0, err
	}
	head := l.Head()
	list := messages(newHeader(kindCopy, head), head, all.append(appendCopy(nil, r.last, r.hash)), l.most)
	h := newHeader(kindErased, head)
	if len(seqs) > 1 {
		h.format = groupFormat
	}
	var erased []erasure
	var content []byte
	for _, seq := range seqs {
		e := erasure{seq: seq, last: r.last, events: len(all.list), round: r.spans[0], copy: span{l.applied + 1, len(list)}}
		erased, content = append(erased, e), e.append(content)
	}
	list = append(list, messages(h, head, content, l.most)...)
	if len(list) > mostParts {
		return 0, fmt.Errorf("%w: a round of %d messages", eventlog.ErrFull, len(list))
	}
	sequence, err := l.publish(ctx, l.names.erasuresSubject, h.id, list)
	switch {
	case err != nil:
		return 0, err
	case sequence > 0: // else it was read, and done
		if err := l.eraseHere(ctx, seqs...); err != nil {
			return 0, err // the messages are read again
		}
		if l.told.upTo == l.applied {
			l.told.add(erased)
			l.told.upTo = sequence
		}
		l.setApplied(sequence)
	}
	if l.told.of(seqs[0]) == nil || l.told.upTo != l.applied {
		return done, l.lookForErasures(ctx)
	}
	return done, nil
}

// withoutBodies reads the events of a round without the bodies that belong to some of them, and without those that the replica has erased.
func (l *Log) withoutBodies(ctx context.Context, r *round, seqs []int64) (all events, err error) {
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
		if _, one := slices.BinarySearch(seqs, with[i]); one || errors.Is(err, eventlog.ErrErased) {
			all.salts[at[i]], err = nil, nil
		}
		return err
	})
	if err == nil && all.list[0].Seq > seqs[0] {
		err = fmt.Errorf("the round with event %d: %w", r.last, errMessage)
	}
	return all, err
}

// deleteReplaced deletes the messages that have a copy.
func (l *Log) deleteReplaced(ctx context.Context, m *moved) error {
	for _, s := range m.spans[:len(m.spans)-1] {
		for sequence := s.first; sequence <= s.last(); sequence++ {
			if err := l.delete(ctx, sequence); err != nil {
				return unavailable("delete it from the stream", err)
			}
		}
	}
	return nil
}

// delete deletes one message, if it is there.
func (l *Log) delete(ctx context.Context, sequence uint64) error {
	message, err := l.get(ctx, sequence)
	if err != nil || message == nil {
		return err
	}
	if err = l.stream.SecureDeleteMsg(ctx, sequence); err == nil {
		return nil
	}
	if message, again := l.get(ctx, sequence); again == nil && message == nil { // another node has deleted it
		return nil
	}
	return err
}

// eraseHere deletes bodies from the replica, if they are there. A reader that is in the way of the last traces does not hold up the log.
func (l *Log) eraseHere(ctx context.Context, seqs ...int64) error {
	err := l.Log.ErasePayloads(context.WithoutCancel(ctx), seqs...)
	if errors.Is(err, eventlog.ErrUnavailable) {
		l.o.Logger.Warn("the next erasure completes this one on this node", "error", err)
		return nil
	}
	return err
}
