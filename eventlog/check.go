package eventlog

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Limits of an event.
const (
	maxName    = 256                  // bytes of a stream, type or actor
	maxData    = 1 << 20              // bytes
	maxPayload = 64 << 20             // bytes
	maxAt      = 253402300799_999_999 // the last microsecond of the year 9999
)

// Check returns why an entry can never be appended after an event at the given time, in microseconds; nil if it can.
// Errors: ErrInvalid.
func (e *Entry) Check(at int64) error {
	if len(e.Events) == 0 {
		return fmt.Errorf("%w: it has no events", ErrInvalid)
	}
	for i, event := range e.Events {
		if event == nil {
			return fmt.Errorf("%w: event %d of it is nil", ErrInvalid, i)
		}
		if why := whyNot(event, at); why != "" {
			return fmt.Errorf("%w: event %d of it, %.64q on %.64q: %s", ErrInvalid, i, event.Type, event.Stream, why)
		}
		at = event.At
	}
	return nil
}

// whyNot returns what is wrong with an event, "" if nothing is.
func whyNot(e *Event, at int64) string {
	switch {
	case e.At < at:
		return fmt.Sprintf("its time %d lies before %d, that of the event before", e.At, at)
	case e.At < 0 || e.At > maxAt:
		return "its time is not between 1970 and 9999"
	case e.Version < 1:
		return "its version is less than 1"
	case e.V < 1:
		return "its schema version is less than 1"
	case !isName(e.Stream):
		return "its stream is not a name"
	case !isName(e.Type):
		return "its type is not a name"
	case !isName(e.Actor):
		return "its actor is not a name"
	case len(e.Data) < 2 || e.Data[0] != '{' || e.Data[len(e.Data)-1] != '}':
		return "its data is not a JSON object"
	case len(e.Data) > maxData:
		return fmt.Sprintf("its data has more than %d bytes", maxData)
	case bytes.IndexByte(e.Data, '\n') >= 0 || bytes.IndexByte(e.Data, 0) >= 0:
		return "its data is not on one line"
	case !utf8.Valid(e.Data):
		return "its data is not UTF-8"
	case e.Payload != nil && len(e.Payload) == 0:
		return "its payload is empty"
	case len(e.Payload) > maxPayload:
		return fmt.Sprintf("its payload has more than %d bytes", maxPayload)
	case !utf8.Valid(e.Payload):
		return "its payload is not UTF-8"
	}
	return ""
}

// isName reports whether s is text without control characters, 1 … 256 bytes.
func isName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	ascii := true
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
		ascii = ascii && s[i] < utf8.RuneSelf
	}
	return ascii || utf8.ValidString(s)
}
