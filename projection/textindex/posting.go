package textindex

import (
	"encoding/binary"
	"math/bits"
)

// maxDocs is the maximum number of documents of a segment, so that a place fits into 16 bits.
const maxDocs = 1 << 16

// form is the encoding of the places of a word's documents. It has three bits.
type form uint8

const (
	formOne    form = iota // one place in two bytes
	formDeltas             // differences, as varints
	formFar                // as formDeltas, in a separate row
	formBits               // one bit per document, in a separate row
	formHoles              // the places without the word, as formFar
	formAll                // every document has the word; nothing is written
)

// far reports whether the places are in a separate row.
func (f form) far() bool { return f == formFar || f == formBits || f == formHoles }

// maxNear is the maximum size of places that are stored beside the word, in bytes.
const maxNear = 192

// appendPlaces appends ascending places of a segment of docs documents, in the form that takes the
// fewest bytes.
func appendPlaces(dst []byte, places []uint16, docs int) ([]byte, form) {
	n := len(places)
	switch {
	case n == docs && n > 1:
		return dst, formAll
	case n == 1:
		return binary.LittleEndian.AppendUint16(dst, places[0]), formOne
	case n > docs-docs/8:
		return appendHoles(dst, places, docs), formHoles
	case n >= docs/8 && docs > 8*maxNear:
		return appendBits(dst, places, docs), formBits
	}
	start, next := len(dst), uint16(0)
	for _, p := range places {
		dst = binary.AppendUvarint(dst, uint64(p-next))
		next = p + 1
	}
	switch size := len(dst) - start; {
	case size <= maxNear:
		return dst, formDeltas
	case size > (docs+7)/8:
		return appendBits(dst[:start], places, docs), formBits
	}
	return dst, formFar
}

func appendHoles(dst []byte, places []uint16, docs int) []byte {
	at, next := 0, 0
	for hole := range docs {
		if at < len(places) && int(places[at]) == hole {
			at++
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(hole-next))
		next = hole + 1
	}
	return dst
}

func appendBits(dst []byte, places []uint16, docs int) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, (docs+7)/8)...)
	row := dst[start:]
	for _, p := range places {
		row[p>>3] |= 1 << (p & 7)
	}
	return dst
}

// eachDelta decodes differences and calls fn with each place.
func eachDelta(body []byte, docs int, fn func(place int)) error {
	next := 0
	for len(body) > 0 {
		d, n := binary.Uvarint(body)
		if n <= 0 || d >= uint64(docs-next) {
			return damaged("places out of bounds")
		}
		fn(next + int(d))
		next += int(d) + 1
		body = body[n:]
	}
	return nil
}

// readPlaces decodes places and appends them to dst, ascending.
func readPlaces(dst []uint16, f form, body []byte, docs int) ([]uint16, error) {
	switch f {
	case formOne:
		p := int(binary.LittleEndian.Uint16(body))
		if p >= docs {
			return dst, damaged("place %d of %d", p, docs)
		}
		return append(dst, uint16(p)), nil
	case formDeltas, formFar:
		err := eachDelta(body, docs, func(p int) { dst = append(dst, uint16(p)) })
		return dst, err
	}
	var b bitmap
	if err := b.add(f, body, docs); err != nil {
		return dst, err
	}
	return b.appendTo(dst), nil
}

// bitmap is a set of places.
type bitmap [maxDocs / 64]uint64

func (b *bitmap) set(p int) { b[p>>6] |= 1 << (p & 63) }

// appendTo appends the places of the set, ascending.
func (b *bitmap) appendTo(dst []uint16) []uint16 {
	for i, word := range b {
		for ; word != 0; word &= word - 1 {
			dst = append(dst, uint16(i<<6+bits.TrailingZeros64(word)))
		}
	}
	return dst
}

// add decodes places and adds them to the set.
func (b *bitmap) add(f form, body []byte, docs int) error {
	switch f {
	case formOne:
		p := int(binary.LittleEndian.Uint16(body))
		if p >= docs {
			return damaged("place %d of %d", p, docs)
		}
		b.set(p)
	case formDeltas, formFar:
		return eachDelta(body, docs, b.set)
	case formBits:
		if len(body) != (docs+7)/8 {
			return damaged("%d bytes for the bits of %d documents", len(body), docs)
		}
		for i, c := range body {
			b[i>>3] |= uint64(c) << (i & 7 * 8)
		}
		if docs&7 != 0 && body[docs>>3]>>(docs&7) != 0 {
			return damaged("bits beyond %d documents", docs)
		}
	case formAll:
		b.fill(docs)
	case formHoles:
		var holes bitmap
		if err := eachDelta(body, docs, holes.set); err != nil {
			return err
		}
		holes.invert(docs)
		b.or(&holes)
	default:
		return damaged("places of form %d", f)
	}
	return nil
}

// fill adds all places of a segment to the set.
func (b *bitmap) fill(docs int) {
	for i := range docs >> 6 {
		b[i] = ^uint64(0)
	}
	if docs&63 != 0 {
		b[docs>>6] |= 1<<(docs&63) - 1
	}
}

func (b *bitmap) invert(docs int) {
	var all bitmap
	all.fill(docs)
	for i := range b {
		b[i] = all[i] &^ b[i]
	}
}

func (b *bitmap) or(o *bitmap) {
	for i := range b {
		b[i] |= o[i]
	}
}

func (b *bitmap) and(o *bitmap) {
	for i := range b {
		b[i] &= o[i]
	}
}

// count returns the number of places in the set.
func (b *bitmap) count() (n int) {
	for _, word := range b {
		n += bits.OnesCount64(word)
	}
	return n
}

// below returns the largest place of the set that is less than bound, or -1.
func (b *bitmap) below(bound int) int {
	if bound <= 0 {
		return -1
	}
	i := (bound - 1) >> 6
	word := b[i] << (63 - (bound-1)&63) >> (63 - (bound-1)&63)
	for word == 0 {
		if i--; i < 0 {
			return -1
		}
		word = b[i]
	}
	return i<<6 + 63 - bits.LeadingZeros64(word)
}
