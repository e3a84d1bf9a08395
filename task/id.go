package task

import "github.com/oklog/ulid/v2"

// notBase32 marks the bytes that are no digit of Crockford's base 32 in upper case.
const notBase32 = 0xFF

var base32Values = func() (values [256]byte) {
	for i := range values {
		values[i] = notBase32
	}
	for i, c := range []byte(ulid.Encoding) {
		values[c] = byte(i)
	}
	return values
}()

// ParseID returns the id of that name; false unless it is a ULID as Daybook writes it.
func ParseID(name string) (ulid.ULID, bool) { return parseID([]byte(name)) }

// parseID reads a ULID in the one spelling that ulid.ULID.String gives: the library's
// strict reader takes lower case too.
func parseID(name []byte) (id ulid.ULID, ok bool) {
	if len(name) != ulid.EncodedSize {
		return id, false
	}
	var all byte
	for _, c := range name {
		all |= base32Values[c]
	}
	if all > 31 || name[0] > '7' {
		return id, false
	}
	return id, id.UnmarshalText(name) == nil
}
