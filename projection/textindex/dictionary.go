package textindex

import (
	"encoding/binary"
	"hash/crc32"
)

// maxBlock is the maximum size of a block in bytes, so that its row fits into a page.
const maxBlock = 4048

// A block is a CRC-32C of the rest, then words in ascending order. A word is
//
//	2 bytes   length of the prefix that it shares with the previous word (6 bits), number of
//	          further characters less one (6), 1 if these are hexadecimal digits, packed in half
//	          a byte each (1), form of the places (3)
//	          the further characters
//	          places: formOne 2 bytes; formDeltas a length and that many bytes; formAll
//	          nothing; otherwise the index of their row of places, as a varint
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal writes the checksum of the rest into the first four bytes.
func seal(body []byte) []byte {
	binary.LittleEndian.PutUint32(body, crc32.Checksum(body[4:], castagnoli))
	return body
}

// unseal checks the checksum and returns the rest.
func unseal(body []byte) ([]byte, error) {
	if len(body) < 4 || binary.LittleEndian.Uint32(body) != crc32.Checksum(body[4:], castagnoli) {
		return nil, damaged("a row has a wrong checksum")
	}
	return body[4:], nil
}

// common returns the length of the common prefix of two words.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// appendWord appends a word without its places. last is the previous word of the block.
func appendWord(dst, last, word []byte, f form) []byte {
	shared := min(common(last, word), len(word)-1)
	rest := word[shared:]
	packed := len(rest) > 1 && hexadecimal(rest)
	head := uint16(shared) | uint16(len(rest)-1)<<6 | uint16(f)<<13
	if !packed {
		return append(binary.LittleEndian.AppendUint16(dst, head), rest...)
	}
	dst = binary.LittleEndian.AppendUint16(dst, head|1<<12)
	for i := 0; i < len(rest); i += 2 {
		c := nibble(rest[i]) << 4
		if i+1 < len(rest) {
			c |= nibble(rest[i+1])
		}
		dst = append(dst, c)
	}
	return dst
}

func hexadecimal(word []byte) bool {
	for _, c := range word {
		if c < '0' || c > 'f' || '9' < c && c < 'a' {
			return false
		}
	}
	return true
}

func nibble(digit byte) byte {
	if digit <= '9' {
		return digit - '0'
	}
	return digit - 'a' + 10
}

const digits = "0123456789abcdef"

// blockReader reads the words of a block in order.
type blockReader struct {
	rest []byte
	word [maxWord]byte
	n    int    // length of the word
	form form   // of its places
	near []byte // its places, if they are in the block
	row  uint64 // otherwise the index of their row of places
}

// open starts with a block whose checksum has been checked.
func (r *blockReader) open(body []byte) { r.rest, r.n = body, 0 }

// current returns the word that was read last. It is valid until the next call of next.
func (r *blockReader) current() []byte { return r.word[:r.n] }

// next reads the next word, and returns false at the end of the block.
func (r *blockReader) next() (bool, error) {
	if len(r.rest) == 0 {
		return false, nil
	}
	if len(r.rest) < 2 {
		return false, damaged("a block ends within a word")
	}
	head := binary.LittleEndian.Uint16(r.rest)
	shared, length := int(head&63), int(head>>6&63)+1
	body := r.rest[2:]
	if shared > r.n || shared+length > maxWord {
		return false, damaged("a word of %d and %d bytes", shared, length)
	}
	bytes := length
	if head>>12&1 != 0 {
		bytes = (length + 1) / 2
	}
	if len(body) < bytes {
		return false, damaged("a block ends within a word")
	}
	if bytes == length {
		copy(r.word[shared:], body[:bytes])
	} else {
		for i := range length {
			r.word[shared+i] = digits[body[i>>1]>>(4-i&1*4)&15]
		}
	}
	r.n = shared + length
	r.form = form(head >> 13)
	return true, r.places(body[bytes:])
}

// places reads the places of the word, or the index of their row.
func (r *blockReader) places(body []byte) error {
	size, skip := uint64(0), 0
	switch {
	case r.form == formOne:
		size = 2
	case r.form == formDeltas:
		size, skip = binary.Uvarint(body)
	case r.form.far():
		r.row, skip = binary.Uvarint(body)
	}
	if skip < 0 || size > uint64(len(body)-skip) || skip == 0 && r.form != formOne && r.form != formAll {
		return damaged("a block ends within places")
	}
	r.near = body[skip : skip+int(size)]
	r.rest = body[skip+int(size):]
	return nil
}
