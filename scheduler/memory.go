package scheduler

import (
	"daybook/eventlog"
	"daybook/task"
)

const (
	// keptChunks and keptChanges bound the memory that a round keeps for the next one.
	keptChunks  = 2 * roundEvents / slabSize
	keptChanges = 4 * roundEvents
	// recordSlab is how many records are made at once. A payload of more than largePayload bytes
	// has a record to itself, which can be freed without others.
	recordSlab   = 64
	largePayload = 4 << 10
	// dataSlab is how many bytes are made at once for the data of events.
	dataSlab = 8 << 10
)

// memory makes what a round consists of, many at once. Decided events are used again by later
// rounds; records and their data belong to the log and are not.
type memory struct {
	decided slab[task.Event]
	plain   []eventlog.Event // records that are not used yet, for events without a payload
	loaded  []eventlog.Event // the same for events with one: the log frees these earlier
	data    []byte           // room for the data of records
}

// record returns an empty record for an event with such a payload.
func (m *memory) record(payload []byte) *eventlog.Event {
	from := &m.plain
	switch {
	case len(payload) > largePayload:
		return new(eventlog.Event)
	case payload != nil:
		from = &m.loaded
	}
	if len(*from) == 0 {
		*from = make([]eventlog.Event, recordSlab)
	}
	r := &(*from)[0]
	*from = (*from)[1:]
	return r
}

// encode returns the data of an event, and the schema version with which it is written.
func (m *memory) encode(d *task.Event) (data []byte, v int) {
	if cap(m.data)-len(m.data) < dataSlab/8 {
		m.data = make([]byte, 0, dataSlab)
	}
	start := len(m.data)
	m.data, v = task.AppendVersion(m.data, d.Type, &d.Data)
	return m.data[start:len(m.data):len(m.data)], v
}

// emptied returns the slice without its values, and without its memory if that is long.
func emptied[S ~[]T, T any](s S) S {
	if cap(s) > keptChanges {
		return nil
	}
	clear(s)
	return s[:0]
}

// slabSize is how many values a slab makes at once.
const slabSize = 128

// slab hands out values that live as long as a round and are then used again. The zero
// value is empty. A value does not move while it is out.
type slab[T any] struct {
	chunks [][]T // each of slabSize, or larger for one long run
	at     int   // the chunk that values are taken from
	used   int   // of that chunk
}

// run returns an empty slice with room for n values.
func (s *slab[T]) run(n int) []T {
	for ; s.at < len(s.chunks); s.at, s.used = s.at+1, 0 {
		if chunk := s.chunks[s.at]; len(chunk)-s.used >= n {
			taken := chunk[s.used : s.used : s.used+n]
			s.used += n
			return taken
		}
	}
	s.chunks = append(s.chunks, make([]T, max(n, slabSize)))
	s.used = n
	return s.chunks[s.at][:0:n]
}

// one returns one value at zero.
func (s *slab[T]) one() *T { return &s.run(1)[:1][0] }

// reset takes all back and forgets what they pointed to. It keeps at most most chunks.
func (s *slab[T]) reset(most int) {
	for i := range s.chunks[:min(s.at, len(s.chunks))] {
		clear(s.chunks[i])
	}
	if s.at < len(s.chunks) {
		clear(s.chunks[s.at][:s.used])
	}
	if len(s.chunks) > most {
		clear(s.chunks[most:])
		s.chunks = s.chunks[:most]
	}
	s.at, s.used = 0, 0
}
