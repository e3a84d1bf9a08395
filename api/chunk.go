package api

import (
	"context"
	"sync"
	"sync/atomic"

	"daybook/api/eventstream"
	"daybook/eventlog"
)

const (
	chunkEvents = 256      // of one write to a client of the log, at most
	chunkBytes  = 64 << 10 // after which a chunk takes no further event
	chunkMemory = 16       // chunks kept
	chunkReach  = 10_000   // events that a chunk may lie behind the head and be shared
)

// chunks caches recent runs of events, encoded for the clients of /api/log/stream, by
// the seq they begin after, so that clients at the same seq share one encoding. What
// comes after a seq never changes, so a chunk stays valid; it may be short.
type chunks struct {
	mu     sync.Mutex
	recent [chunkMemory]*chunk // guarded by mu
	at     int                 // guarded by mu; where the next goes
}

// chunk is the events after from.
type chunk struct {
	from    int64
	once    sync.Once
	message eventstream.Message
	err     error
	size    atomic.Int64 // bytes, once it is made
}

// since returns events after from, up to told at most. Only the first who asks makes it.
func (s *chunks) since(a *API, from, told int64) (eventstream.Message, error) {
	c := s.slot(from)
	c.once.Do(func() {
		c.message, c.err = a.encodeChunk(a.stopping, from, told, &eventlog.Filter{})
		c.size.Store(c.message.Size())
	})
	if c.err != nil {
		s.forget(c)
	}
	return c.message, c.err
}

// slot finds the chunk that begins after from, or makes room for it.
func (s *chunks) slot(from int64) *chunk {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.recent {
		if c != nil && c.from == from {
			return c
		}
	}
	c := &chunk{from: from}
	s.recent[s.at] = c
	s.at = (s.at + 1) % len(s.recent)
	return c
}

func (s *chunks) forget(c *chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.recent {
		if s.recent[i] == c {
			s.recent[i] = nil
		}
	}
}

// bytes is what the chunks kept hold.
func (s *chunks) bytes() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.recent {
		if c != nil {
			n += c.size.Load()
		}
	}
	return n
}

// pullLog makes what follows after a seq: shared if that is near the head.
func (a *API) pullLog(ctx context.Context, after, told int64) (eventstream.Message, error) {
	if told-after <= chunkReach {
		return a.chunks.since(a, after, told)
	}
	return a.encodeChunk(ctx, after, told, &eventlog.Filter{})
}

// encodeChunk makes one message of the events after a seq, up to told; the client gets a message
// for each event.
func (a *API) encodeChunk(ctx context.Context, after, told int64, filter *eventlog.Filter) (eventstream.Message, error) {
	page, err := a.Log.Read(ctx, after, *filter, chunkEvents)
	if err != nil {
		return eventstream.Message{}, err
	}
	upTo := max(after, min(page.Scanned, told))
	whole := len(filter.Streams) == 0 && len(filter.Types) == 0
	var first *eventlog.Event
	data := make([]byte, 0, 512*len(page.Events))
	for _, e := range page.Events {
		if e.Seq > told {
			break
		}
		if len(data) >= chunkBytes {
			upTo = e.Seq - 1
			break
		}
		if first == nil {
			first = e
		} else {
			data = a.streams.AppendNext(data, e.Seq)
		}
		if whole {
			data = eventlog.AppendJSON(data, e, nil) // once for all: the chunk is what is kept
		} else {
			data = append(data, e.JSON()...)
		}
	}
	if first == nil {
		return eventstream.Message{UpTo: upTo}, nil
	}
	return a.streams.Message(first.Seq, data, upTo), nil
}
