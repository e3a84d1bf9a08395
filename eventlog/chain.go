package eventlog

import (
	"crypto/sha256"
	"encoding/binary"
)

// chainRoom is the input of most links; a longer one needs an allocation.
const chainRoom = 640

// FirstHash is the hash before the first event: SHA-256("daybook log 1" ‖ logID).
func FirstHash(logID string) Hash {
	return sha256.Sum256(append([]byte("daybook log 1"), logID...))
}

// Chain is the hash of e after prev: SHA-256 over prev, seq, at, stream, version, type,
// v, actor, data and payload hash, each length-prefixed.
//
// A prefix is the number of bytes that follow, 4 bytes big-endian; numbers are 8 bytes
// big-endian; the payload hash of an event without payload has no bytes.
func Chain(prev Hash, e *Event) Hash {
	var room [chainRoom]byte
	return sha256.Sum256(AppendLink(AppendHash(room[:0], prev), e))
}

// AppendHash appends a hash as a link begins with it, that of the event before.
func AppendHash(b []byte, h Hash) []byte { return append(appendPrefix(b, HashSize), h[:]...) }

// AppendLink appends what a link covers after the hash before: the fields of e from seq to
// payload hash.
func AppendLink(b []byte, e *Event) []byte {
	b = appendNumber(b, e.Seq)
	b = appendNumber(b, e.At)
	b = append(appendPrefix(b, len(e.Stream)), e.Stream...)
	b = appendNumber(b, e.Version)
	b = append(appendPrefix(b, len(e.Type)), e.Type...)
	b = appendNumber(b, int64(e.V))
	b = append(appendPrefix(b, len(e.Actor)), e.Actor...)
	b = append(appendPrefix(b, len(e.Data)), e.Data...)
	if !e.HasPayload {
		return appendPrefix(b, 0)
	}
	return AppendHash(b, e.PayloadHash)
}

func appendPrefix(b []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

func appendNumber(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(appendPrefix(b, 8), uint64(n))
}

// PayloadHash is SHA-256(salt ‖ body).
func PayloadHash(salt, body []byte) Hash {
	var room [chainRoom]byte
	if len(salt)+len(body) <= len(room) {
		return sha256.Sum256(append(append(room[:0], salt...), body...))
	}
	h := sha256.New()
	h.Write(salt)
	h.Write(body)
	var sum Hash
	h.Sum(sum[:0])
	return sum
}
