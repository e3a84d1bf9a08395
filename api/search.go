package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"daybook/eventlog"
	"daybook/task"
)

const (
	searchTime = time.Second // how long one search may scan
	searchPage = 200         // tasks looked at between two looks at the clock
)

// search goes through the tasks that match the filters, newest first, and keeps those
// in whose parameters, result or error the text is found, for at most a second.
func (a *API) search(ctx context.Context, l *listing) (found, error) {
	until := time.Now().Add(searchTime)
	needle := newNeedle(l.text)
	filter := l.filter
	filter.Limit = searchPage
	f := found{total: l.seen}
	for {
		page, err := a.Views.List(ctx, filter)
		if err != nil {
			return f, err
		}
		if f.seq == 0 {
			f.seq = page.Seq
		}
		for i := range page.Tasks {
			t := &page.Tasks[i]
			if time.Now().After(until) {
				f.next, f.truncated = t.SubmitSeq+1, true
				return f, nil
			}
			hit, err := a.holds(ctx, t, needle)
			if err != nil {
				return f, err
			}
			if !hit {
				continue
			}
			if len(f.tasks) == l.filter.Limit { // there is one more: so there is a next page
				f.next = f.tasks[len(f.tasks)-1].SubmitSeq
				return f, nil
			}
			f.tasks = append(f.tasks, *t)
			f.total++
		}
		if page.Next == 0 {
			f.exact = true
			return f, nil
		}
		filter.Before = page.Next
	}
}

// holds tells whether the text is found in the id or in a payload of the task.
func (a *API) holds(ctx context.Context, t *task.Task, n *needle) (bool, error) {
	if strings.HasPrefix(strings.ToLower(t.Name()), n.lower) {
		return true, nil
	}
	for _, seq := range [...]int64{t.SubmitSeq, t.ResultSeq, t.ErrorSeq} {
		if seq == 0 {
			continue
		}
		// Past the cache: a search must not push out what is about to run.
		body, err := a.Log.Payload(ctx, seq)
		if errors.Is(err, eventlog.ErrErased) || errors.Is(err, eventlog.ErrNotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		if n.in(body) {
			return true, nil
		}
	}
	return false, nil
}

// needle is a text to be found in JSON, upper and lower case alike.
type needle struct {
	lower   string
	ascii   bool
	scratch []byte
}

func newNeedle(text string) *needle {
	n := &needle{lower: strings.ToLower(text), ascii: true}
	for i := 0; i < len(text); i++ {
		n.ascii = n.ascii && text[i] < 0x80
	}
	return n
}

// in tells whether the text is in the JSON value, escapes read as what they mean.
func (n *needle) in(body []byte) bool {
	n.scratch = n.scratch[:0]
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '\\':
			end := escapeEnd(body, i)
			var s string
			if json.Unmarshal([]byte(`"`+string(body[i:end])+`"`), &s) == nil {
				n.scratch = append(n.scratch, strings.ToLower(s)...)
				i = end - 1
				continue
			}
		}
		n.scratch = append(n.scratch, c)
	}
	text := n.scratch
	if !n.ascii {
		text = bytes.ToLower(text)
	}
	return bytes.Contains(text, []byte(n.lower))
}

// escapeEnd is the index after the escape that begins at i, both halves of a
// surrogate pair taken together.
func escapeEnd(body []byte, i int) int {
	if body[i+1] != 'u' {
		return min(i+2, len(body))
	}
	end := min(i+6, len(body))
	high := end == i+6 && (body[i+2] == 'd' || body[i+2] == 'D') && strings.IndexByte("89abAB", body[i+3]) >= 0
	if high && end+6 <= len(body) && body[end] == '\\' && body[end+1] == 'u' {
		end += 6
	}
	return end
}
