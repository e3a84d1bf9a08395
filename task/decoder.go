package task

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/oklog/ulid/v2"
)

// Decoder reads Data. It keeps one copy of each name of a type or queue, so that a
// million tasks do not hold a million copies. Not for use by several goroutines.
type Decoder struct {
	names map[string]string
}

// Decode reads the facts of an event of type t, schema version v, into d, which it
// clears first. Every error wraps ErrData and says where.
func (dec *Decoder) Decode(d *Data, t EventType, v int, data []byte) error {
	*d = Data{}
	fields := fieldsIn(t, v)
	if fields == nil {
		return fmt.Errorf("%w: %s has no schema version %d here; it was written by a newer Daybook", ErrData, t, v)
	}
	r := reader{rest: data, dec: dec}
	if !r.take("{") {
		return r.fail(t, "want an object", data)
	}
	first := true
	for _, f := range fields {
		if !r.takeKey(f, first) {
			continue
		}
		first = false
		if !r.value(f, d.at(f)) {
			return r.fail(t, "bad value of "+fieldNames[f], data)
		}
	}
	if !r.take("}") || len(r.rest) > 0 {
		return r.fail(t, "unknown, repeated or misplaced key", data)
	}
	return nil
}

type reader struct {
	rest []byte
	dec  *Decoder
}

func (r *reader) fail(t EventType, what string, data []byte) error {
	return fmt.Errorf("%w: %s: %s at byte %d", ErrData, t, what, len(data)-len(r.rest))
}

func (r *reader) take(token string) bool {
	if len(r.rest) < len(token) || string(r.rest[:len(token)]) != token {
		return false
	}
	r.rest = r.rest[len(token):]
	return true
}

// takeKey goes past the key of f if it comes next.
func (r *reader) takeKey(f field, first bool) bool {
	rest, key := r.rest, keys[f]
	if !first {
		if len(rest) == 0 || rest[0] != ',' {
			return false
		}
		rest = rest[1:]
	}
	// The first letter alone tells most keys apart.
	if len(rest) < len(key) || rest[1] != key[1] || string(rest[:len(key)]) != key {
		return false
	}
	r.rest = rest[len(key):]
	return true
}

// value reads one value that the writer would have written: never one at zero.
func (r *reader) value(f field, p any) bool {
	switch p := p.(type) {
	case *string:
		s, ok := r.text()
		if f == fIdempotencyKey || f == fOutcome || f == fUniqueKey {
			*p = string(s)
		} else {
			*p = r.dec.intern(s)
		}
		return ok && *p != ""
	case *int:
		n, ok := r.number()
		*p = int(n)
		return ok
	case *int64:
		n, ok := r.number()
		*p = n
		return ok
	case *Micros:
		n, ok := r.number()
		*p = Micros(n)
		return ok
	case *bool:
		*p = true
		return r.take("true")
	case *[]string:
		return r.list(p)
	case *[32]byte:
		s, ok := r.text()
		return ok && decodeHash(p, s) && *p != [32]byte{}
	case *ulid.ULID:
		s, ok := r.text()
		if !ok {
			return false
		}
		*p, ok = parseID(s)
		return ok && *p != ulid.ULID{}
	case *Code:
		s, ok := r.text()
		if !ok {
			return false
		}
		*p, ok = parseCode(string(s))
		return ok
	case *BackoffKind:
		s, ok := r.text()
		if !ok {
			return false
		}
		*p, ok = ParseBackoffKind(string(s))
		return ok && *p != Exponential
	}
	panic("task: a field without a reader")
}

func (r *reader) list(p *[]string) bool {
	if !r.take("[") {
		return false
	}
	for {
		s, ok := r.text()
		if !ok {
			return false
		}
		*p = append(*p, string(s))
		if r.take("]") {
			return true
		}
		if !r.take(",") {
			return false
		}
	}
}

// decodeHash reads lower-case hex; the library's reader takes upper case too.
func decodeHash(p *[32]byte, s []byte) bool {
	for _, c := range s {
		if 'A' <= c && c <= 'F' {
			return false
		}
	}
	if len(s) != hex.EncodedLen(len(p)) {
		return false
	}
	_, err := hex.Decode(p[:], s)
	return err == nil
}

// number reads a canonical integer that is not zero and fits 64 bits.
func (r *reader) number() (int64, bool) {
	i, negative := 0, false
	if len(r.rest) > 0 && r.rest[0] == '-' {
		i, negative = 1, true
	}
	start := i
	var n uint64
	for i < len(r.rest) && '0' <= r.rest[i] && r.rest[i] <= '9' {
		if i-start >= 19 {
			return 0, false
		}
		n = n*10 + uint64(r.rest[i]-'0')
		i++
	}
	limit := uint64(1<<63 - 1)
	if negative {
		limit++
	}
	if i == start || r.rest[start] == '0' || n > limit {
		return 0, false
	}
	r.rest = r.rest[i:]
	if negative {
		return -int64(n), true
	}
	return int64(n), true
}

// text reads a JSON string. Plain ASCII is returned as it lies; the rest goes
// through encoding/json and must be what the writer would have made of it.
func (r *reader) text() ([]byte, bool) {
	if len(r.rest) == 0 || r.rest[0] != '"' {
		return nil, false
	}
	end := 1
	for end < len(r.rest) && r.rest[end] != '"' {
		if r.rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(r.rest) {
		return nil, false
	}
	raw := r.rest[:end+1]
	r.rest = r.rest[end+1:]
	if plain(raw[1:end]) {
		return raw[1:end], true
	}
	var s string
	if json.Unmarshal(raw, &s) != nil || string(appendString(nil, s)) != string(raw) {
		return nil, false
	}
	return []byte(s), true
}

const internLimit = 10_000

func (dec *Decoder) intern(b []byte) string {
	if s, ok := dec.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if dec.names == nil {
		dec.names = make(map[string]string)
	}
	if len(dec.names) < internLimit {
		dec.names[s] = s
	}
	return s
}
