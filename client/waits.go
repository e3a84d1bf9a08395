package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// StepState is a durable step of a task.
type StepState struct {
	Name    string          `json:"name"`
	Kind    string          `json:"kind"`    // result, sleep, signal, approval
	Outcome string          `json:"outcome"` // done, fired, timeout
	Event   string          `json:"event"`   // the event whose payload is the value, of a wait for any of several
	Value   json.RawMessage `json:"value"`
	Damaged bool            `json:"damaged"` // the log has the value and cannot give it
	At      time.Time       `json:"at"`
	Attempt int             `json:"attempt"`
	Build   string          `json:"build"` // of the worker that has recorded it; "" = not said
	// Raw is the step as the server wrote it.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes the step and keeps the text.
func (s *StepState) UnmarshalJSON(data []byte) error {
	type plain StepState
	return unmarshal(data, (*plain)(s), &s.Raw)
}

// Steps returns the durable steps of a task, in the order in which they were recorded.
func (c *Client) Steps(ctx context.Context, id string) (steps []StepState, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: taskPath(id, "/steps")}, &steps)
	return steps, err
}

// ForgetStep lets a step of a task be done again. reason is kept in its history.
func (c *Client) ForgetStep(ctx context.Context, id, step, reason string) (t Task, err error) {
	path := pathOf(taskPath(id, "/steps/"), step, "/forget")
	if taskPath(id, "") == "" {
		path = ""
	}
	_, err = c.do(ctx, call{method: http.MethodPost, path: path, body: map[string]string{"reason": reason}}, &t)
	return t, err
}

// Erase deletes the parameters, the result, the texts, the steps and the log of a task that has ended, on all nodes; this cannot be
// undone. reason is kept in its history. To erase it again changes nothing.
func (c *Client) Erase(ctx context.Context, id, reason string) (t Task, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: taskPath(id, "/erase"), body: map[string]string{"reason": reason}, again: true}, &t)
	return t, err
}

// SentEvent is an event that tasks may wait for, as it was sent first.
type SentEvent struct {
	First   bool            `json:"first"` // this one is the first of its name
	Name    string          `json:"name"`
	At      time.Time       `json:"at"`
	Until   time.Time       `json:"until"` // it is kept
	Payload json.RawMessage `json:"payload"`
	// Raw is the answer as the server wrote it.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes the answer and keeps the text.
func (s *SentEvent) UnmarshalJSON(data []byte) error {
	type plain SentEvent
	return unmarshal(data, (*plain)(s), &s.Raw)
}

// SendEvent sends an event that tasks may wait for, now or while it is kept: for keep, or 7 days if that is 0. The first of a
// name counts, and is returned: to send it again does no harm. payload is marshalled to JSON; nil = null.
func (c *Client) SendEvent(ctx context.Context, name string, payload any, keep time.Duration) (sent SentEvent, err error) {
	body := struct {
		Name    string  `json:"name"`
		Payload any     `json:"payload,omitempty"`
		Keep    float64 `json:"keep_seconds,omitempty"`
	}{name, payload, keep.Seconds()}
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/api/events", body: body, again: true}, &sent)
	return sent, err
}

// PendingApproval is what a task asks of a person.
type PendingApproval struct {
	TaskID   string          `json:"task_id"`
	TaskType string          `json:"task_type"`
	Queue    string          `json:"queue"`
	Subject  string          `json:"subject"`
	Step     string          `json:"step"`
	Role     string          `json:"role"` // who may answer
	Title    string          `json:"title"`
	Fields   json.RawMessage `json:"fields"` // a JSON Schema of the answer; null = any object
	Since    time.Time       `json:"since"`
	Until    *time.Time      `json:"until"` // when the wait ends by itself; nil = never
	// Raw is the approval as the server wrote it.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes the approval and keeps the text.
func (a *PendingApproval) UnmarshalJSON(data []byte) error {
	type plain PendingApproval
	return unmarshal(data, (*plain)(a), &a.Raw)
}

// Approvals returns what tasks ask of people, those that wait longest first, at most 1,000.
func (c *Client) Approvals(ctx context.Context) (list []PendingApproval, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/api/approvals", query: map[string][]string{"limit": {"1000"}}}, &list)
	return list, err
}

// Approve answers what a task asks in a step. answer is marshalled to JSON, by the fields of the approval; nil = none.
func (c *Client) Approve(ctx context.Context, id, step string, approve bool, answer any, reason string) (t Task, err error) {
	body := struct {
		Approve bool   `json:"approve"`
		Answer  any    `json:"answer,omitempty"`
		Reason  string `json:"reason,omitempty"`
	}{approve, answer, reason}
	path := pathOf(taskPath(id, "/approvals/"), step, "")
	if taskPath(id, "") == "" {
		path = ""
	}
	_, err = c.do(ctx, call{method: http.MethodPost, path: path, body: body}, &t)
	return t, err
}
