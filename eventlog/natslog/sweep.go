package natslog

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A piece that no round names is left by a round that was refused, or by a writer that died before it. It holds what
// somebody may have erased elsewhere, so it is deleted.
//
// The pieces of a round are published when its writer has read all messages before it. So those of one round lie
// before those of the next, and once a round is stored, no piece before its last one is still waiting for its own.

// sweeper deletes pieces in the background, as far as it can.
type sweeper struct {
	mu      sync.Mutex
	left    []uint64 // guarded by mu
	running bool     // guarded by mu
	stopped bool     // guarded by mu
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

const (
	mostOrphans = 100_000 // that wait to be deleted; more stay in the stream
	sweepTime   = 10 * time.Second
	// lookBack is how many messages are read to find the last round that names a piece.
	lookBack = 256
)

// add deletes pieces soon.
func (s *sweeper) add(stream jetstream.Stream, sequences []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || len(s.left)+len(sequences) > mostOrphans {
		return
	}
	s.left = append(s.left, sequences...)
	if s.running || len(s.left) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.running, s.cancel = true, cancel
	s.done.Go(func() {
		defer cancel()
		s.run(ctx, stream)
	})
}

func (s *sweeper) run(ctx context.Context, stream jetstream.Stream) {
	for {
		s.mu.Lock()
		if len(s.left) == 0 || ctx.Err() != nil {
			s.left, s.running = nil, false
			s.mu.Unlock()
			return
		}
		sequence := s.left[0]
		s.left = s.left[1:]
		s.mu.Unlock()
		one, cancel := context.WithTimeout(ctx, sweepTime)
		_ = stream.SecureDeleteMsg(one, sequence) // another node may have done it
		cancel()
	}
}

// stop waits for the deletion in progress.
func (s *sweeper) stop() {
	s.mu.Lock()
	s.stopped = true
	if s.cancel != nil {
		s.cancel()
	}
	s.mu.Unlock()
	s.done.Wait()
}

// suspect notes the pieces between the last one that is named and a new one: some may be of a try of which no acknowledgement came.
func (l *Log) suspect(ctx context.Context, first uint64) {
	if !l.namedKnown {
		l.named, l.namedKnown = l.lastNamed(ctx)
	}
	if !l.namedKnown {
		return
	}
	if l.suspects == nil {
		l.suspects = make(map[uint64]bool)
	}
	for o := l.named + 1; o < first && len(l.suspects) < mostOrphans; o++ {
		l.suspects[o] = true
	}
}

// noteNamed takes note of the pieces that a round names. Those before them that no round names are deleted if the round
// was published by this node.
func (l *Log) noteNamed(ctx context.Context, content []stored, mine bool) {
	var orphans []uint64
	for i := range content {
		for _, sequence := range content[i].at.pieces {
			if !l.namedKnown && mine {
				l.named, l.namedKnown = l.lastNamed(ctx)
			}
			if mine && l.namedKnown {
				for o := l.named + 1; o < sequence && len(orphans) < mostOrphans; o++ {
					orphans = append(orphans, o)
				}
			}
			l.named, l.namedKnown = max(l.named, sequence), true
			delete(l.suspects, sequence)
		}
	}
	if mine {
		orphans = slices.AppendSeq(orphans, maps.Keys(l.suspects))
		clear(l.suspects)
	}
	if len(orphans) > 0 {
		l.sweeper.add(l.bodies.stream, orphans)
	}
}

// lastNamed is the last piece that a round names, of those that the replica has. It does not look far.
func (l *Log) lastNamed(ctx context.Context) (piece uint64, known bool) {
	at := l.applied
	for ; at > 0 && l.applied-at < lookBack; at-- {
		h, content, err := l.message(ctx, at)
		if err != nil {
			return 0, false
		}
		if h.part != h.parts-1 {
			continue
		}
		if named, err := l.namedAt(ctx, at, h, content); err != nil || named > 0 {
			return named, err == nil
		}
	}
	return 0, at == 0
}

// namedAt is the last piece that a message names, 0 if none.
func (l *Log) namedAt(ctx context.Context, at uint64, h header, content []byte) (last uint64, err error) {
	switch h.kind {
	case kindRound:
		events, err := l.roundAt(ctx, at, h, content)
		for i := range events {
			for _, sequence := range events[i].at.pieces {
				last = max(last, sequence)
			}
		}
		return last, err
	case kindErased:
		if content, err = unpack(content); err != nil {
			return 0, err
		}
		list, err := parseErasures(content)
		for _, e := range list {
			for _, sequence := range e.new {
				last = max(last, sequence)
			}
		}
		return last, err
	}
	return 0, nil
}
