package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"iter"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Submitted is the answer to one submit.
type Submitted struct {
	Task
	Replayed bool     // the idempotency key was used before, for the same request
	Returned bool     // another task holds the unique key, and this is it
	Replaced []string // the pending tasks that this one has replaced under its unique key; not known of a Submitter's
}

// say sets what the headers of an answer say.
func (s *Submitted) say(header http.Header) {
	s.Replayed = header.Get("Idempotent-Replayed") == "true"
	s.Returned = header.Get("Unique-Returned") == "true"
	if list := header.Get("Unique-Replaced"); list != "" {
		s.Replaced = strings.Split(list, ", ")
	}
}

// Submit submits one task. When it returns without an error, the task is on the
// server's disk. Errors: a *Problem with 400 for a type or parameters that are
// wrong, 409 for a key that was used for something else, and for a unique key that another
// task holds (Problem.TaskID) where the submit wants that refused; ErrOutcomeUnknown when no answer came and the submit
// has no idempotency key: then it was not repeated, and the task may be there.
func (c *Client) Submit(ctx context.Context, s Submit) (Submitted, error) {
	var out Submitted
	header, err := c.do(ctx, call{method: http.MethodPost, path: "/api/tasks/submit", body: s, again: s.IdempotencyKey != ""}, &out.Task)
	out.say(header)
	return out, err
}

// SubmitAndWait submits one task and waits until it has ended, also over restarts of the
// server. A submit without an idempotency key is given a random one: if the connection is
// cut before the answer is there, it is sent again, and makes no second task. If an
// error comes after the task was submitted, the answer still has the task's id.
func (c *Client) SubmitAndWait(ctx context.Context, s Submit) (Submitted, error) {
	if s.IdempotencyKey == "" {
		s.IdempotencyKey = "wait-" + rand.Text()
	}
	var done Submitted
	err := c.persist(ctx, false, func() (err error) {
		done, err = c.Submit(ctx, s)
		return err
	})
	if err != nil || done.Status.Ended() {
		return done, err
	}
	last, err := c.Wait(ctx, done.ID)
	if last.ID != "" {
		done.Task = last
	}
	return done, err
}

// persist makes a call that may be repeated until it has an answer: it is repeated when the
// connection was cut, or when the server says that it is stopping, is full, or does not know the outcome. A server
// that cannot be reached at all is an error at once, unless it was reached before.
func (c *Client) persist(ctx context.Context, reached bool, do func() error) error {
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		err := do()
		var dial *net.OpError
		unreachable := errors.As(err, &dial) && dial.Op == "dial"
		if err == nil || ctx.Err() != nil || !transient(err) || unreachable && !reached {
			return err
		}
		reached = true
		if c.Reconnecting != nil {
			c.Reconnecting(err)
		}
		if sleep(ctx, pause) != nil {
			return err
		}
	}
}

// SubmitBatch submits up to 1,000 tasks in one commit, all or none, and returns them in
// order.
func (c *Client) SubmitBatch(ctx context.Context, batch []Submit) (tasks []Task, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/api/tasks/batch", body: batch, again: haveKeys(batch)}, &tasks)
	return tasks, err
}

// haveKeys reports whether each submit has an idempotency key.
func haveKeys(batch []Submit) bool {
	return !slices.ContainsFunc(batch, func(s Submit) bool { return s.IdempotencyKey == "" })
}

// SubmitBatchWithKey is SubmitBatch under an idempotency key of the whole batch: sent
// again, also after a restart of the server, it returns the tasks of the first time.
// replayed reports whether it did. Another batch under the same key is a *Problem with 409.
func (c *Client) SubmitBatchWithKey(ctx context.Context, key string, batch []Submit) (tasks []Task, replayed bool, err error) {
	header, err := c.do(ctx, call{method: http.MethodPost, path: "/api/tasks/batch", body: batch,
		header: http.Header{"Idempotency-Key": {key}}}, &tasks)
	return tasks, header.Get("Idempotent-Replayed") == "true", err
}

// Get returns the task with parameters and result. A *Problem with 404 when there is none.
func (c *Client) Get(ctx context.Context, id string) (t Task, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: taskPath(id, "")}, &t)
	return t, err
}

// GetAt returns the task as it was at an earlier point of the log, the seq of an event or a time in RFC 3339, and the seq of the last event of that
// point. A *Problem with 404 if there was none.
func (c *Client) GetAt(ctx context.Context, id, at string) (t Task, seq int64, err error) {
	header, err := c.do(ctx, call{method: http.MethodGet, path: taskPath(id, ""), query: url.Values{"at": {at}}}, &t)
	seq, _ = strconv.ParseInt(header.Get("X-Log-Seq"), 10, 64)
	return t, seq, err
}

// Cancellation is the answer to a cancel.
type Cancellation struct {
	Message string `json:"message"`
	TaskID  string `json:"task_id"`
	Status  Status `json:"status"` // now: a running task may take a second to end
}

// Cancel cancels a pending or running task. A *Problem with 400 when it has ended.
func (c *Client) Cancel(ctx context.Context, id string) (answer Cancellation, err error) {
	_, err = c.do(ctx, call{method: http.MethodDelete, path: taskPath(id, "")}, &answer)
	return answer, err
}

// Retry makes a failed or cancelled task pending again. A *Problem with 400 when it is
// neither.
func (c *Client) Retry(ctx context.Context, id string) (t Task, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: taskPath(id, "/retry")}, &t)
	return t, err
}

// RetryWith retries a failed or cancelled task as another one, which has these parameters and
// everything else of the old one. parameters marshals to a JSON object. A *Problem with 400 when the
// old task is neither, 409 when another task holds its unique key.
func (c *Client) RetryWith(ctx context.Context, id string, parameters any) (Submitted, error) {
	return c.RetryChanged(ctx, id, Changes{Parameters: parameters})
}

// Changes are what RetryChanged changes.
type Changes struct {
	Parameters any `json:"parameters"` // marshals to a JSON object
	// Subject says which task the new one is; "" = what was given for the old one, else the type
	// makes it from the parameters.
	Subject string `json:"subject,omitempty"`
}

// RetryChanged is RetryWith that may change the subject too.
func (c *Client) RetryChanged(ctx context.Context, id string, body Changes) (Submitted, error) {
	var out Submitted
	header, err := c.do(ctx, call{method: http.MethodPost, path: taskPath(id, "/retry"), body: body}, &out.Task)
	out.say(header)
	return out, err
}

// TaskTypes lists what the server can run.
func (c *Client) TaskTypes(ctx context.Context) (types []TaskType, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/api/task-types"}, &types)
	return types, err
}

// Stats is what a server counts.
type Stats struct {
	Seq    int64    `json:"seq"` // the log position that the counts show
	Log    Position `json:"log"` // of that seq, as of an earlier point
	Counts []Count  `json:"counts"`
	// Waiting is what the pending tasks wait for.
	Waiting Waiting `json:"waiting"`
	// Raw is the answer as it was received: throughput, waits and the state of the server too.
	Raw json.RawMessage `json:"-"`
}

// Position is an event of a log.
type Position struct {
	ID   string     `json:"id"`   // of the log
	Head int64      `json:"head"` // the seq of its last event, 0 if it is empty
	At   *time.Time `json:"at"`   // the time of that event, nil if it is empty
}

// Count is how many tasks there are of one status, type and queue.
type Count struct {
	Status   Status `json:"status"`
	TaskType string `json:"task_type"`
	Queue    string `json:"queue"`
	N        int64  `json:"n"`
}

// Waiting is how many pending tasks wait for what.
type Waiting struct {
	Ready     int64      `json:"ready"`     // nothing but a free slot or worker
	Scheduled int64      `json:"scheduled"` // their time
	Backoff   int64      `json:"backoff"`   // the time of their retry
	Blocked   int64      `json:"blocked"`   // a pause, a limit, or another task
	Suspended int64      `json:"suspended"` // something that their attempt has suspended them for
	NextDue   *time.Time `json:"next_due"`  // when the first of those that wait for a time is due; nil if none does
}

// Stats returns the counts of all tasks.
func (c *Client) Stats(ctx context.Context) (Stats, error) { return c.stats(ctx, nil) }

// StatsAt returns the counts of all tasks as they were at an earlier point of the log, the seq of an event or a time in RFC 3339.
func (c *Client) StatsAt(ctx context.Context, at string) (Stats, error) {
	return c.stats(ctx, url.Values{"at": {at}})
}

func (c *Client) stats(ctx context.Context, query url.Values) (s Stats, err error) {
	data, _, err := c.read(ctx, call{method: http.MethodGet, path: "/api/stats", query: query})
	if err == nil {
		s.Raw = data
		err = json.Unmarshal(data, &s)
	}
	return s, err
}

func taskPath(id, after string) string { return pathOf("/api/tasks/", id, after) }

// Filter says which tasks to list. Lists mean "any of"; the zero value means all.
type Filter struct {
	Statuses      []Status
	Waiting       []string // only pending tasks: ready, scheduled, backoff, blocked, suspended
	TaskTypes     []string
	Queues        []string
	Tags          []string
	Search        string // id prefix, or text in parameters, result or error
	CreatedAfter  time.Time
	CreatedBefore time.Time
	DurationMin   time.Duration // from the latest start to the end; 0 = no bound
	DurationMax   time.Duration // with either set, only tasks that have started and ended
	Limit         int           // tasks a page, at most 1000; 0 = 100
	Summary       bool          // without parameters and results
	At            string        // as of an earlier point of the log: the seq of an event, or a time in RFC 3339; "" = now
}

func (f *Filter) query() url.Values {
	q := url.Values{}
	for _, w := range f.Waiting {
		q.Add("waiting", w)
	}
	for _, s := range f.Statuses {
		q.Add("status", string(s))
	}
	for name, values := range map[string][]string{"task_type": f.TaskTypes, "queue": f.Queues, "tag": f.Tags} {
		if len(values) > 0 {
			q[name] = values
		}
	}
	if f.Search != "" {
		q.Set("q", f.Search)
	}
	for name, at := range map[string]time.Time{"created_after": f.CreatedAfter, "created_before": f.CreatedBefore} {
		if !at.IsZero() {
			q.Set(name, at.UTC().Format("2006-01-02T15:04:05.000000Z"))
		}
	}
	for name, span := range map[string]time.Duration{"duration_min": f.DurationMin, "duration_max": f.DurationMax} {
		if span > 0 {
			q.Set(name, strconv.FormatFloat(span.Seconds(), 'f', -1, 64))
		}
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	if f.Summary {
		q.Set("fields", "summary")
	}
	if f.At != "" {
		q.Set("at", f.At)
	}
	return q
}

// Page is one page of a list, newest first.
type Page struct {
	Tasks      []Task
	Total      int64 // tasks that match in all
	TotalExact bool  // false: counting stopped, there are at least that many
	Cut        bool  // a text search ran out of time before it had seen everything
	Seq        int64 // the log position the page shows
	next       string
}

// More reports whether another page follows.
func (p *Page) More() bool { return p.next != "" }

// ListPage returns the first page.
func (c *Client) ListPage(ctx context.Context, f Filter) (Page, error) {
	return c.page(ctx, call{method: http.MethodGet, path: "/api/tasks/", query: f.query()})
}

// NextPage returns the page after p, which must have More.
func (c *Client) NextPage(ctx context.Context, p Page) (Page, error) {
	next, err := c.servers.current().Parse(p.next)
	if err != nil {
		return Page{}, err
	}
	// The address is the server's own, which may lie behind a proxy: only its query counts.
	return c.page(ctx, call{method: http.MethodGet, path: "/api/tasks/", query: next.Query()})
}

func (c *Client) page(ctx context.Context, k call) (p Page, err error) {
	header, err := c.do(ctx, k, &p.Tasks)
	if err != nil {
		return Page{}, err
	}
	p.Total, _ = strconv.ParseInt(header.Get("X-Total-Count"), 10, 64)
	p.TotalExact = header.Get("X-Total-Count-Relation") != "gte"
	p.Cut = header.Get("X-Search-Truncated") == "true"
	p.Seq, _ = strconv.ParseInt(header.Get("X-Log-Seq"), 10, 64)
	p.next = nextLink(header.Values("Link"))
	return p, nil
}

// List goes through all tasks that match, newest first, a page at a time. It ends after
// the first error.
func (c *Client) List(ctx context.Context, f Filter) iter.Seq2[Task, error] {
	return func(yield func(Task, error) bool) {
		page, err := c.ListPage(ctx, f)
		for {
			if err != nil {
				yield(Task{}, err)
				return
			}
			for _, t := range page.Tasks {
				if !yield(t, nil) {
					return
				}
			}
			if !page.More() {
				return
			}
			page, err = c.NextPage(ctx, page)
		}
	}
}

// nextLink is the address with rel="next" in Link headers (RFC 8288), "" if there is none.
func nextLink(headers []string) string {
	for _, header := range headers {
		for _, link := range strings.Split(header, ",") {
			address, parameters, _ := strings.Cut(strings.TrimSpace(link), ">")
			if strings.HasPrefix(address, "<") && strings.Contains(parameters, `rel="next"`) {
				return address[1:]
			}
		}
	}
	return ""
}
