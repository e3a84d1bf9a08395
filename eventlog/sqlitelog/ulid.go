package sqlitelog

import (
	"crypto/rand"
	"time"
)

// ulidSize is the length of a ULID as text.
const ulidSize = 26

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewID returns the identity of a new log: 48 bits of milliseconds and 80 random
// bits in Crockford's base 32 (github.com/ulid/spec).
func NewID(now time.Time) string {
	var raw [16]byte
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		raw[i] = byte(ms >> (40 - 8*i))
	}
	rand.Read(raw[6:]) // never returns an error
	var text [ulidSize]byte
	// 26 digits of 5 bits are 130: two zero bits lie before the first.
	for i := range text {
		var digit byte
		for bit := 5*i - 2; bit < 5*i+3; bit++ {
			digit <<= 1
			if bit >= 0 {
				digit |= raw[bit/8] >> (7 - bit%8) & 1
			}
		}
		text[i] = crockford[digit]
	}
	return string(text[:])
}
