package natslog

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
)

// Request is a publish whose acknowledgement is waited for.
type Request = func(ctx context.Context, m *nats.Msg) (*nats.Msg, error)

// Intercept puts a function around every publish of the log.
func (l *Log) Intercept(wrap func(next Request, ctx context.Context, m *nats.Msg) (*nats.Msg, error)) {
	next := l.request
	l.request = func(ctx context.Context, m *nats.Msg) (*nats.Msg, error) { return wrap(next, ctx, m) }
}

// WaitForSweeper waits until no piece waits to be deleted.
func (l *Log) WaitForSweeper() { l.sweeper.done.Wait() }

// NamedPieces are the pieces that the rounds and erasures of the stream name now.
func (l *Log) NamedPieces(ctx context.Context) (map[uint64]bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.catchUp(ctx); err != nil {
		return nil, err
	}
	named := map[uint64]bool{}
	for at := uint64(1); at <= l.applied; at++ {
		h, content, err := l.message(ctx, at)
		if err != nil {
			return nil, err
		}
		switch {
		case h.part != h.parts-1:
		case h.kind == kindRound:
			events, err := l.roundAt(ctx, at, h, content)
			if err != nil {
				return nil, err
			}
			for i := range events {
				for _, sequence := range events[i].at.pieces {
					named[sequence] = true
				}
			}
		case h.kind == kindErased:
			if content, err = unpack(content); err != nil {
				return nil, err
			}
			list, err := parseErasures(content)
			if err != nil {
				return nil, err
			}
			for _, e := range list {
				for i, old := range e.old {
					delete(named, old)
					if e.new[i] > 0 {
						named[e.new[i]] = true
					}
				}
			}
		}
	}
	return named, nil
}

// RoundsStream and PayloadsStream are the names of the streams of a cluster.
func RoundsStream(cluster string) string   { return namesOf(cluster).rounds }
func PayloadsStream(cluster string) string { return namesOf(cluster).payloads }

// PayloadsSubject is the subject of the stream of payloads.
func PayloadsSubject(cluster string) string { return namesOf(cluster).payloadsSubject }

// ErasedSubject is the subject of erasures.
func ErasedSubject(cluster string) string { return namesOf(cluster).erasedSubject }

// UnpackPiece is the content of a message of the stream of payloads.
func UnpackPiece(message []byte) ([]byte, error) { return unpackPiece(message) }

// LookAtTheStream makes the next append look at the state of the stream.
func (l *Log) LookAtTheStream() { l.looked = time.Time{} }

// SetPatience changes the patience of the log.
func (l *Log) SetPatience(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.o.Patience = d
}
