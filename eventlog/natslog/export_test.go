package natslog

import (
	"context"
	"time"

	"daybook/eventlog"

	"github.com/nats-io/nats.go"
)

// Request is a publish whose acknowledgement is waited for.
type Request = func(ctx context.Context, m *nats.Msg) (*nats.Msg, error)

// Intercept puts a function around every publish of the log.
func (l *Log) Intercept(wrap func(next Request, ctx context.Context, m *nats.Msg) (*nats.Msg, error)) {
	next := l.request
	l.request = func(ctx context.Context, m *nats.Msg) (*nats.Msg, error) { return wrap(next, ctx, m) }
}

// Replaced are the sequences of the messages that the erasures of the stream have replaced.
func (l *Log) Replaced(ctx context.Context) (map[uint64]bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.lookForErasures(ctx); err != nil {
		return nil, err
	}
	replaced := map[uint64]bool{}
	for _, m := range l.told.rounds {
		for _, s := range m.spans[:len(m.spans)-1] {
			for sequence := s.first; sequence <= s.last(); sequence++ {
				replaced[sequence] = true
			}
		}
	}
	return replaced, nil
}

// ErasuresSubject is the subject of erasures.
func ErasuresSubject(cluster string) string { return namesOf(cluster).erasuresSubject }

// OlderStream is the stream of rounds of an earlier version.
func OlderStream(cluster string) string { return olderNames(cluster)[0] }

// OlderMessage is a message of an earlier version that ends with the head.
func OlderMessage(head eventlog.Head) []byte {
	message := messages(newHeader(kindFence, head), head, nil, mostMessage)[0]
	message[1] = oldestFormat
	return message
}

// Unpack is the content of messages, of which some are parts of one round.
func Unpack(messages [][]byte) (contents [][]byte, err error) {
	var packed []byte
	for _, message := range messages {
		h, piece, err := parseHeader(message)
		if err != nil {
			return nil, err
		}
		if h.part == 0 {
			packed = nil
		}
		packed = append(packed, piece...)
		if h.part < h.parts-1 {
			continue
		}
		content, err := unpack(packed)
		if err != nil {
			return nil, err
		}
		contents = append(contents, content)
	}
	return contents, nil
}

// LookAtTheStream makes the next append look at the state of the stream.
func (l *Log) LookAtTheStream() { l.looked = time.Time{} }

// SetPatience changes the patience of the log.
func (l *Log) SetPatience(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.o.Patience = d
}
