package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Event is one entry of the log.
type Event struct {
	Seq         int64           `json:"seq"` // from 1, without gaps
	At          time.Time       `json:"at"`
	Stream      string          `json:"stream"` // "task:01J…"
	Version     int64           `json:"version"`
	Type        string          `json:"type"` // "task.started"
	V           int             `json:"v"`
	Actor       string          `json:"actor"`
	Data        json.RawMessage `json:"data"`
	PayloadHash *string         `json:"payload_hash"` // nil when the event has no payload
	Hash        string          `json:"hash"`
	Payload     json.RawMessage `json:"payload,omitempty"` // only when it was asked for

	// Raw is the event as it was received.
	Raw json.RawMessage `json:"-"`
}

// unmarshal decodes a text into a value without methods, and keeps it in raw.
func unmarshal(data []byte, into any, raw *json.RawMessage) error {
	if err := json.Unmarshal(data, into); err != nil {
		return err
	}
	*raw = append(json.RawMessage(nil), data...)
	return nil
}

// UnmarshalJSON decodes the event and keeps the text.
func (e *Event) UnmarshalJSON(data []byte) error {
	type plain Event
	return unmarshal(data, (*plain)(e), &e.Raw)
}

// LogQuery says which events of the log to read. Lists mean "any of".
type LogQuery struct {
	After   int64 // events with a larger seq
	Limit   int   // maximum number of events; 0 = all
	Streams []string
	Types   []string
	Actors  []string
	Payload bool // with the payloads
}

func (q *LogQuery) values() url.Values {
	v := url.Values{}
	for name, values := range map[string][]string{"stream": q.Streams, "type": q.Types, "actor": q.Actors} {
		if len(values) > 0 {
			v[name] = values
		}
	}
	if q.Payload {
		v.Set("payload", "1")
	}
	return v
}

// maxLine is the most bytes of an event with its payload: a result has at most 16 MiB.
const maxLine = 64 << 20

// Log goes through the events that are in the log now, in order. It ends after the first
// error.
func (c *Client) Log(ctx context.Context, q LogQuery) iter.Seq2[Event, error] {
	values := q.values()
	values.Set("after", strconv.FormatInt(q.After, 10))
	if 0 < q.Limit && q.Limit <= 1000 { // the server knows no larger one
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	return func(yield func(Event, error) bool) {
		resp, err := c.open(ctx, call{
			method: http.MethodGet, path: "/api/log", query: values,
			header: http.Header{"Accept": {"application/x-ndjson"}},
		})
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, maxLine)
		for n := 0; (q.Limit == 0 || n < q.Limit) && lines.Scan(); n++ {
			var e Event
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				yield(Event{}, fmt.Errorf("decode an event of the log: %w", err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Event{}, fmt.Errorf("read the log: %w", err))
		}
	}
}

// HistoryQuery says which events of a task to read.
type HistoryQuery struct {
	Payload      bool // with the payloads
	LastProgress bool // of each attempt's progress only the latest
}

// History returns the events of one task, oldest first.
func (c *Client) History(ctx context.Context, id string, q HistoryQuery) (events []Event, err error) {
	values := (&LogQuery{Payload: q.Payload}).values()
	if q.LastProgress {
		values.Set("progress", "last")
	}
	_, err = c.do(ctx, call{method: http.MethodGet, path: taskPath(id, "/events"), query: values}, &events)
	return events, err
}

// Verification is the result of a check of the log and the files.
type Verification struct {
	OK       bool   `json:"ok"`
	LogID    string `json:"log_id"`
	Events   int64  `json:"events"`   // the last intact event
	Hash     string `json:"hash"`     // of that event: it stands for all before it
	Payloads int64  `json:"payloads"` // that fit their hash
	Erased   int64  `json:"erased"`
	Files    int64  `json:"files"` // that fit their id
	// DamagedFiles do not; at most 100 of them.
	DamagedFiles []DamagedFile `json:"damaged_files,omitempty"`
	VerifiedAt   time.Time     `json:"verified_at"`
	Detail       *string       `json:"detail"` // what is wrong; nil when nothing is
	// Raw is the answer as it was received.
	Raw json.RawMessage `json:"-"`
}

// DamagedFile is a file that is not as it was uploaded.
type DamagedFile struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// UnmarshalJSON decodes the verification and keeps the text.
func (v *Verification) UnmarshalJSON(data []byte) error {
	type plain Verification
	return unmarshal(data, (*plain)(v), &v.Raw)
}

// Verify has the server read its whole log and recompute the chain, which may take a
// while. A log that is damaged is no error: see Verification.OK.
func (c *Client) Verify(ctx context.Context) (v Verification, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/api/log/verify"}, &v)
	return v, err
}
