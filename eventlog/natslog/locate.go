package natslog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"daybook/eventlog"
)

// locate finds the message of the stream that ends with the head of the replica.
func (l *Log) locate(ctx context.Context) error {
	info, err := l.rounds.Info(ctx)
	if err != nil {
		return unavailable("look for the end of the log", err)
	}
	first, last := max(info.State.FirstSeq, 1), info.State.LastSeq
	if first != 1 || info.State.NumDeleted > 0 || info.State.Msgs != last {
		return fmt.Errorf("%w: the stream has %d of %d messages: somebody has deleted some; restore it from a backup", eventlog.ErrDamaged, info.State.Msgs, last)
	}
	head := l.Head()
	at, h, err := l.lastUpTo(ctx, last, head.Seq)
	switch {
	case err != nil:
		return err
	case h.last != head.Seq && at == last:
		return fmt.Errorf("%w: the folder ends with event %d and the stream with event %d; move the folder away, or import it into a new cluster", ErrHistory, head.Seq, h.last)
	case h.last != head.Seq || h.last > 0 && h.hash != head.Hash:
		return fmt.Errorf("%w: after event %d; move the folder away, and this node copies the log of the others", ErrHistory, h.last)
	}
	l.setApplied(at)
	return nil
}

// lastUpTo finds the message that completes the log up to seq, or up to the last event before it that ends a round,
// among those up to last. 0 = none, with the header of an empty log.
func (l *Log) lastUpTo(ctx context.Context, last uint64, seq int64) (uint64, header, error) {
	best := header{parts: 1, kind: kindFence}
	low, high := uint64(1), last
	for low <= high {
		middle := low + (high-low)/2
		h, _, err := l.message(ctx, middle)
		if err != nil {
			return 0, header{}, err
		}
		if h.last <= seq {
			best, low = h, middle+1
		} else {
			high = middle - 1
		}
	}
	if best.part < best.parts-1 { // the first parts of the next round
		low -= uint64(best.part) + 1
	}
	return low - 1, best, nil
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

// piecesOf are the sequences of the pieces of the payload of an event, in the stream of payloads.
func (l *Log) piecesOf(ctx context.Context, seq int64) ([]uint64, error) {
	at, before, err := l.lastUpTo(ctx, l.applied, seq-1)
	if err != nil {
		return nil, err
	}
	var packed []byte
	for {
		at++
		h, content, err := l.message(ctx, at)
		if err != nil {
			return nil, err
		}
		if h.kind != kindRound {
			continue
		}
		packed = append(packed, content...)
		if h.part < h.parts-1 {
			continue
		}
		if content, err = unpack(packed); err != nil {
			return nil, err
		}
		events, err := parseContent(content, before.last+1)
		if err != nil {
			return nil, err
		}
		if i := seq - before.last - 1; i < int64(len(events)) {
			return events[i].pieces, nil
		}
		return nil, fmt.Errorf("%w: event %d is not in the stream", eventlog.ErrDamaged, seq)
	}
}

// tellErased tells the other nodes that the payload of an event was erased.
func (l *Log) tellErased(ctx context.Context, seq int64) error {
	for {
		head := l.Head()
		h := newHeader(kindErased, head)
		sequence, err := l.publish(ctx, h.id, messages(h, head, binary.AppendUvarint(nil, uint64(seq)), l.most))
		switch {
		case errors.Is(err, errRival):
			continue
		case err != nil:
			return err
		}
		if sequence > 0 {
			l.setApplied(sequence)
		}
		return nil
	}
}
