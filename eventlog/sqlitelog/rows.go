package sqlitelog

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"daybook/eventlog"
	"daybook/internal/sqlite"
)

const (
	saltSize = 16
	// A chunk of rows ends with the event that makes it this long, in events or bytes.
	chunkEvents = 256
	chunkBytes  = 256 << 10
	keptBytes   = 1 << 20 // what a buffer may keep after a large payload
)

// Both tables as their rows are given to SQLite.
const (
	insertEventSQL, eventKinds     = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "iititittbb"
	insertPayloadSQL, payloadKinds = "INSERT INTO payloads VALUES (?, ?, ?)", "ibb"
)

// rows are some events as rows of both tables. A link of the chain covers the columns of
// an event as they lie here, between two hashes: what is hashed is what is inserted.
type rows struct {
	links    []byte // the hash before, then the rows of events
	payloads []byte
	salts    []byte // random bytes not used yet
	saltRoom [chunkEvents * saltSize]byte
}

// before is how long the hash is that the first link begins with.
const before = 4 + eventlog.HashSize

// encode makes rows of the first events, as many as go into a chunk, fills in PayloadHash and
// Hash of each, and returns how many. prev is the hash before the first one. salts are nil for new
// events; else an event without a salt has no body any more, and the others must have their hashes.
func (r *rows) encode(prev eventlog.Hash, events []*eventlog.Event, salts [][]byte) (int, error) {
	r.payloads = r.payloads[:0]
	r.links = eventlog.AppendHash(r.links[:0], prev)
	for i, e := range events[:min(len(events), chunkEvents)] {
		if e.HasPayload && (salts == nil || salts[i] != nil) {
			var salt []byte
			if salts == nil {
				salt = r.salt()
				e.PayloadHash = eventlog.PayloadHash(salt, e.Payload)
			} else if salt = salts[i]; e.PayloadHash != eventlog.PayloadHash(salt, e.Payload) {
				return 0, fmt.Errorf("%w: the payload of event %d does not fit its hash", eventlog.ErrDamaged, e.Seq)
			}
			r.payloads = sqlite.AppendNumber(r.payloads, e.Seq)
			r.payloads = sqlite.AppendBytes(r.payloads, salt)
			r.payloads = sqlite.AppendBytes(r.payloads, e.Payload)
		}
		link := len(r.links) - before
		r.links = eventlog.AppendLink(r.links, e)
		e.Hash = sha256.Sum256(r.links[link:])
		r.links = eventlog.AppendHash(r.links, e.Hash)
		if len(r.links)+len(r.payloads) >= chunkBytes {
			return i + 1, nil
		}
	}
	return min(len(events), chunkEvents), nil
}

// events are the rows of events.
func (r *rows) events() []byte { return r.links[before:] }

// trim frees the memory that a large payload or a large event needed.
func (r *rows) trim() {
	if cap(r.links)+cap(r.payloads) > keptBytes {
		r.links, r.payloads = nil, nil
	}
}

// salt returns 16 random bytes that are valid until the next call.
func (r *rows) salt() []byte {
	if len(r.salts) == 0 {
		rand.Read(r.saltRoom[:]) // never returns an error
		r.salts = r.saltRoom[:]
	}
	s := r.salts[:saltSize:saltSize]
	r.salts = r.salts[saltSize:]
	return s
}
