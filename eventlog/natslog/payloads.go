package natslog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"daybook/eventlog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	saltSize = 16
	// pieceSize is the most of a body that one message of the stream of payloads has, in bytes.
	pieceSize = 512 << 10
)

// salted is the body of a payload with its salt before it, as it is cut into pieces.
type salted []byte

func newSalted(body []byte) salted {
	s := make(salted, saltSize, saltSize+len(body))
	rand.Read(s) // never returns an error
	return append(s, body...)
}

func (s salted) salt() []byte { return s[:saltSize:saltSize] }
func (s salted) body() []byte { return s[saltSize:] }

// pieces is how many messages the body takes.
func (s salted) pieces() int { return (len(s) + pieceSize - 1) / pieceSize }

// publishPayloads publishes the bodies and returns the sequences of their pieces. Errors: eventlog.ErrUnavailable, ErrFull:
// the log does not name those that were stored.
func (l *Log) publishPayloads(ctx context.Context, bodies []salted) ([][]uint64, error) {
	var acks []jetstream.PubAckFuture
	for _, b := range bodies {
		for rest := []byte(b); len(rest) > 0; {
			n := min(len(rest), pieceSize)
			ack, err := l.o.JetStream.PublishMsgAsync(&nats.Msg{Subject: l.names.payloadsSubject, Data: rest[:n]}, jetstream.WithRetryAttempts(0))
			if err != nil {
				return nil, unavailable("publish payloads", err)
			}
			acks = append(acks, ack)
			rest = rest[n:]
		}
	}
	sequences := make([]uint64, len(acks))
	var failed error
	for i, ack := range acks {
		select {
		case a := <-ack.Ok():
			sequences[i] = a.Sequence
		case err := <-ack.Err():
			failed = err
		case <-ctx.Done():
			failed = ctx.Err()
		}
		if failed != nil {
			return nil, refusalOf("publish payloads", failed)
		}
	}
	all := make([][]uint64, len(bodies))
	for i, b := range bodies {
		all[i], sequences = sequences[:b.pieces():b.pieces()], sequences[b.pieces():]
	}
	return all, nil
}

// bodyReader reads pieces from the stream of payloads. It keeps its place, since a follower reads them in order.
type bodyReader struct {
	stream jetstream.Stream
	iter   jetstream.MessagesContext // nil = none
	next   uint64                    // sequence that iter gives next, or a later one
	held   jetstream.Msg             // read from iter and not asked for yet
	heldAt uint64
}

// fewPieces are read one by one.
const fewPieces = 4

// read returns the pieces with these sequences, ascending. What was deleted is missing in the map.
func (r *bodyReader) read(ctx context.Context, sequences []uint64) (map[uint64][]byte, error) {
	found := make(map[uint64][]byte, len(sequences))
	if len(sequences) == 0 {
		return found, nil
	}
	if r.iter == nil && len(sequences) <= fewPieces {
		for _, sequence := range sequences {
			data, err := r.get(ctx, sequence)
			if err != nil {
				return nil, unavailable("read a payload", err)
			}
			if data != nil {
				found[sequence] = data
			}
		}
		return found, nil
	}
	if r.iter != nil && sequences[0] < r.next {
		r.close()
	}
	for _, sequence := range sequences {
		data, err := r.piece(ctx, sequence)
		if err != nil {
			r.close()
			return nil, unavailable("read payloads", err)
		}
		if data != nil {
			found[sequence] = data
		}
	}
	return found, nil
}

// piece reads on until it has the piece, or a later one: then it is nil.
func (r *bodyReader) piece(ctx context.Context, sequence uint64) ([]byte, error) {
	if r.iter == nil {
		consumer, err := r.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: sequence})
		if err != nil {
			return nil, err
		}
		if r.iter, err = consumer.Messages(jetstream.PullMaxMessages(pullMessages)); err != nil {
			r.iter = nil
			return nil, err
		}
		r.next = sequence
	}
	for {
		if r.held == nil {
			// The last ones of the stream may have been deleted: then none follows that says so.
			message, err := r.nextOrNone(ctx, sequence)
			if message == nil {
				return nil, err
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
		return nil, nil
	}
}

// nextOrNone waits for the next message, and returns nil if the stream has none at or after the sequence.
func (r *bodyReader) nextOrNone(ctx context.Context, sequence uint64) (jetstream.Msg, error) {
	for {
		message, err := r.iter.Next(jetstream.NextMaxWait(patienceForPiece))
		if err == nil {
			return message, nil
		}
		if !errors.Is(err, nats.ErrTimeout) {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		data, err := r.get(ctx, sequence)
		if data == nil {
			return nil, err
		} // else it is there, and the consumer is late
	}
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

// copied makes of the events of a round what the replica appends.
func (r *bodyReader) copied(ctx context.Context, events []stored, to *batch) error {
	var sequences []uint64
	for i := range events {
		sequences = append(sequences, events[i].pieces...)
	}
	found, err := r.read(ctx, sequences)
	if err != nil {
		return err
	}
	for i := range events {
		e := events[i].event
		var whole salted
		missing := false
		for _, sequence := range events[i].pieces {
			piece, ok := found[sequence]
			missing = missing || !ok
			if whole == nil {
				whole = piece
			} else {
				whole = append(whole[:len(whole):len(whole)], piece...)
			}
		}
		switch {
		case len(events[i].pieces) == 0 || missing:
			whole = nil
		case len(whole) <= saltSize:
			return fmt.Errorf("%w: the payload of event %d has %d bytes", eventlog.ErrDamaged, e.Seq, len(whole))
		}
		to.add(e, whole)
	}
	return nil
}
