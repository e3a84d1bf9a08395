package projection

import (
	"bytes"
	"encoding/binary"
)

// trail holds the seqs of a task's events after the first one: for each the distance
// from the one before, as a varint. Few tasks have more than fit without an allocation.
type trail struct {
	inline [14]byte
	used   uint8
	long   *[]byte // all of it, once it does not fit
}

// add appends the distance of the next event from the one before, at least 1.
func (t *trail) add(distance int64) {
	if t.long == nil {
		var room [binary.MaxVarintLen64]byte
		b := binary.AppendUvarint(room[:0], uint64(distance))
		if int(t.used)+len(b) <= len(t.inline) {
			t.used += uint8(copy(t.inline[t.used:], b))
			return
		}
		long := append(make([]byte, 0, 4*len(t.inline)), t.inline[:t.used]...)
		t.long = &long
	}
	*t.long = binary.AppendUvarint(*t.long, uint64(distance))
}

// bytes returns the trail as the file keeps it. It is valid until the next add.
func (t *trail) bytes() []byte {
	if t.long != nil {
		return *t.long
	}
	return t.inline[:t.used]
}

// set copies what bytes returned.
func (t *trail) set(b []byte) {
	*t = trail{}
	if len(b) <= len(t.inline) {
		t.used = uint8(copy(t.inline[:], b))
		return
	}
	long := bytes.Clone(b)
	t.long = &long
}

// seqsOf lists the seqs of a trail that begins at first.
func seqsOf(first int64, trail []byte) []int64 {
	seqs := append(make([]int64, 0, 1+len(trail)), first)
	for len(trail) > 0 {
		distance, n := binary.Uvarint(trail)
		if n <= 0 {
			break // from a damaged file, which its checks report
		}
		first += int64(distance)
		seqs, trail = append(seqs, first), trail[n:]
	}
	return seqs
}
