package natslog

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"daybook/eventlog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// mostParts is how many messages an atomic batch may have (ADR-50 of NATS).
const mostParts = 1000

// Error codes of JetStream that say that a message was not stored.
const (
	codeInsufficientResources = 10023
	codeStorageExceeded       = 10047
	codeMessageTooLarge       = 10054
	codeStreamStoreFailed     = 10077
	codeReplicasNotSupported  = 10074
)

// publish publishes the messages of a round at the place after what is applied, all or none. It returns the sequence of
// the last one; 0 = no acknowledgement came, and the round was found in the stream and is in the replica.
// Errors: errRival, eventlog.ErrFull, ErrUnavailable (not stored); ErrUnknown.
func (l *Log) publish(ctx context.Context, subject string, id roundID, list [][]byte) (uint64, error) {
	sequence, err := l.publishOnce(ctx, subject, list)
	for pause := 10 * time.Millisecond; errors.Is(err, nats.ErrNoResponders); pause = min(2*pause, time.Second) {
		select { // the stream has no leader now: nobody has got it
		case <-ctx.Done():
			return 0, err
		case <-time.After(pause):
		}
		sequence, err = l.publishOnce(ctx, subject, list)
	}
	if err == nil || errors.Is(err, eventlog.ErrFull) {
		return sequence, err
	}
	// A refusal too may be of a second copy of the first message: the client sends it again when a
	// connection breaks. So the stream is asked which round stands at that place.
	l.lookedFor, l.found = id, false
	defer func() { l.lookedFor = roundID{} }()
	was := l.applied
	if errors.Is(err, errRival) {
		err = l.catchUpWithRival(ctx)
	} else {
		l.o.Logger.Warn("the log of the cluster does not acknowledge a round; finding out whether it is stored", "error", err)
		err = l.settle(ctx)
	}
	switch {
	case l.found:
		return 0, nil
	case err == nil || l.applied > was: // another message stands in its place
		return 0, errRival
	}
	l.doubtful = true
	return 0, fmt.Errorf("%w: %w", eventlog.ErrUnknown, plain{err})
}

// publishOnce publishes messages to the stream at the place after what is applied, all or none, and returns the sequence of the last one.
// That one goes to the subject, those before it to the one of events.
func (l *Log) publishOnce(ctx context.Context, subject string, list [][]byte) (uint64, error) {
	var id roundID
	rand.Read(id[:]) // never returns an error
	batch := hex.EncodeToString(id[:])
	for i, data := range list {
		message := &nats.Msg{Subject: l.names.eventsSubject, Data: data, Header: nats.Header{}}
		if len(list) > 1 {
			message.Header = batchHeader(batch, i+1)
		}
		if i == 0 {
			message.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(l.applied, 10))
		}
		if i == len(list)-1 {
			if i > 0 {
				message.Header.Set("Nats-Batch-Commit", "1")
			}
			message.Subject = subject
			return l.commit(ctx, message, timeFor(list))
		}
		if err := l.o.JetStream.Conn().PublishMsg(message); err != nil {
			return 0, unavailable("publish a part of a round", err)
		}
	}
	return 0, nil
}

func batchHeader(batch string, n int) nats.Header {
	return nats.Header{"Nats-Batch-Id": {batch}, "Nats-Batch-Sequence": {strconv.Itoa(n)}}
}

// slowest is the slowest network and disk that large rounds are given time for, in bytes a second.
const slowest = 1 << 20

// timeFor is how much longer than a small message these may take.
func timeFor(list [][]byte) time.Duration {
	bytes := 0
	for _, message := range list {
		bytes += len(message)
	}
	return time.Duration(bytes) * time.Second / slowest
}

// commit publishes a message and returns the sequence that the acknowledgement has. more is how much longer than a small one it and
// those before it in its batch may take.
func (l *Log) commit(ctx context.Context, message *nats.Msg, more time.Duration) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.o.Patience/3+more)
	defer cancel()
	answer, err := l.request(ctx, message)
	if err != nil {
		return 0, refusalOf("publish a round", err)
	}
	var ack struct {
		Error    *jetstream.APIError `json:"error"`
		Stream   string              `json:"stream"`
		Sequence uint64              `json:"seq"`
	}
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return 0, unavailable("publish a round", err)
	}
	switch {
	case ack.Error != nil:
		return 0, refusalOf("publish a round", ack.Error)
	case ack.Stream != l.names.stream:
		return 0, unavailable("publish a round", fmt.Errorf("stream %q takes %s", ack.Stream, message.Subject))
	}
	return ack.Sequence, nil
}

// refusalOf makes an error of a publish one of a log: errRival and eventlog.ErrFull say that the message is not stored;
// after any other that is not known.
func refusalOf(what string, err error) error {
	api, ok := errors.AsType[*jetstream.APIError](err)
	if !ok {
		return unavailable(what, err)
	}
	switch api.ErrorCode {
	case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return errRival
	case codeInsufficientResources, codeStorageExceeded, codeMessageTooLarge:
		return fmt.Errorf("%w: %s: %w", eventlog.ErrFull, what, err)
	}
	return unavailable(what, err)
}
