package projection

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// MaxSelected is how many tasks a selection can name one by one.
const MaxSelected = 1000

// Selection says which tasks a bulk is for: those of a query that also have a text. Its Before, AfterDue and Limit are not used.
type Selection struct {
	Query
	IDs  []ulid.ULID // only these tasks, at most MaxSelected; then of the query only Statuses, Types and Queues are used; nil = any
	Text string      // every word of it begins a word in a text of the task; "" = any
}

// selectionJSON is a selection as the payload of an event has it. Its fields are named as the filters of a list.
type selectionJSON struct {
	Status        []string   `json:"status,omitempty"`
	Waiting       []string   `json:"waiting,omitempty"`
	TaskType      []string   `json:"task_type,omitempty"`
	Queue         []string   `json:"queue,omitempty"`
	Tag           []string   `json:"tag,omitempty"`
	IDs           []string   `json:"ids,omitempty"`
	IDPrefix      string     `json:"id_prefix,omitempty"`
	Text          string     `json:"q,omitempty"`
	CreatedAfter  *time.Time `json:"created_after,omitempty"`
	CreatedBefore *time.Time `json:"created_before,omitempty"`
	DurationMin   float64    `json:"duration_min,omitempty"` // seconds
	DurationMax   float64    `json:"duration_max,omitempty"`
}

// Encode returns the selection as JSON.
func (s *Selection) Encode() []byte {
	out := selectionJSON{TaskType: s.Types, Queue: s.Queues, Tag: s.Tags, IDPrefix: s.IDPrefix, Text: s.Text,
		DurationMin: float64(s.MinRun) / float64(task.Second), DurationMax: float64(s.MaxRun) / float64(task.Second)}
	for _, id := range s.IDs {
		out.IDs = append(out.IDs, id.String())
	}
	for _, status := range s.Statuses {
		out.Status = append(out.Status, status.String())
	}
	for _, state := range s.Waiting {
		out.Waiting = append(out.Waiting, state.String())
	}
	if s.CreatedAfter != 0 {
		at := s.CreatedAfter.Time().UTC()
		out.CreatedAfter = &at
	}
	if s.CreatedBefore != 0 {
		at := s.CreatedBefore.Time().UTC()
		out.CreatedBefore = &at
	}
	text, err := json.Marshal(out)
	if err != nil {
		panic("projection: a selection is not plain data: " + err.Error())
	}
	return text
}

// ParseSelection reads what Encode returned.
func ParseSelection(text []byte) (*Selection, error) {
	var in selectionJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, fmt.Errorf("read the filter of a bulk: %w", err)
	}
	s := &Selection{Text: in.Text}
	s.Types, s.Queues, s.Tags, s.IDPrefix = in.TaskType, in.Queue, in.Tag, in.IDPrefix
	s.MinRun, s.MaxRun = task.Micros(in.DurationMin*float64(task.Second)+0.5), task.Micros(in.DurationMax*float64(task.Second)+0.5)
	for _, name := range in.IDs {
		id, ok := task.ParseID(name)
		if !ok {
			return nil, fmt.Errorf("read the filter of a bulk: id %q is none", name)
		}
		s.IDs = append(s.IDs, id)
	}
	for _, name := range in.Status {
		status, ok := task.ParseStatus(name)
		if !ok {
			return nil, fmt.Errorf("read the filter of a bulk: status %q is not known", name)
		}
		s.Statuses = append(s.Statuses, status)
	}
	for _, name := range in.Waiting {
		state, ok := ParseWaitState(name)
		if !ok {
			return nil, fmt.Errorf("read the filter of a bulk: waiting %q is not known", name)
		}
		s.Waiting = append(s.Waiting, state)
	}
	if in.CreatedAfter != nil {
		s.CreatedAfter = task.MicrosOf(*in.CreatedAfter)
	}
	if in.CreatedBefore != nil {
		s.CreatedBefore = task.MicrosOf(*in.CreatedBefore)
	}
	return s, nil
}

// Narrow returns the selection of those of its tasks that have one of the statuses; false if there can be none.
func (s Selection) Narrow(statuses []task.Status) (Selection, bool) {
	if len(s.Waiting) > 0 {
		s.Statuses = []task.Status{task.Pending}
	}
	var both []task.Status
	for _, status := range statuses {
		if anyOf(s.Statuses, status) {
			both = append(both, status)
		}
	}
	s.Statuses = both
	return s, len(both) > 0
}

// Selected returns up to limit tasks of the selection that were submitted before a seq, 0 = any, the newest first; next is where the
// following ones begin, 0 = there are none. now is the wall clock. payloads fetches payloads of events. A text search may return
// fewer than there are. Errors: those of List and Search.
func (v *Views) Selected(ctx context.Context, s *Selection, before int64, limit int, now task.Micros, log eventlog.Log) (tasks []task.Task, next int64, err error) {
	page, err := v.selected(ctx, s, Query{Before: before, Limit: limit, Wall: now, Uncounted: true}, log)
	return page.Tasks, page.Next, err
}

// selected returns a page of the selection; of gives its bounds.
func (v *Views) selected(ctx context.Context, s *Selection, of Query, log eventlog.Log) (Page, error) {
	q := s.Query
	q.Before, q.Limit, q.Wall, q.Uncounted, q.BySubmission = of.Before, of.Limit, of.Wall, of.Uncounted, true
	switch {
	case s.IDs != nil:
		return v.listIDs(ctx, s.IDs, &q)
	case s.Text == "":
		return v.List(ctx, q)
	}
	found, err := v.Search(ctx, q, s.Text, log.Payloads)
	return found.Page, err
}

// listIDs lists the tasks with these ids, as List does. Those that do not exist are left out.
func (v *Views) listIDs(ctx context.Context, ids []ulid.ULID, q *Query) (Page, error) {
	page := Page{Seq: v.Seq(), Exact: true}
	var found []task.Task
	for _, id := range ids {
		t, _, err := v.Get(ctx, id)
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return Page{}, err
		case anyOf(q.Statuses, t.Status) && anyOf(q.Types, t.Type) && anyOf(q.Queues, t.Queue):
			page.Total++
			if q.Before == 0 || t.SubmitSeq < q.Before {
				found = append(found, t)
			}
		}
	}
	slices.SortFunc(found, func(a, b task.Task) int { return cmp.Compare(b.SubmitSeq, a.SubmitSeq) })
	if len(found) > q.Limit {
		found = found[:q.Limit]
		page.Next = found[q.Limit-1].SubmitSeq
	}
	page.Tasks = found
	return page, nil
}

// CountSelected is how many tasks the selection has. It counts without a limit. Errors: those of Selected.
func (v *Views) CountSelected(ctx context.Context, s *Selection, now task.Micros, log eventlog.Log) (n int64, err error) {
	if s.Text == "" {
		page, err := v.selected(ctx, s, Query{Limit: 1, Wall: now}, log)
		if err != nil || page.Exact {
			return page.Total, err
		}
	}
	for of := (Query{Limit: MaxLimit, Wall: now, Uncounted: true}); ; {
		page, err := v.selected(ctx, s, of, log)
		if n += int64(len(page.Tasks)); err != nil || page.Next == 0 {
			return n, err
		}
		of.Before = page.Next
	}
}
