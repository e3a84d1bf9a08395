package eventlog

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"daybook/internal/jsontext"
)

// AppendJSON appends the event as clients and exports see it, on one line:
//
//	{"seq":17,"at":"…","stream":"task:01J…","version":3,"type":"task.started","v":1,
//	 "actor":"system:scheduler","data":{…},"payload_hash":null,"hash":"…"}
//
// with "payload":… at the end when payload is not nil. Hashes are lower-case hex.
func AppendJSON(dst []byte, e *Event, payload []byte) []byte {
	w := jsontext.Writer(dst)
	w.Object()
	w.Key("seq").Int(e.Seq)
	w.Key("at").Time(e.At)
	w.Key("stream").EscapedString(e.Stream)
	w.Key("version").Int(e.Version)
	w.Key("type").EscapedString(e.Type)
	w.Key("v").Int(int64(e.V))
	w.Key("actor").EscapedString(e.Actor)
	w.Key("data").Raw(oneLine(e.Data))
	if w.Key("payload_hash"); e.HasPayload {
		w.Hex(e.PayloadHash[:])
	} else {
		w.Null()
	}
	w.Key("hash").Hex(e.Hash[:])
	if payload != nil {
		w.Key("payload").Raw(oneLine(payload))
	}
	w.EndObject()
	return w
}

// oneLine returns the JSON value without line breaks, which can only be space between tokens.
func oneLine(value []byte) []byte {
	if bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 {
		return value
	}
	var compact bytes.Buffer
	if json.Compact(&compact, value) != nil {
		return nil
	}
	return compact.Bytes()
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
