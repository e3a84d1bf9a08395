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

// TaskLogLine is one line that a task has written while it ran.
type TaskLogLine struct {
	Line       int64           `json:"line"` // number among the lines of all tasks: it grows, with gaps
	At         time.Time       `json:"at"`
	Attempt    *int            `json:"attempt"` // nil: the server says it itself, about lines that it has removed
	Level      string          `json:"level"`   // debug, info, warn or error
	Text       string          `json:"text"`
	Attributes json.RawMessage `json:"attributes"` // an object; null = none

	// Raw is the line as it was received.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes the line and keeps the text.
func (l *TaskLogLine) UnmarshalJSON(data []byte) error {
	type plain TaskLogLine
	return unmarshal(data, (*plain)(l), &l.Raw)
}

// TaskLogQuery says which lines of a task to read. The zero value means all.
type TaskLogQuery struct {
	After   int64  // lines with a larger number
	Attempt int    // of this attempt; 0 = of all
	Level   string // of this level or a higher one; "" = of all
	Tail    int    // only the last ones of those that are there, at most 1,000; 0 = all
}

func (q *TaskLogQuery) values() url.Values {
	v := url.Values{}
	for name, n := range map[string]int{"attempt": q.Attempt, "tail": q.Tail} {
		if n != 0 {
			v.Set(name, strconv.Itoa(n))
		}
	}
	if q.Level != "" {
		v.Set("level", q.Level)
	}
	return v
}

// TaskLog goes through the lines that a task has written until now, in order. It ends after the first
// error.
func (c *Client) TaskLog(ctx context.Context, id string, q TaskLogQuery) iter.Seq2[TaskLogLine, error] {
	values := q.values()
	if q.After > 0 {
		values.Set("after", strconv.FormatInt(q.After, 10))
	}
	return func(yield func(TaskLogLine, error) bool) {
		resp, err := c.open(ctx, call{method: http.MethodGet, path: taskPath(id, "/log"), query: values,
			header: http.Header{"Accept": {"application/x-ndjson"}}})
		if err != nil {
			yield(TaskLogLine{}, err)
			return
		}
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, maxLine)
		for lines.Scan() {
			var l TaskLogLine
			if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
				yield(TaskLogLine{}, fmt.Errorf("decode a line of a task log: %w", err))
				return
			}
			if !yield(l, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(TaskLogLine{}, fmt.Errorf("read a task log: %w", err))
		}
	}
}

// FollowTaskLog goes through the lines of a task, first those that are there and then new ones as they
// come, whatever happens to the connection. It ends when ctx does, or after an error that a new connection
// cannot fix: a *Problem, ErrReset.
func (c *Client) FollowTaskLog(ctx context.Context, id string, q TaskLogQuery) iter.Seq2[TaskLogLine, error] {
	return func(yield func(TaskLogLine, error) bool) {
		path := taskPath(id, "/log")
		if path == "" {
			yield(TaskLogLine{}, ErrNoID)
			return
		}
		s := &stream{client: c, path: path, query: q.values(), after: q.After}
		if q.After == 0 && q.Tail > 0 {
			s.after = Head // the server finds where the last lines begin
		}
		last := q.After
		err := s.run(ctx, func(m message) bool {
			var l TaskLogLine
			if json.Unmarshal(m.data, &l) != nil || l.Level == "" { // an announcement or a keep-alive
				return true
			}
			if l.Line <= last {
				return true
			}
			last = l.Line
			return yield(l, nil)
		})
		if err != nil {
			yield(TaskLogLine{}, err)
		}
	}
}
