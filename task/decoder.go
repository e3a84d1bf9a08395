package task

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"

	"daybook/internal/jsontext"

	"github.com/oklog/ulid/v2"
)

// Decoder reads Data. It keeps one copy of each name of a type or queue, so that a
// million tasks do not hold a million copies. Not for use by several goroutines.
type Decoder struct {
	names   map[string]string
	written []byte // the event just read, encoded by AppendData
}

// Decode reads the facts of an event of type t, schema version v, into d, which it
// clears first, and upcasts them to the newest version. It takes only what AppendDataOf writes.
// Every error wraps ErrData and says where.
func (dec *Decoder) Decode(d *Data, t EventType, v int, data []byte) error {
	*d = Data{}
	fields := fieldsIn(t, v)
	if fields == nil {
		return fmt.Errorf("%w: %s has no schema version %d here; it was written by a newer Daybook", ErrData, t, v)
	}
	for key, value := range jsontext.Members(data) {
		for len(fields) > 0 && fields[0].name != string(key) {
			fields = fields[1:]
		}
		if len(fields) == 0 {
			return fmt.Errorf("%w: %s: unknown, repeated or misplaced key %.40q", ErrData, t, key)
		}
		if f := fields[0]; !dec.value(f, f.at(d), value) {
			return fmt.Errorf("%w: %s: bad value of %s at byte %d", ErrData, t, f.name, cap(data)-cap(value))
		}
		fields = fields[1:]
	}
	if dec.written = AppendData(dec.written[:0], t, d); !bytes.Equal(dec.written, data) {
		return fmt.Errorf("%w: %s: %.40q is not how the event is written", ErrData, t, data)
	}
	for _, later := range versions[t][v-1:] {
		later.upcast(d)
	}
	return nil
}

// value reads the value of a field. Decode finds out whether it is spelled as it should be.
func (dec *Decoder) value(f *field, p any, value []byte) (ok bool) {
	switch p := p.(type) {
	case *string:
		*p = dec.text(f, value)
		return true
	case *int:
		n, err := strconv.ParseInt(string(value), 10, 64)
		*p = int(n)
		return err == nil
	case *int64:
		n, err := strconv.ParseInt(string(value), 10, 64)
		*p = n
		return err == nil
	case *Micros:
		n, err := strconv.ParseInt(string(value), 10, 64)
		*p = Micros(n)
		return err == nil
	case *bool:
		*p = true
	case *[]string:
		for item := range jsontext.Items(value) {
			*p = append(*p, jsontext.Unquote(item))
		}
	case *[]Dependency:
		for item := range jsontext.Items(value) {
			one, ok := dec.dependency(item)
			if !ok {
				return false
			}
			*p = append(*p, one)
		}
	case *[32]byte:
		if len(value) != 2+hex.EncodedLen(len(p)) {
			return false
		}
		_, err := hex.Decode(p[:], value[1:len(value)-1])
		return err == nil
	case *ulid.ULID:
		*p, ok = parseID(value[1:max(1, len(value)-1)])
		return ok
	case *Code:
		*p, ok = parseCode(jsontext.Unquote(value))
		return ok
	case *BackoffKind:
		*p, ok = ParseBackoffKind(jsontext.Unquote(value))
		return ok
	case *StepKind:
		*p, ok = parseStepKind(jsontext.Unquote(value))
		return ok
	case *StepOutcome:
		*p, ok = parseStepOutcome(jsontext.Unquote(value))
		return ok
	case *Status:
		*p, ok = ParseStatus(jsontext.Unquote(value))
		return ok
	case *OnChildFailure:
		*p, ok = ParseOnChildFailure(jsontext.Unquote(value))
		return ok
	default:
		panic("task: a field without a reader")
	}
	return true
}

// text reads a string. One that many tasks have is kept once.
func (dec *Decoder) text(f *field, value []byte) string {
	if f.distinct || bytes.IndexByte(value, '\\') >= 0 {
		return jsontext.Unquote(value)
	}
	return dec.intern(value[1:max(1, len(value)-1)])
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
