package textindex

import (
	"encoding/binary"
	"errors"

	"daybook/internal/sqlite"
)

// perRow is the number of documents per row of numbers.
const perRow = 1024

// segmentWriter writes a segment: call put for every word in ascending order, then finish.
type segmentWriter struct {
	w     *writer
	s     *state
	g     segment
	block []byte // the next row of blocks; the first 4 bytes are for the checksum
	last  []byte // last word of the block
	ended []byte // last word of the previous block
	fresh bool   // the block has no words
	far   int64  // number of rows of places
	tree  tree
	body  []byte
	all   []uint16 // all places of a prefix
}

func (w *writer) begin(s *state, age int64, docs int) *segmentWriter {
	out := &segmentWriter{w: w, s: s, g: segment{id: s.next, age: age, docs: docs}}
	s.next++
	out.block = make([]byte, 4, maxBlock+512)
	out.fresh = true
	out.tree.heavy, out.tree.write = w.limits.heavy, out.prefix
	return out
}

func (o *segmentWriter) put(word []byte, places []uint16) error {
	if err := o.tree.put(word, places); err != nil {
		return err
	}
	var f form
	o.body, f = appendPlaces(append(o.body[:0], 0, 0, 0, 0), places, o.g.docs)
	size := 2 + len(word) + binary.MaxVarintLen64
	if !f.far() {
		size += len(o.body) - 4
	}
	if len(o.block)+size > maxBlock {
		if err := o.flush(); err != nil {
			return err
		}
	}
	if o.fresh {
		if err := o.index(word); err != nil {
			return err
		}
	}
	o.block = appendWord(o.block, o.last, word, f)
	o.last = append(o.last[:0], word...)
	switch {
	case f.far():
		o.block = binary.AppendUvarint(o.block, uint64(o.far))
		return o.putFar()
	case f == formDeltas:
		o.block = binary.AppendUvarint(o.block, uint64(len(o.body)-4))
	}
	o.block = append(o.block, o.body[4:]...)
	return nil
}

// putFar writes the places in o.body as a row.
func (o *segmentWriter) putFar() error {
	id := o.g.id<<rowBits | o.far
	o.far++
	return o.row(o.w.places, id, o.body)
}

// prefix writes the documents that have a word with this prefix.
func (o *segmentWriter) prefix(prefix []byte, of *bitmap) error {
	o.all = of.appendTo(o.all[:0])
	var f form
	o.body, f = appendPlaces(append(o.body[:0], 0, 0, 0, 0), o.all, o.g.docs)
	a := o.w.prefix.Args
	a[0].Value, a[1].Value, a[2].Value, a[3].Value = o.g.id, prefix, int64(f), o.far
	if err := o.w.prefix.Run(); err != nil {
		return err
	}
	return o.putFar()
}

// index records the first word of a block, shortened to the bytes that distinguish it from the
// previous word.
func (o *segmentWriter) index(word []byte) error {
	o.fresh = false
	first := word[:0]
	if o.g.blocks > 0 {
		first = word[:common(o.ended, word)+1]
	}
	a := o.w.word.Args
	a[0].Value, a[1].Value, a[2].Value = o.g.id, first, o.g.blocks
	o.s.newBytes += int64(len(first))
	return o.w.word.Run()
}

// flush writes the block.
func (o *segmentWriter) flush() error {
	if o.fresh {
		return nil
	}
	id := o.g.id<<rowBits | o.g.blocks
	o.g.blocks++
	err := o.row(o.w.block, id, o.block)
	o.ended = append(o.ended[:0], o.last...)
	o.block, o.last, o.fresh = o.block[:4], o.last[:0], true
	return err
}

// finish writes the last block and the numbers of the documents, which are ascending.
func (o *segmentWriter) finish(numbers []int64) (segment, error) {
	if err := errors.Join(o.flush(), o.tree.put(nil, nil)); err != nil {
		return o.g, err
	}
	var firsts []byte
	for i := 0; i < len(numbers); i += perRow {
		chunk := numbers[i:min(i+perRow, len(numbers))]
		firsts = binary.AppendVarint(firsts, chunk[0])
		o.body = append(o.body[:0], 0, 0, 0, 0)
		for j, n := range chunk {
			if j == 0 {
				o.body = binary.AppendVarint(o.body, n)
			} else {
				o.body = binary.AppendUvarint(o.body, uint64(n-chunk[j-1]))
			}
		}
		if err := o.row(o.w.numbers, o.g.id<<rowBits|int64(i/perRow), o.body); err != nil {
			return o.g, err
		}
	}
	o.g.lowest, o.g.highest = numbers[0], numbers[len(numbers)-1]
	for i, v := range [...]any{o.g.id, o.g.age, int64(o.g.docs), o.g.blocks, o.g.lowest, o.g.highest, o.g.bytes, firsts} {
		o.w.segment.Args[i].Value = v
	}
	o.s.docs += int64(o.g.docs)
	return o.g, o.w.segment.Run()
}

func (o *segmentWriter) row(insert *sqlite.Stmt, id int64, body []byte) error {
	o.g.bytes += int64(len(body))
	o.s.newBytes += int64(len(body))
	insert.Args[0].Value, insert.Args[1].Value = id, seal(body)
	return insert.Run()
}
