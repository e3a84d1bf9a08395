package natslog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

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
func (s salted) pieces(size int) int { return (len(s) + size - 1) / size }

// publishPayloads publishes the bodies and returns the sequences of their pieces. Errors: eventlog.ErrUnavailable, ErrFull:
// the log does not name those that were stored.
func (l *Log) publishPayloads(ctx context.Context, bodies []salted) ([][]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.o.Patience/3)
	defer cancel()
	size := min(pieceSize, l.most)
	var acks []jetstream.PubAckFuture
	for _, b := range bodies {
		for rest := []byte(b); len(rest) > 0; {
			n := min(len(rest), size)
			ack, err := l.publisher.PublishMsgAsync(&nats.Msg{Subject: l.names.payloadsSubject, Data: rest[:n]}, jetstream.WithRetryAttempts(0), jetstream.WithStallWait(l.o.Patience/3))
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
		all[i], sequences = sequences[:b.pieces(size):b.pieces(size)], sequences[b.pieces(size):]
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
	idle   bool // the last piece that was asked for was not in the stream, nor any after it
}

const (
	// fewPieces are read one by one.
	fewPieces = 4
	// farPieces are not read to be thrown away.
	farPieces = 4 * pullMessages
	// pieceTime is how long a piece may take until the stream is asked whether it is there.
	pieceTime = 100 * time.Millisecond
)

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
	if r.iter != nil && (sequences[0] < r.next || sequences[0] > r.next+farPieces) {
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
		if r.iter, err = consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(pullMessages, pullBytes)); err != nil {
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
				r.next = sequence + 1
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
		r.next = sequence + 1
		return nil, nil
	}
}

// nextOrNone waits for the next message, and returns nil if the stream has none at or after the sequence.
func (r *bodyReader) nextOrNone(ctx context.Context, sequence uint64) (jetstream.Msg, error) {
	for {
		wait := pieceTime
		if r.idle {
			wait = time.Millisecond
		}
		message, err := r.iter.Next(jetstream.NextMaxWait(wait))
		if err == nil {
			r.idle = false
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
			r.idle = err == nil
			return nil, err
		}
		r.idle = false // it is there, and the consumer is late
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

// stageEvents stages the events of a round with their bodies.
func (l *Log) stageEvents(ctx context.Context, events []stored) error {
	var sequences []uint64
	for i := range events {
		sequences = append(sequences, events[i].pieces...)
	}
	found, err := l.bodies.read(ctx, sequences)
	if err != nil {
		return err
	}
	bodies := make([]salted, len(events))
	for i := range events {
		e := events[i].event
		for k, sequence := range events[i].pieces {
			piece, ok := found[sequence]
			if !ok {
				if told, err := l.isTold(ctx, e.Seq); err != nil {
					return err
				} else if !told {
					return fmt.Errorf("%w: message %d of the stream of payloads, with that of event %d, is missing, and nobody has erased it; "+
						"bring the folder of a node that has it into a new cluster with `daybook cluster import`", eventlog.ErrDamaged, sequence, e.Seq)
				}
				bodies[i] = nil
				break
			}
			if k == 0 {
				bodies[i] = piece
			} else {
				bodies[i] = append(bodies[i][:len(bodies[i]):len(bodies[i])], piece...)
			}
		}
		if bodies[i] != nil && len(bodies[i]) <= saltSize {
			return fmt.Errorf("%w: the payload of event %d has %d bytes", eventlog.ErrDamaged, e.Seq, len(bodies[i]))
		}
	}
	for i := range events {
		l.staged.add(events[i].event, bodies[i])
	}
	return nil
}
