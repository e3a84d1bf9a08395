package natslog

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"daybook/eventlog"

	"github.com/nats-io/nats.go/jetstream"
)

// span is messages that follow each other in the stream.
type span struct {
	first uint64 // sequence
	parts int
}

func (s span) last() uint64 { return s.first + uint64(s.parts) - 1 }

// erasure is what a message of kindErased says of one payload.
type erasure struct {
	seq    int64 // of its event
	last   int64 // event of its round
	events int   // of its round
	round  span  // where it was published
	copy   span
}

func (e *erasure) append(b []byte) []byte {
	for _, n := range []uint64{uint64(e.seq), uint64(e.last), uint64(e.events), e.round.first, uint64(e.round.parts), e.copy.first, uint64(e.copy.parts)} {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// parseErasures reads the content of a message of kindErased.
func parseErasures(content []byte) (list []erasure, err error) {
	r := reader{b: content}
	for len(r.b) > 0 {
		e := erasure{seq: int64(r.number()), last: int64(r.number()), events: int(r.number())}
		e.round = span{r.number(), int(r.number())}
		e.copy = span{r.number(), int(r.number())}
		if r.err == nil && (e.round.parts < 1 || e.copy.parts < 1 || e.events < 1) {
			r.err = errMessage
		}
		if r.err != nil {
			return nil, r.err
		}
		list = append(list, e)
	}
	return list, nil
}

// appendCopy appends what a copy has before the events: the end of the round that it is a copy of.
func appendCopy(b []byte, last int64, hash eventlog.Hash) []byte {
	return append(binary.AppendUvarint(b, uint64(last)), hash[:]...)
}

// parseCopy reads what appendCopy appends, and returns the content of the round.
func parseCopy(content []byte) (last int64, hash eventlog.Hash, rest []byte, err error) {
	r := reader{b: content}
	last = int64(r.number())
	copy(hash[:], r.take(eventlog.HashSize))
	return last, hash, r.b, r.err
}

// told is what the stream says of erasures, as far as it was looked at: why messages are missing, and what takes their place.
type told struct {
	rounds   []moved           // of which payloads were erased, in order
	replaced map[uint64]uint64 // the first messages of copies that were replaced, with their last ones
	gone     uint64            // messages that may be missing
	messages uint64            // that were looked at
	upTo     uint64            // sequence of a message: all erasures up to it are known
}

// moved is a round of which payloads were erased.
type moved struct {
	firstSeq, lastSeq int64  // events
	spans             []span // where it was published, then its copies; the last one is there
}

// now is the copy that is there.
func (m *moved) now() span { return m.spans[len(m.spans)-1] }

// add takes note of the erasures that a message tells. Messages are added in their order.
func (t *told) add(list []erasure) {
	t.messages++
	for _, e := range list {
		i, found := slices.BinarySearchFunc(t.rounds, e.last, func(m moved, last int64) int { return cmp.Compare(m.lastSeq, last) })
		if !found {
			t.rounds = slices.Insert(t.rounds, i, moved{e.last - int64(e.events) + 1, e.last, []span{e.round}})
		}
		m := &t.rounds[i]
		before := m.now()
		if found && before == e.copy { // another payload that the same copy lacks
			continue
		}
		if found {
			if t.replaced == nil {
				t.replaced = map[uint64]uint64{}
			}
			t.replaced[before.first] = before.last()
		}
		t.gone += uint64(before.parts)
		m.spans = append(m.spans, e.copy)
	}
}

// of is the round that has event seq, nil if none of its payloads was erased.
func (t *told) of(seq int64) *moved {
	i, _ := slices.BinarySearchFunc(t.rounds, seq, func(m moved, seq int64) int { return cmp.Compare(m.lastSeq, seq) })
	if i == len(t.rounds) || t.rounds[i].firstSeq > seq {
		return nil
	}
	return &t.rounds[i]
}

// published is the round that was published at the sequence, nil if none of its payloads was erased.
func (t *told) published(first uint64) *moved {
	i, found := slices.BinarySearchFunc(t.rounds, first, func(m moved, first uint64) int { return cmp.Compare(m.spans[0].first, first) })
	if !found {
		return nil
	}
	return &t.rounds[i]
}

// lookForErasures reads all erasures that the stream has. Errors: eventlog.ErrUnavailable, ErrDamaged.
func (l *Log) lookForErasures(ctx context.Context) error {
	// One answer says how far the server is and how many there are: it may not know yet that another one orders the stream.
	info, err := l.stream.Info(ctx, jetstream.WithSubjectFilter(l.names.erasuresSubject))
	if err == nil && info.State.LastSeq < l.reached {
		err = fmt.Errorf("it ends with message %d, and message %d was read", info.State.LastSeq, l.reached)
	}
	if err != nil {
		return unavailable("look for erasures", err)
	}
	all := info.State.Subjects[l.names.erasuresSubject]
	if l.told.messages >= all {
		return nil
	}
	iter, err := messagesFrom(ctx, l.stream, l.told.upTo+1, l.names.erasuresSubject)
	if err != nil {
		return unavailable("look for erasures", err)
	}
	defer iter.Stop()
	for l.told.messages < all {
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
		list, err := erasuresIn(message.Data())
		if err != nil {
			return fmt.Errorf("message %d: %w", meta.Sequence.Stream, err)
		}
		l.told.add(list)
		l.told.upTo = meta.Sequence.Stream
	}
	return nil
}

// erasuresIn are the erasures that a message tells.
func erasuresIn(message []byte) ([]erasure, error) {
	h, content, err := parseHeader(message)
	if err != nil {
		return nil, err
	}
	if h.kind != kindErased || h.part != h.parts-1 {
		return nil, errMessage
	}
	if content, err = unpack(content); err != nil {
		return nil, err
	}
	return parseErasures(content)
}
