package eventlog

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// AppendJSON appends the event as clients and exports see it, on one line:
//
//	{"seq":17,"at":"…","stream":"task:01J…","version":3,"type":"task.started","v":1,
//	 "actor":"system:scheduler","data":{…},"payload_hash":null,"hash":"…"}
//
// with "payload":… at the end when payload is not nil. Hashes are lower-case hex.
func AppendJSON(dst []byte, e *Event, payload []byte) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendInt(dst, e.Seq, 10)
	dst = append(dst, `,"at":"`...)
	dst = appendTime(dst, e.At)
	dst = append(dst, `","stream":`...)
	dst = appendString(dst, e.Stream)
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendInt(dst, e.Version, 10)
	dst = append(dst, `,"type":`...)
	dst = appendString(dst, e.Type)
	dst = append(dst, `,"v":`...)
	dst = strconv.AppendInt(dst, int64(e.V), 10)
	dst = append(dst, `,"actor":`...)
	dst = appendString(dst, e.Actor)
	dst = append(dst, `,"data":`...)
	dst = appendOneLine(dst, e.Data)
	dst = append(dst, `,"payload_hash":`...)
	if e.HasPayload {
		dst = appendHash(dst, &e.PayloadHash)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"hash":`...)
	dst = appendHash(dst, &e.Hash)
	if payload != nil {
		dst = append(dst, `,"payload":`...)
		dst = appendOneLine(dst, payload)
	}
	return append(dst, '}')
}

// appendTime appends microseconds since the epoch as 2026-11-24T12:00:00.000000Z. Package
// time has a fast path for RFC 3339, but none for a fixed number of decimals.
func appendTime(dst []byte, at int64) []byte {
	dst = time.UnixMicro(at).UTC().AppendFormat(dst, time.RFC3339)
	dst[len(dst)-1] = '.'
	micros := ((at % 1e6) + 1e6) % 1e6
	for unit := int64(100_000); unit > 0; unit /= 10 {
		dst = append(dst, '0'+byte(micros/unit%10))
	}
	return append(dst, 'Z')
}

// appendString quotes s; only what is not plain ASCII goes through encoding/json.
func appendString(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c > '~' {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// appendOneLine appends a JSON value. A line break can only be space between tokens.
func appendOneLine(dst, value []byte) []byte {
	if bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 {
		return append(dst, value...)
	}
	buf := bytes.NewBuffer(dst)
	if json.Compact(buf, value) != nil {
		return append(dst, "null"...)
	}
	return buf.Bytes()
}

func appendHash(dst []byte, h *Hash) []byte {
	dst = append(dst, '"')
	dst = hex.AppendEncode(dst, h[:])
	return append(dst, '"')
}

// jsonEvent is the line as encoding/json reads it.
type jsonEvent struct {
	Seq         int64           `json:"seq"`
	At          time.Time       `json:"at"`
	Stream      string          `json:"stream"`
	Version     int64           `json:"version"`
	Type        string          `json:"type"`
	V           int             `json:"v"`
	Actor       string          `json:"actor"`
	Data        json.RawMessage `json:"data"`
	PayloadHash *string         `json:"payload_hash"`
	Hash        *string         `json:"hash"`
	Payload     json.RawMessage `json:"payload"`
}

// ParseJSON reads what AppendJSON writes; "hash" and "payload_hash" may be absent.
func ParseJSON(line []byte) (*Event, error) {
	var in jsonEvent
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, fmt.Errorf("parse event: %w", err)
	}
	if len(bytes.TrimSpace(line[dec.InputOffset():])) > 0 {
		return nil, errors.New("parse event: more than one value on the line")
	}
	if len(in.Data) == 0 || in.Data[0] != '{' {
		return nil, errors.New("parse event: data must be an object")
	}
	e := &Event{
		Seq: in.Seq, At: in.At.UnixMicro(), Stream: in.Stream, Version: in.Version,
		Type: in.Type, V: in.V, Actor: in.Actor, Data: in.Data, Payload: in.Payload,
		HasPayload: in.Payload != nil || in.PayloadHash != nil,
	}
	if err := parseHash(&e.PayloadHash, in.PayloadHash); err != nil {
		return nil, fmt.Errorf("parse event %d: payload_hash: %w", e.Seq, err)
	}
	if err := parseHash(&e.Hash, in.Hash); err != nil {
		return nil, fmt.Errorf("parse event %d: hash: %w", e.Seq, err)
	}
	return e, nil
}

func parseHash(h *Hash, text *string) error {
	if text == nil {
		return nil
	}
	if len(*text) != 2*HashSize {
		return fmt.Errorf("want %d hex digits", 2*HashSize)
	}
	_, err := hex.Decode(h[:], []byte(*text))
	return err
}

// JSON returns AppendJSON(nil, e, nil), made once and kept with the event. It is for
// events that do not change any more, and may be called from any goroutine. The bytes
// are shared: nobody changes them.
func (e *Event) JSON() []byte {
	if made := e.json.Load(); made != nil {
		return *made
	}
	made := AppendJSON(make([]byte, 0, 320+len(e.Stream)+len(e.Data)), e, nil)
	e.json.Store(&made)
	return made
}
