package natslog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

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
	at, err := l.placeOf(ctx, seq)
	if err != nil {
		return err
	}
	if here {
		return l.eraseEverywhere(ctx, seq, at)
	}
	deleted, err := l.deleteReplaced(ctx, at.pieces)
	if err == nil && !deleted {
		return eventlog.ErrNotFound
	}
	return err
}

// deleteReplaced deletes pieces that were replaced, and reports whether there was one: an earlier call could not delete it.
func (l *Log) deleteReplaced(ctx context.Context, pieces []uint64) (deleted bool, err error) {
	if err := l.lookForErasures(ctx); err != nil {
		return false, err
	}
	for _, sequence := range pieces {
		for next, ok := l.told.successors[sequence]; ok; next, ok = l.told.successors[sequence] {
			one, err := l.deletePieces(ctx, []uint64{sequence})
			if err != nil {
				return deleted, err
			}
			deleted, sequence = deleted || one, next
		}
	}
	return deleted, nil
}

// eraseEverywhere erases a body that is in the replica.
func (l *Log) eraseEverywhere(ctx context.Context, seq int64, at place) error {
	for {
		e, err := l.replace(ctx, seq, at)
		if err != nil {
			return err
		}
		err = l.tellErased(ctx, e)
		if errors.Is(err, errRival) {
			l.sweeper.add(l.bodies.stream, e.added())
			continue
		}
		if err == nil {
			_, err = l.deletePieces(ctx, e.old)
		}
		return err
	}
}

// erasure is what a message of kindErased says of one payload.
type erasure struct {
	seq      int64
	old, new []uint64
}

// added are the new pieces.
func (e *erasure) added() (list []uint64) {
	for _, sequence := range e.new {
		if sequence > 0 {
			list = append(list, sequence)
		}
	}
	return list
}

func (e *erasure) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(e.seq))
	b = binary.AppendUvarint(b, uint64(len(e.old)))
	for i := range e.old {
		b = binary.AppendUvarint(b, e.old[i])
		b = binary.AppendUvarint(b, e.new[i])
	}
	return b
}

// parseErasures reads the content of a message of kindErased.
func parseErasures(content []byte) (list []erasure, err error) {
	r := reader{b: content}
	for len(r.b) > 0 {
		e := erasure{seq: int64(r.number())}
		for n := r.number(); n > 0 && r.err == nil; n-- {
			e.old, e.new = append(e.old, r.number()), append(e.new, r.number())
		}
		list = append(list, e)
	}
	return list, r.err
}

// replace publishes the pieces that have a body again, without it. A piece that is gone, or has nothing else, is not replaced.
func (l *Log) replace(ctx context.Context, seq int64, at place) (erasure, error) {
	e := erasure{seq: seq, old: slices.Clone(at.pieces), new: make([]uint64, len(at.pieces))}
	if len(at.pieces) != 1 {
		return e, nil
	}
	old, err := l.latest(ctx, at.pieces[0])
	if err != nil || old == 0 {
		return e, err
	}
	e.old[0] = old
	message, err := l.bodies.get(ctx, old)
	if err != nil || message == nil {
		return e, unavailable("read the payload", err)
	}
	piece, err := unpackPiece(message)
	if err != nil || at.offset < 0 || at.size < 0 || at.size > len(piece)-at.offset {
		return e, fmt.Errorf("message %d of the stream of payloads: %w", old, errMessage)
	}
	clear(piece[at.offset:][:at.size])
	if !slices.ContainsFunc(piece, func(b byte) bool { return b != 0 }) {
		return e, nil
	}
	sequences, err := l.publishPieces(ctx, [][]byte{piece})
	if err == nil {
		e.new[0] = sequences[0]
	}
	return e, err
}

// latest is the piece that has what an earlier one had, 0 if there is none.
func (l *Log) latest(ctx context.Context, sequence uint64) (uint64, error) {
	for sequence > 0 {
		message, err := l.bodies.get(ctx, sequence)
		if err != nil {
			return 0, unavailable("read the payload", err)
		}
		if message != nil {
			break
		}
		if sequence, err = l.successor(ctx, sequence); err != nil {
			return 0, err
		}
	}
	return sequence, nil
}

// deletePieces deletes pieces, and reports whether there was one.
func (l *Log) deletePieces(ctx context.Context, sequences []uint64) (deleted bool, err error) {
	for _, sequence := range sequences {
		message, err := l.bodies.get(ctx, sequence)
		if err == nil && message == nil {
			continue
		}
		if err == nil {
			err = l.bodies.stream.SecureDeleteMsg(ctx, sequence)
		}
		if err != nil {
			return deleted, unavailable("delete it from the stream", err)
		}
		deleted = true
	}
	return deleted, nil
}

// tellErased tells the other nodes that a payload was erased, and deletes it from the replica. Errors: errRival, those of publish.
func (l *Log) tellErased(ctx context.Context, e erasure) error {
	head := l.Head()
	h := newHeader(kindErased, head)
	sequence, err := l.publish(ctx, l.names.erasedSubject, h.id, messages(h, head, e.append(nil), l.most))
	if err != nil || sequence == 0 { // 0: it was read, and done
		return err
	}
	if err := l.eraseHere(ctx, e.seq); err != nil {
		return err // the message is read again
	}
	l.noteNamed(ctx, []stored{{at: place{pieces: e.added()}}}, true)
	l.noteErasure(e)
	l.setApplied(sequence)
	return nil
}

// eraseHere deletes the body from the replica, if it is there.
func (l *Log) eraseHere(ctx context.Context, seq int64) error {
	err := l.Log.ErasePayload(context.WithoutCancel(ctx), seq)
	if errors.Is(err, eventlog.ErrNotFound) {
		return nil
	}
	return err
}

// told is what messages say of erasures, as far as they were looked at: a piece may be missing, and a later message says why.
type told struct {
	seqs       map[int64]bool
	successors map[uint64]uint64
	upTo       uint64 // sequence of the last message that was looked at
}

// noteErasure takes note of an erasure.
func (l *Log) noteErasure(e erasure) {
	if l.told.seqs == nil {
		l.told.seqs, l.told.successors = map[int64]bool{}, map[uint64]uint64{}
	}
	l.told.seqs[e.seq] = true
	for i, old := range e.old {
		l.told.successors[old] = e.new[i]
		l.named = max(l.named, e.new[i])
	}
}

// erasedLater is nil if a message says that the payload of event seq was erased. The messages have been looked at.
func (l *Log) erasedLater(seq int64) error {
	if l.told.seqs[seq] {
		return nil
	}
	return errLost
}

// replaced is the piece that has what one had that is missing, nil if it was erased as a whole.
func (l *Log) replaced(ctx context.Context, sequence uint64) ([]byte, error) {
	for {
		next, err := l.successor(ctx, sequence)
		if err != nil || next == 0 {
			return nil, err
		}
		message, err := l.bodies.get(ctx, next)
		if err != nil {
			return nil, unavailable("read a payload", err)
		}
		if message != nil {
			return unpackPiece(message)
		}
		sequence = next
	}
}

// successor is the piece that has replaced one that is missing, 0 if nothing has. Errors: errLost, eventlog.ErrUnavailable.
func (l *Log) successor(ctx context.Context, sequence uint64) (uint64, error) {
	if next, ok := l.told.successors[sequence]; ok {
		return next, nil
	}
	if err := l.lookForErasures(ctx); err != nil {
		return 0, err
	}
	next, ok := l.told.successors[sequence]
	if !ok {
		return 0, fmt.Errorf("message %d: %w", sequence, errLost)
	}
	return next, nil
}

// lookForErasures reads all erasures that the stream has.
func (l *Log) lookForErasures(ctx context.Context) error {
	last, err := l.rounds.GetLastMsgForSubject(ctx, l.names.erasedSubject)
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && last.Sequence <= l.told.upTo {
		return nil
	}
	if err != nil {
		return unavailable("look for erasures", err)
	}
	iter, err := messagesFrom(ctx, l.rounds, l.told.upTo+1, l.names.erasedSubject)
	if err != nil {
		return unavailable("look for erasures", err)
	}
	defer iter.Stop()
	for l.told.upTo < last.Sequence {
		wait, cancel := context.WithTimeout(ctx, l.o.Patience)
		message, err := iter.Next(jetstream.NextContext(wait))
		cancel()
		if err != nil {
			return unavailable("look for erasures", err)
		}
		meta, err := message.Metadata()
		if err != nil {
			return unavailable("look for erasures", err)
		}
		if err := l.noteErasures(message.Data()); err != nil {
			return fmt.Errorf("message %d: %w", meta.Sequence.Stream, err)
		}
		l.told.upTo = meta.Sequence.Stream
	}
	return nil
}

// noteErasures takes note of the erasures that a message tells.
func (l *Log) noteErasures(message []byte) error {
	h, content, err := parseHeader(message)
	if err != nil || h.kind != kindErased {
		return err
	}
	if content, err = unpack(content); err != nil {
		return err
	}
	list, err := parseErasures(content)
	for _, e := range list {
		l.noteErasure(e)
	}
	return err
}
