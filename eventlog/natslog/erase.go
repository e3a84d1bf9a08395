package natslog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"daybook/eventlog"

	"github.com/nats-io/nats.go/jetstream"
)

// ErasePayload deletes the body that belongs to event seq on all nodes. See eventlog.Log. Other nodes delete it when
// they read on. First the log tells that it is erased, then its pieces are deleted from the stream: a piece that is
// missing without a word in the log is damage. After an error it may be called again.
func (l *Log) ErasePayload(ctx context.Context, seq int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, l.o.Patience)
	defer cancel()
	if err := l.erase(ctx, seq); err != nil {
		return fmt.Errorf("erase payload of event %d: %w", seq, err)
	}
	return nil
}

func (l *Log) erase(ctx context.Context, seq int64) error {
	if err := l.ready(ctx); err != nil {
		return err
	}
	if err := l.catchUp(ctx); err != nil {
		return err
	}
	_, err := l.Log.Payload(ctx, seq)
	if errors.Is(err, eventlog.ErrNotFound) {
		return eventlog.ErrNotFound
	}
	here := !errors.Is(err, eventlog.ErrErased)
	pieces, err := l.piecesOf(ctx, seq)
	if err != nil {
		return err
	}
	if here {
		if err := l.tellErased(ctx, seq); err != nil {
			return err
		}
	}
	for _, sequence := range pieces { // also those that an earlier call could not delete
		piece, err := l.bodies.get(ctx, sequence)
		if err == nil && piece == nil {
			continue
		}
		if err == nil {
			err = l.bodies.stream.SecureDeleteMsg(ctx, sequence)
		}
		if err != nil {
			return unavailable("delete it from the stream", err)
		}
		here = true
	}
	if !here {
		return eventlog.ErrNotFound
	}
	return nil
}

// tellErased tells the other nodes that the payload of an event was erased, and deletes it from the replica.
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
		case sequence == 0: // it was read, and done
			return nil
		}
		if err := l.eraseHere(ctx, seq); err != nil {
			return err // the message is read again
		}
		l.setApplied(sequence)
		return nil
	}
}

// eraseHere deletes the body from the replica, if it is there.
func (l *Log) eraseHere(ctx context.Context, seq int64) error {
	err := l.Log.ErasePayload(context.WithoutCancel(ctx), seq)
	if errors.Is(err, eventlog.ErrNotFound) {
		return nil
	}
	return err
}

// told is which payloads messages that were not read yet say to be erased: their pieces are missing before that is read.
type told struct {
	seqs map[int64]bool
	upTo uint64 // sequence of the last message that was looked at
}

// isTold reports whether a message after those that were read says that the payload of event seq was erased. If none does,
// somebody has deleted it by hand.
func (l *Log) isTold(ctx context.Context, seq int64) (bool, error) {
	if l.told.seqs[seq] {
		return true, nil
	}
	last, err := l.lastSequence(ctx)
	if err != nil {
		return false, err
	}
	if l.told.seqs == nil {
		l.told.seqs = map[int64]bool{}
	}
	if l.told.upTo = max(l.told.upTo, l.reached); l.told.upTo >= last {
		return false, nil
	}
	iter, err := messagesFrom(ctx, l.rounds, l.told.upTo+1)
	if err != nil {
		return false, unavailable("look for erasures", err)
	}
	defer iter.Stop()
	for l.told.upTo < last {
		message, err := iter.Next(jetstream.NextMaxWait(l.o.Patience))
		if err != nil {
			return false, unavailable("look for erasures", err)
		}
		h, content, err := parseHeader(message.Data())
		if err == nil && h.kind == kindErased {
			if content, err = unpack(content); err == nil {
				for r := (reader{b: content}); len(r.b) > 0; {
					l.told.seqs[int64(r.number())] = true
				}
			}
		}
		if err != nil {
			return false, err
		}
		l.told.upTo++
	}
	return l.told.seqs[seq], nil
}
