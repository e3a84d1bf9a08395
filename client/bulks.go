package client

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// BulkRequest says what is done with which tasks.
type BulkRequest struct {
	Action string // cancel, retry, reprioritise, run_now, move, erase
	// Filter says which tasks; the zero Filter means all. Its Limit and Summary are not used.
	Filter   Filter
	IDs      []string  // only these tasks, 1 … 1,000, and Filter is not used; nil = those of Filter
	Priority *int      // with reprioritise: −100 … 100
	RunAt    time.Time // with move
	// ExpectedCount refuses the bulk when another number of tasks matches; nil = any. It is BulkAnswer.Matched of a preview.
	ExpectedCount *int64
	Reason        string // for the history of each task; "" = none
}

// body is the request as JSON.
func (r *BulkRequest) body(dryRun bool) map[string]any {
	filter := map[string]any{}
	for key, values := range r.Filter.query() {
		switch key {
		case "limit", "fields":
		case "status", "waiting", "task_type", "queue", "tag":
			filter[key] = values
		case "duration_min", "duration_max":
			filter[key] = json.Number(values[0])
		default:
			filter[key] = values[0]
		}
	}
	if r.IDs != nil {
		filter = map[string]any{"ids": r.IDs}
	}
	body := map[string]any{"action": r.Action, "filter": filter, "dry_run": dryRun}
	if r.Priority != nil {
		body["priority"] = *r.Priority
	}
	if !r.RunAt.IsZero() {
		body["run_at"] = r.RunAt.UTC().Format(time.RFC3339Nano)
	}
	if r.ExpectedCount != nil {
		body["expected_count"] = *r.ExpectedCount
	}
	if r.Reason != "" {
		body["reason"] = r.Reason
	}
	return body
}

// BulkAnswer is what a bulk has done, or would do.
type BulkAnswer struct {
	ID          string `json:"id"` // "" for a preview, and if no task matched
	Matched     int64  `json:"matched"`
	WouldChange int64  `json:"would_change"` // of a preview
	Changed     int64  `json:"changed"`
	// WouldChangeRelation is "eq", or "lte" if not all of very many tasks were looked at: no more would change.
	WouldChangeRelation string           `json:"would_change_relation"`
	Skipped             map[string]int64 `json:"skipped"` // tasks that were or would be skipped, by reason
	Sample              []Task           `json:"sample"`  // of a preview: the newest of those that would change
	Bulk                *Bulk            `json:"bulk"`    // nil for a preview, and if no task matched
	// Raw is the answer as the server wrote it.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes the answer and keeps the text.
func (a *BulkAnswer) UnmarshalJSON(data []byte) error {
	type plain BulkAnswer
	return unmarshal(data, (*plain)(a), &a.Raw)
}

// HeldUp is why a bulk does not go on.
type HeldUp struct {
	Detail  string    `json:"detail"`
	Since   time.Time `json:"since"`
	RetryAt time.Time `json:"retry_at"` // it is tried again
}

// Bulk is one thing that is done with many tasks.
type Bulk struct {
	ID        string           `json:"id"`
	Action    string           `json:"action"` // undo takes back another one
	Status    string           `json:"status"` // RUNNING, DONE, STOPPED
	Priority  *int             `json:"priority"`
	RunAt     *time.Time       `json:"run_at"`
	Filter    json.RawMessage  `json:"filter"`
	Reason    *string          `json:"reason"`
	Actor     string           `json:"actor"`
	StartedAt time.Time        `json:"started_at"`
	EndedAt   *time.Time       `json:"ended_at"`
	EndedBy   *string          `json:"ended_by"`
	Matched   int64            `json:"matched"`
	Changed   int64            `json:"changed"`
	Skipped   map[string]int64 `json:"skipped"`
	HeldUp    *HeldUp          `json:"held_up"` // why it does not go on; nil = it does
	Undoable  bool             `json:"undoable"`
	Undoes    *string          `json:"undoes"`
	UndoneBy  *string          `json:"undone_by"`
	// Raw is the bulk as the server wrote it.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes the bulk and keeps the text.
func (b *Bulk) UnmarshalJSON(data []byte) error {
	type plain Bulk
	return unmarshal(data, (*plain)(b), &b.Raw)
}

// PreviewBulk says what a bulk would do. Nothing is changed.
func (c *Client) PreviewBulk(ctx context.Context, r BulkRequest) (a BulkAnswer, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/api/tasks/bulk", body: r.body(true), again: true}, &a)
	return a, err
}

// StartBulk starts a bulk and returns at once; AwaitBulk waits for its end. It goes on by itself.
func (c *Client) StartBulk(ctx context.Context, r BulkRequest) (a BulkAnswer, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/api/tasks/bulk", body: r.body(false), header: preferWait(0)}, &a)
	return a, err
}

func preferWait(seconds int) http.Header {
	return http.Header{"Prefer": {"wait=" + strconv.Itoa(seconds)}}
}

// Bulks lists the bulks that run and the latest that have ended, the newest first.
func (c *Client) Bulks(ctx context.Context) (bulks []Bulk, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/api/bulks"}, &bulks)
	return bulks, err
}

// AwaitBulk returns a bulk when it has ended, or as it is when the wait is over: at most a minute; 0 = at once.
func (c *Client) AwaitBulk(ctx context.Context, id string, wait time.Duration) (b Bulk, err error) {
	k := call{method: http.MethodGet, path: bulkPath(id, "")}
	if wait > 0 {
		k.header = preferWait(int((wait + time.Second - 1) / time.Second))
	}
	_, err = c.do(ctx, k, &b)
	return b, err
}

// StopBulk ends a bulk before it is done. reason is for people; "" = none.
func (c *Client) StopBulk(ctx context.Context, id, reason string) (b Bulk, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: bulkPath(id, "/stop"), body: because(reason)}, &b)
	return b, err
}

// UndoBulk starts a bulk that takes back what another has changed, where that is still as it was left, and returns at once.
func (c *Client) UndoBulk(ctx context.Context, id, reason string) (a BulkAnswer, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: bulkPath(id, "/undo"), body: because(reason), header: preferWait(0)}, &a)
	return a, err
}

func bulkPath(id, call string) string { return pathOf("/api/bulks/", strings.ToUpper(id), call) }

func because(reason string) map[string]any {
	body := map[string]any{}
	if reason != "" {
		body["reason"] = reason
	}
	return body
}

// Undone is an event that was taken back.
type Undone struct {
	Seq    int64   `json:"seq"`
	Type   string  `json:"type"`
	TaskID *string `json:"task_id"` // the task that it was about
	Status *string `json:"status"`  // of the task now
	Queue  *string `json:"queue"`   // the queue that was paused
	Bulk   *Bulk   `json:"bulk"`    // that takes another one back
	// Raw is the answer as the server wrote it.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes the answer and keeps the text.
func (u *Undone) UnmarshalJSON(data []byte) error {
	type plain Undone
	return unmarshal(data, (*plain)(u), &u.Raw)
}

// Undo takes back one event, if what it is about is still as the event has left it: a cancel, a change of a priority, a pause of a
// queue, the start of a bulk.
func (c *Client) Undo(ctx context.Context, seq int64, reason string) (u Undone, err error) {
	body := because(reason)
	body["seq"] = seq
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/api/undo", body: body}, &u)
	return u, err
}
