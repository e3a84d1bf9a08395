package natslog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"daybook/eventlog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	saltSize = 16
	// pieceSize is the most of one body that one message of the stream of payloads has, in bytes.
	pieceSize = 512 << 10
	// sharedSize is the most that bodies which share a message have together. To erase one, the others are written again.
	sharedSize = 64 << 10
	// Pieces are published in batches of as many messages and bytes, at most.
	batchPieces = 256
	batchBytes  = 8 << 20
)

// salted is the body of a payload with its salt before it.
type salted []byte

func newSalted(body []byte) salted {
	s := make(salted, saltSize, saltSize+len(body))
	rand.Read(s) // never returns an error
	return append(s, body...)
}

func (s salted) salt() []byte { return s[:saltSize:saltSize] }
func (s salted) body() []byte { return s[saltSize:] }

// cut makes pieces of the bodies. Small ones share a piece, a large one has pieces that are its own. The places have the indexes
// of the pieces, not yet their sequences. most is what a message may have.
func cut(bodies []salted, most int) (pieces [][]byte, places []place) {
	own, shared := min(pieceSize, most), min(sharedSize, most)
	open := false // the last piece takes more
	for _, b := range bodies {
		at := place{size: len(b)}
		switch last := len(pieces) - 1; {
		case len(b) > shared/2:
			for rest := []byte(b); len(rest) > 0; rest = rest[min(len(rest), own):] {
				at.pieces = append(at.pieces, uint64(len(pieces)))
				pieces = append(pieces, rest[:min(len(rest), own)])
			}
			open = false
		case open && len(pieces[last])+len(b) <= shared:
			at.pieces, at.offset = []uint64{uint64(last)}, len(pieces[last])
			pieces[last] = append(pieces[last], b...)
		default:
			at.pieces = []uint64{uint64(len(pieces))}
			pieces = append(pieces, append(make([]byte, 0, shared), b...))
			open = true
		}
		places = append(places, at)
	}
	return pieces, places
}

// publishPayloads publishes the bodies and returns their places and the sequences of all pieces. Errors: eventlog.ErrUnavailable, ErrFull:
// the log does not name those that were stored.
func (l *Log) publishPayloads(ctx context.Context, bodies []salted) (places []place, sequences []uint64, err error) {
	pieces, places := cut(bodies, l.most)
	lost := false
	// While the servers have no leader a message is lost without an answer. No round names what is stored twice.
	for sequences, err = l.publishPieces(ctx, pieces); err != nil; sequences, err = l.publishPieces(ctx, pieces) {
		if !errors.Is(err, eventlog.ErrUnavailable) || ctx.Err() != nil {
			return nil, nil, err
		}
		lost = true
		select {
		case <-ctx.Done():
			return nil, nil, err
		case <-time.After(50 * time.Millisecond):
		}
	}
	if lost {
		l.suspect(ctx, sequences[0])
	}
	for i := range places {
		for k, index := range places[i].pieces {
			places[i].pieces[k] = sequences[index]
		}
	}
	return places, sequences, nil
}

// publishPieces publishes pieces and returns their sequences.
func (l *Log) publishPieces(ctx context.Context, pieces [][]byte) ([]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.o.Patience/8+timeFor(pieces))
	defer cancel()
	sequences := make([]uint64, 0, len(pieces))
	for len(pieces) > 0 {
		var list [][]byte
		bytes := 0
		for len(pieces) > 0 && len(list) < batchPieces && (len(list) == 0 || bytes+len(pieces[0]) <= batchBytes) {
			bytes += len(pieces[0])
			list = append(list, packPiece(pieces[0]))
			pieces = pieces[1:]
		}
		last, err := l.publishAll(ctx, l.names.payloads, l.names.payloadsSubject, "", list)
		if err != nil {
			return nil, l.notPublished(err)
		}
		for i := range list {
			sequences = append(sequences, last-uint64(len(list)-1-i))
		}
	}
	return sequences, nil
}

// notPublished is the error for pieces of which it does not matter whether they are stored: no round will name them.
func (l *Log) notPublished(err error) error {
	if errors.Is(err, eventlog.ErrFull) || errors.Is(err, eventlog.ErrUnavailable) {
		return err
	}
	return unavailable("publish payloads", err)
}

// bodyReader reads pieces from the stream of payloads. It keeps its place, since a follower reads them in order.
type bodyReader struct {
	stream jetstream.Stream
	iter   jetstream.MessagesContext // nil = none
	next   uint64                    // sequence that iter gives next, or a later one
	held   jetstream.Msg             // read from iter and not asked for yet
	heldAt uint64
	idle   bool      // the last piece that was asked for was not in the stream, nor any after it
	late   time.Time // when the consumer last was late: pieces are read one by one for lateTime
}

const (
	// fewPieces are read one by one.
	fewPieces = 4
	// farPieces are not read to be thrown away.
	farPieces = 4 * pullMessages
	// lateTime is how long pieces are read one by one when a consumer was late.
	lateTime = 2 * time.Second
	// pieceTime is how long a piece may take until the stream is asked whether it is there.
	pieceTime = 100 * time.Millisecond
)

// read returns the pieces with these sequences, ascending. What was deleted is missing in the map.
func (r *bodyReader) read(ctx context.Context, sequences []uint64) (map[uint64][]byte, error) {
	found := make(map[uint64][]byte, len(sequences))
	if len(sequences) == 0 {
		return found, nil
	}
	if r.iter == nil && (len(sequences) <= fewPieces || time.Since(r.late) < lateTime) {
		for _, sequence := range sequences {
			data, err := r.get(ctx, sequence)
			if err != nil {
				return nil, unavailable("read a payload", err)
			}
			if data != nil {
				found[sequence] = data
			}
		}
		return unpackAll(found)
	}
	if r.iter != nil && (sequences[0] < r.next || sequences[0] > r.next+farPieces) {
		r.close()
	}
	for _, sequence := range sequences {
		read := r.piece
		if time.Since(r.late) < lateTime {
			read = r.get
		}
		data, err := read(ctx, sequence)
		if err != nil {
			r.close()
			return nil, unavailable("read payloads", err)
		}
		if data != nil {
			found[sequence] = data
		}
	}
	return unpackAll(found)
}

// unpackAll unpacks the pieces that were read.
func unpackAll(found map[uint64][]byte) (map[uint64][]byte, error) {
	for sequence, data := range found {
		content, err := unpackPiece(data)
		if err != nil {
			return nil, fmt.Errorf("message %d of the stream of payloads: %w", sequence, err)
		}
		found[sequence] = content
	}
	return found, nil
}

// piece reads on until it has the piece, or a later one: then it is nil.
func (r *bodyReader) piece(ctx context.Context, sequence uint64) ([]byte, error) {
	if r.iter == nil {
		iter, err := messagesFrom(ctx, r.stream, sequence)
		if err != nil {
			return nil, err
		}
		r.iter, r.idle = iter, false
		r.next = sequence
	}
	for {
		if r.held == nil {
			// The last ones of the stream may have been deleted: then none follows that says so.
			message, data, err := r.nextOrNone(ctx, sequence)
			if message == nil {
				r.next = sequence + 1
				return data, err
			}
			meta, err := message.Metadata()
			if err != nil {
				return nil, err
			}
			r.held, r.heldAt = message, meta.Sequence.Stream
			r.next = r.heldAt
		}
		switch {
		case r.heldAt < sequence:
			r.held = nil
			continue
		case r.heldAt == sequence:
			data := r.held.Data()
			r.held, r.next = nil, sequence+1
			return data, nil
		}
		r.next = sequence + 1
		return nil, nil
	}
}

// nextOrNone waits for the next message. When none comes it asks for that with the sequence: its data is nil if the stream has none.
func (r *bodyReader) nextOrNone(ctx context.Context, sequence uint64) (message jetstream.Msg, data []byte, err error) {
	wait := pieceTime
	if r.idle {
		wait = time.Millisecond
	}
	message, err = r.iter.Next(jetstream.NextMaxWait(wait))
	if err == nil {
		r.idle = false
		return message, nil, nil
	}
	if !errors.Is(err, nats.ErrTimeout) {
		return nil, nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	data, err = r.get(ctx, sequence)
	r.idle = data == nil && err == nil
	if data != nil { // the consumer is late, or its server has died, of which nobody says so
		r.close()
		r.late = time.Now()
	}
	return nil, data, err
}

// get reads one piece, nil if it was deleted.
func (r *bodyReader) get(ctx context.Context, sequence uint64) ([]byte, error) {
	message, err := r.stream.GetMsg(ctx, sequence)
	if err == nil {
		return message.Data, nil
	}
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, err
	}
	info, err := r.stream.Info(ctx)
	if err == nil && info.State.LastSeq < sequence { // a server that does not have it yet has answered
		err = fmt.Errorf("piece %d of a stream that ends with %d", sequence, info.State.LastSeq)
	}
	return nil, err
}

func (r *bodyReader) close() {
	if r.iter != nil {
		r.iter.Stop()
		r.iter, r.held = nil, nil
	}
}

// stageEvents stages the events of a round with their bodies.
func (l *Log) stageEvents(ctx context.Context, events []stored) error {
	var sequences []uint64
	for i := range events {
		sequences = append(sequences, events[i].at.pieces...) // ascending
	}
	found, err := l.bodies.read(ctx, slices.Compact(sequences))
	if err != nil {
		return err
	}
	bodies := make([]salted, len(events))
	for i := range events {
		if bodies[i], err = l.bodyOf(ctx, &events[i], found); err != nil {
			return fmt.Errorf("the payload of event %d: %w", events[i].event.Seq, err)
		}
	}
	for i := range events {
		l.staged.add(events[i].event, bodies[i])
	}
	return nil
}

// errLost: pieces of a payload are missing, or have other bytes, and nobody has erased it.
var errLost = fmt.Errorf("%w: it is not in the stream of payloads, and nobody has erased it; "+
	"bring the folder of a node that has it into a new cluster with `daybook cluster import`", eventlog.ErrDamaged)

// bodyOf takes the body of an event from the pieces that were found, nil if it has none (any more). Pieces that are missing have
// been replaced when a body in them was erased.
func (l *Log) bodyOf(ctx context.Context, one *stored, found map[uint64][]byte) (salted, error) {
	if len(one.at.pieces) == 0 {
		return nil, nil
	}
	var whole []byte
	for k, sequence := range one.at.pieces {
		piece, ok := found[sequence]
		if !ok {
			var err error
			if piece, err = l.replaced(ctx, sequence); err != nil {
				return nil, err
			}
			if piece == nil {
				return nil, l.erasedLater(one.event.Seq)
			}
			found[sequence] = piece
		}
		if k == 0 {
			whole = piece
		} else {
			whole = append(whole[:len(whole):len(whole)], piece...)
		}
	}
	if from, size := one.at.offset, one.at.size; from < 0 || size <= saltSize || size > len(whole)-from {
		return nil, fmt.Errorf("%w: %d bytes at %d of %d", eventlog.ErrDamaged, size, from, len(whole))
	}
	body := salted(whole[one.at.offset:][:one.at.size:one.at.size])
	if eventlog.PayloadHash(body.salt(), body.body()) != one.event.PayloadHash {
		return nil, l.erasedLater(one.event.Seq)
	}
	return body, nil
}
