package image

import (
	"encoding/binary"
	"image/color"
	"math/bits"
)

// webpOf writes a picture of four quarters as a lossless WebP (RFC 9649), with codes of eight bits
// for every value of a channel. golang.org/x/image only reads WebP.
func webpOf(w, h int, k [4]color.NRGBA) []byte {
	var b bitWriter
	b.write(0x2f, 8)
	b.write(w-1, 14)
	b.write(h-1, 14)
	b.write(0, 1+3)                           // no alpha, version 0
	b.write(0, 1+1+1)                         // no transform, no colour cache, one set of codes
	for _, rest := range []int{24, 0, 0, 0} { // green with the lengths of copies, red, blue, alpha
		b.write(0, 1)    // not a simple code
		b.write(12-4, 4) // lengths of 12 code lengths follow, in the order 17 18 0 1 2 3 4 5 16 6 7 8
		for _, length := range []int{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1} {
			b.write(length, 3)
		}
		b.write(0, 1) // for all symbols
		for range 256 {
			b.write(1, 1) // length 8
		}
		b.write(0, rest) // length 0
	}
	b.write(0b0001, 4) // the code of distances: simple, one symbol, 0
	m := quarters(w, h, k)
	for i := 0; i < len(m.Pix); i += 4 {
		for _, c := range []uint8{m.Pix[i+1], m.Pix[i], m.Pix[i+2], 255} {
			b.write(int(bits.Reverse8(c)), 8)
		}
	}
	if len(b.data)%2 == 1 {
		b.data = append(b.data, 0)
	}
	file := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(b.data)+12))
	file = append(file, "WEBPVP8L"...)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(b.data)))
	return append(file, b.data...)
}

// bitWriter packs bits, lowest first.
type bitWriter struct {
	data []byte
	used int // bits of the last byte
}

func (b *bitWriter) write(value, n int) {
	for i := range n {
		if b.used%8 == 0 {
			b.data = append(b.data, 0)
		}
		b.data[len(b.data)-1] |= byte(value>>i&1) << (b.used % 8)
		b.used++
	}
}
