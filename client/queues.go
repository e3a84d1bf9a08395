package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Queue is a queue as it is now.
type Queue struct {
	Name     string     `json:"name"`
	Paused   bool       `json:"paused"`
	PausedBy *string    `json:"paused_by"` // the actor
	PausedAt *time.Time `json:"paused_at"`
	Reason   *string    `json:"reason"` // of the pause
	QueueLimits
	Pending            int64    `json:"pending"`
	Ready              int64    `json:"ready"` // of the pending ones, those that are due
	Running            int64    `json:"running"`
	OldestReadySeconds *float64 `json:"oldest_ready_seconds"`
	DeclaredIn         *string  `json:"declared_in"` // the configuration file that has its limits; nil = none
}

// QueueLimits are the limits of a queue; nil = none.
type QueueLimits struct {
	Concurrency   *int     `json:"concurrency"`     // attempts at one time
	RatePerSecond *float64 `json:"rate_per_second"` // starts, in the long run
	Burst         *int     `json:"burst"`           // starts that may come at once
	MaxDepth      *int     `json:"max_depth"`       // pending tasks

	KeyConcurrency   *int     `json:"key_concurrency"`     // attempts with one concurrency key at one time
	KeyRatePerSecond *float64 `json:"key_rate_per_second"` // starts with one key, in the long run
	KeyBurst         *int     `json:"key_burst"`           // starts with one key that may come at once
	FairKeys         bool     `json:"fair_keys"`           // keys take turns by run time
	Weight           *int     `json:"weight"`              // share of run time among queues
}

// Queues lists the queues that have tasks which have not ended, a pause or limits, by name.
func (c *Client) Queues(ctx context.Context) (queues []Queue, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/api/queues"}, &queues)
	return queues, err
}

// Queue returns one queue. One that was never used has no tasks and no limits.
func (c *Client) Queue(ctx context.Context, name string) (q Queue, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: queuePath(name, "")}, &q)
	return q, err
}

// PauseQueue keeps the tasks of a queue from starting. reason is for people; "" = none.
func (c *Client) PauseQueue(ctx context.Context, name, reason string) (q Queue, err error) {
	body := map[string]string{}
	if reason != "" {
		body["reason"] = reason
	}
	_, err = c.do(ctx, call{method: http.MethodPost, path: queuePath(name, "/pause"), body: body}, &q)
	return q, err
}

// ResumeQueue lets the tasks of a queue start again.
func (c *Client) ResumeQueue(ctx context.Context, name string) (q Queue, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: queuePath(name, "/resume")}, &q)
	return q, err
}

// LimitQueue changes limits of a queue, by their JSON names: see QueueLimits. A nil
// value clears a limit; one that is not named stays.
func (c *Client) LimitQueue(ctx context.Context, name string, limits map[string]any) (q Queue, err error) {
	_, err = c.do(ctx, call{method: http.MethodPatch, path: queuePath(name, ""), body: limits}, &q)
	return q, err
}

func queuePath(name, call string) string { return pathOf("/api/queues/", name, call) }

// Move is where a pending task goes in the line. Nil fields stay as they are.
type Move struct {
	Priority *int       // −100 … 100
	RunAt    *time.Time // the zero time = now
}

// MarshalJSON writes the fields that are set.
func (m Move) MarshalJSON() ([]byte, error) {
	body := map[string]any{}
	if m.Priority != nil {
		body["priority"] = *m.Priority
	}
	if m.RunAt != nil {
		if body["run_at"] = nil; !m.RunAt.IsZero() {
			body["run_at"] = m.RunAt.UTC().Format(time.RFC3339Nano)
		}
	}
	return json.Marshal(body)
}

// Move changes the priority or the due time of a pending task.
func (c *Client) Move(ctx context.Context, id string, m Move) (t Task, err error) {
	_, err = c.do(ctx, call{method: http.MethodPatch, path: taskPath(id, ""), body: m}, &t)
	return t, err
}

// WorkerState is a worker that is alive, or was lately.
type WorkerState struct {
	Name      string       `json:"name"`
	Build     *string      `json:"build"`
	Since     time.Time    `json:"since"`
	LastSeen  time.Time    `json:"last_seen"`
	TaskTypes []string     `json:"task_types"`
	Queues    []string     `json:"queues"` // nil = all
	Holds     []WorkerHold `json:"holds"`
	Quiet     bool         `json:"quiet"` // it gets no more work
	Address   *string      `json:"address"`
}

// WorkerHold is a task that a worker holds.
type WorkerHold struct {
	TaskID   string     `json:"task_id"`
	TaskType *string    `json:"task_type"`
	Since    *time.Time `json:"since"`
	Until    time.Time  `json:"until"` // without a beat
}

// Workers lists the workers by name.
func (c *Client) Workers(ctx context.Context) (workers []WorkerState, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/api/workers"}, &workers)
	return workers, err
}

// QuietWorker gives a worker no more work; ResumeWorker gives it work again.
func (c *Client) QuietWorker(ctx context.Context, name string) error {
	_, err := c.do(ctx, call{method: http.MethodPost, path: pathOf("/api/workers/", name, "/quiet")}, nil)
	return err
}

// ResumeWorker gives a quiet worker work again.
func (c *Client) ResumeWorker(ctx context.Context, name string) error {
	_, err := c.do(ctx, call{method: http.MethodPost, path: pathOf("/api/workers/", name, "/resume")}, nil)
	return err
}
