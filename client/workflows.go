package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// NewWorkflow describes several tasks that depend on each other.
type NewWorkflow struct {
	Name string `json:"name"` // one line that says which workflow it is; 1 to 200 characters
	// ConcurrencyKey lets one workflow of a key run at a time; "" = no key.
	ConcurrencyKey string `json:"concurrency_key,omitempty"`
	// Tasks are the tasks by their names, 1 to 10,000 of them. Dependency.Task is the name of another one.
	Tasks map[string]Submit `json:"tasks"`
	// OnEnd starts when all others have ended, however they did; nil = no such task.
	OnEnd *Submit `json:"on_end,omitempty"`
}

// WorkflowSummary is a workflow without its tasks.
type WorkflowSummary struct {
	ID              string      `json:"id"`
	Name            *string     `json:"name"` // nil if it was erased
	Status          Status      `json:"status"`
	CreatedAt       time.Time   `json:"created_at"`
	StartedAt       *time.Time  `json:"started_at"`
	CompletedAt     *time.Time  `json:"completed_at"`
	ConcurrencyKey  *string     `json:"concurrency_key"`
	CancelRequested bool        `json:"cancel_requested"`
	WaitingFor      *WaitingFor `json:"waiting_for"`   // why it does not start; nil unless pending
	ErrorMessage    *string     `json:"error_message"` // which tasks have failed
	TaskCount       int         `json:"task_count"`
	OpenCount       int         `json:"open_count"` // tasks that have not ended; only in lists
	// Raw is the workflow as the server wrote it.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes the workflow and keeps the text.
func (w *WorkflowSummary) UnmarshalJSON(data []byte) error {
	type plain WorkflowSummary
	return unmarshal(data, (*plain)(w), &w.Raw)
}

// Workflow is a workflow with its tasks.
type Workflow struct {
	WorkflowSummary
	Counts map[Status]int // its tasks by status
	Tasks  []Task         // each after those that it depends on; Task.ChildName is its name
}

// UnmarshalJSON decodes the workflow and keeps the text and the order of the tasks.
func (w *Workflow) UnmarshalJSON(data []byte) error {
	var more struct {
		Counts map[Status]int
		Tasks  json.RawMessage
	}
	if err := json.Unmarshal(data, &more); err != nil {
		return err
	}
	if err := w.WorkflowSummary.UnmarshalJSON(data); err != nil {
		return err
	}
	w.Counts, w.Tasks = more.Counts, nil
	d := json.NewDecoder(bytes.NewReader(more.Tasks))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("the tasks of a workflow are no object: %w", err)
	}
	for d.More() {
		if _, err := d.Token(); err != nil {
			return err
		}
		var t Task
		if err := d.Decode(&t); err != nil {
			return err
		}
		w.Tasks = append(w.Tasks, t)
	}
	return nil
}

// SubmitWorkflow submits a workflow and all of its tasks in one commit, or none. w is a NewWorkflow, or what marshals to the same JSON, such as a
// json.RawMessage. key is an idempotency key, "" = none: sent again with it, the same workflow is returned as it stands, and replayed is true. Errors:
// a *Problem with 400, whose Errors point into w, and 409 for a key that was used for something else.
func (c *Client) SubmitWorkflow(ctx context.Context, w any, key string) (made Workflow, replayed bool, err error) {
	k := call{method: http.MethodPost, path: "/api/workflows", body: w}
	if key != "" {
		k.header = http.Header{"Idempotency-Key": {key}}
	}
	header, err := c.do(ctx, k, &made)
	return made, header.Get("Idempotent-Replayed") == "true", err
}

// Workflow returns a workflow and how its tasks stand. A *Problem with 404 when there is none.
func (c *Client) Workflow(ctx context.Context, id string) (w Workflow, err error) {
	w, _, err = c.workflowNow(ctx, id)
	return w, err
}

// workflowNow returns a workflow, and the seq since which changes may be missing in it.
func (c *Client) workflowNow(ctx context.Context, id string) (w Workflow, seq int64, err error) {
	header, err := c.do(ctx, call{method: http.MethodGet, path: workflowPath(id, "")}, &w)
	if err == nil {
		seq, err = strconv.ParseInt(header.Get("X-Log-Seq"), 10, 64)
	}
	return w, seq, err
}

// WorkflowFilter says which workflows to list; its zero value means all.
type WorkflowFilter struct {
	Statuses []Status
	Name     string // exactly; "" = any
	Limit    int    // of a page, 1 … 1000; 0 = 100
}

// Workflows goes through the workflows that match, newest first, a page at a time. It ends after the first error.
func (c *Client) Workflows(ctx context.Context, f WorkflowFilter) iter.Seq2[WorkflowSummary, error] {
	query := url.Values{}
	for _, status := range f.Statuses {
		query.Add("status", string(status))
	}
	if f.Name != "" {
		query.Set("name", f.Name)
	}
	if f.Limit > 0 {
		query.Set("limit", strconv.Itoa(f.Limit))
	}
	return func(yield func(WorkflowSummary, error) bool) {
		for query := query; ; {
			var page []WorkflowSummary
			header, err := c.do(ctx, call{method: http.MethodGet, path: "/api/workflows", query: query}, &page)
			if err != nil {
				yield(WorkflowSummary{}, err)
				return
			}
			for _, w := range page {
				if !yield(w, nil) {
					return
				}
			}
			next := nextLink(header.Values("Link"))
			if next == "" {
				return
			}
			address, err := c.servers.current().Parse(next)
			if err != nil {
				yield(WorkflowSummary{}, err)
				return
			}
			query = address.Query() // the rest may be that of a server behind a proxy
		}
	}
}

// CancelWorkflow cancels a workflow with all tasks that have not ended. reason is for people; "" = none. A *Problem with 400 when it has ended.
func (c *Client) CancelWorkflow(ctx context.Context, id, reason string) (w Workflow, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: workflowPath(id, "/cancel"), body: because(reason)}, &w)
	return w, err
}

// RetryWorkflow does again what has failed or was cancelled in a workflow that has ended, and its task at the end; with from, the task of that name
// and all after it, also those that have succeeded. reason is for people; "" = none.
func (c *Client) RetryWorkflow(ctx context.Context, id, from, reason string) (w Workflow, err error) {
	body := because(reason)
	if from != "" {
		body["from"] = from
	}
	_, err = c.do(ctx, call{method: http.MethodPost, path: workflowPath(id, "/retry"), body: body}, &w)
	return w, err
}

func workflowPath(id, call string) string {
	return pathOf("/api/workflows/", strings.ToUpper(id), call)
}
