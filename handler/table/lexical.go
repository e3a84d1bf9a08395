package table

import (
	"bytes"
	"encoding/binary"
)

// lexical keeps the first and the last value in the order of bytes, as far as the report
// shows them.
type lexical struct {
	any              bool
	min, max         []byte
	minHead, maxHead uint64 // the first eight bytes, to tell most values apart at once
}

func (l *lexical) add(b []byte, limit int) {
	if len(b) > limit+1 {
		b = b[:limit+1]
	}
	head := headOf(b)
	if !l.any {
		l.any = true
		l.min, l.minHead = append(l.min, b...), head
		l.max, l.maxHead = append(l.max, b...), head
		return
	}
	if head < l.minHead || head == l.minHead && bytes.Compare(b, l.min) < 0 {
		l.min, l.minHead = append(l.min[:0], b...), head
	}
	if head > l.maxHead || head == l.maxHead && bytes.Compare(b, l.max) > 0 {
		l.max, l.maxHead = append(l.max[:0], b...), head
	}
}

// headOf is the first eight bytes as a number; comparing two such numbers compares the
// bytes.
func headOf(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var head uint64
	for i, c := range b {
		head |= uint64(c) << (56 - 8*i)
	}
	return head
}
