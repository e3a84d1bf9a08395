package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"daybook/eventlog"
	"daybook/files"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
	"daybook/tasklog"

	"github.com/oklog/ulid/v2"
)

// problem is an error as clients see it: RFC 9457. Its type is a link into the page of
// problems, /docs#KIND, below the base path. Behind a proxy that the server does not know of it
// stays the same, so that programs can compare it.
type problem struct {
	Status     int
	Kind       string // "invalid", "not-found": stable, for programs
	Detail     string // for people: what is wrong and what to do next
	Fields     []task.FieldError
	Step       []byte   // with other-step: the first of the name, as JSON
	Steps      []byte   // the same of several, by name
	Matched    *int64   // with other-count: how many tasks match
	TaskID     string   // with not-unique: the task that holds the key; "" = one of the same batch
	RetryAfter int      // seconds; 0 = no header
	Allow      []string // with 405
}

func (p *problem) Error() string { return p.Kind + ": " + p.Detail }

// Kinds that are used in more than one place.
const (
	kindInvalid  = "invalid"
	kindNotFound = "not-found"
	kindInternal = "internal"

	kindBuiltIn     = "built-in-type"
	kindDeclared    = "declared"
	kindEmptyFile   = "empty-file"
	kindNoStreaming = "streaming-unsupported"
	kindBehind      = "behind"
	kindOtherStep   = "other-step"
	kindOtherCount  = "other-count"
)

// The details of an unexpected error, for a request that reads and for one that writes.
const (
	internalRead  = "Internal error; see the server output. Try again; if it happens again, report it with the server output."
	internalWrite = "Internal error; see the server output. The change was not acknowledged: check whether it happened before you try again."
)

// invalid is a 400 about one field. The pointer is a JSON pointer into the body, or
// ?name for a query key, or the name of a header.
func invalid(pointer, detail string) *problem {
	return invalids([]task.FieldError{{Pointer: pointer, Detail: detail}})
}

func invalids(fields []task.FieldError) *problem {
	return &problem{Status: http.StatusBadRequest, Kind: kindInvalid, Fields: fields,
		Detail: "The request is not valid. See errors, correct it and send it again."}
}

// wrongOrUnknown is the answer to a request with these fields: it is wrong, or it is not known whether it is.
func wrongOrUnknown(fields []task.FieldError) error {
	if err := task.FirstUnknown(fields); err != nil {
		return err
	}
	return invalids(fields)
}

func notFound(detail string) *problem {
	return &problem{Status: http.StatusNotFound, Kind: kindNotFound, Detail: detail}
}

var (
	errNoTask = notFound("There is no task with that id. GET /api/tasks/ lists all tasks.")
	errNotYet = notFound("There was no task with that id at that point of the log. Ask without at, or for a later one.")
)

const movedDetail = "The data folder was removed or replaced while the server was running, so writes are refused. Reads still work. " +
	"Put the folder back, then restart the server, in this order; see the server output."

// answers is the one table from error to problem. The first match counts.
var answers = []struct {
	err     error
	problem problem
}{
	{task.ErrNotFound, *errNoTask},
	{projection.ErrNotFound, *errNoTask},
	{eventlog.ErrNotFound, problem{Status: 404, Kind: kindNotFound, Detail: "The log has no such event."}},
	{files.ErrNotFound, problem{Status: 404, Kind: kindNotFound, Detail: "There is no file with that id. Upload it with POST /api/files."}},
	{files.ErrTooLarge, problem{Status: 413, Kind: "too-large", Detail: "The file is larger than this server accepts. Send a smaller file, or raise --max-file of the server."}},
	{files.ErrDamaged, problem{Status: 500, Kind: "file-damaged", Detail: "The file is damaged, so it is not served. Upload it again: the same bytes get the same id."}},
	{files.ErrBlocked, problem{Status: 503, Kind: "files-blocked", RetryAfter: 60, Detail: "Something that is not a file or folder of Daybook is in the place of the file, so the file cannot be stored. On the server, run daybook verify --data or daybook doctor to find it; move it away and try again."}},
	{files.ErrFull, problem{Status: 503, Kind: "disk-full", RetryAfter: 30, Detail: "The disk is full, so the file was not stored. Try again when there is free space."}},
	{task.ErrKeyReused, problem{Status: 409, Kind: "key-reused", Detail: "The idempotency key was used for another request. Use a new key, or send the same request."}},
	{task.ErrQueueFull, problem{Status: 429, Kind: "queue-full", RetryAfter: 10, Detail: "The queue has as many pending tasks as it may have. Nothing was changed; try again when some of them have started."}},
	{task.ErrNotUnique, problem{Status: 409, Kind: "not-unique", Detail: "Another task holds the unique key. Wait until it is free, or use another key."}},
	{task.ErrKeyBusy, problem{Status: 409, Kind: "key-busy", Detail: "Other tasks of the queue with the same concurrency key have not ended. Wait until they have, use another key, or submit with another on_conflict."}},
	{task.ErrDependency, problem{Status: 400, Kind: "dependency-ended", Detail: "A task that it depends on has ended otherwise than it needs. Retry that one first."}},
	{scheduler.ErrNoLease, problem{Status: 409, Kind: "stale-lease", Detail: "The token does not hold the task: its lease ran out, or the task has ended. Stop work on it; nothing of it is kept."}},
	{scheduler.ErrOtherResult, problem{Status: 409, Kind: "other-result", Detail: "This token has completed the task with another result, which stays. Nothing was changed."}},
	{scheduler.ErrNoSchedule, problem{Status: 404, Kind: kindNotFound, Detail: "There is no schedule of that name. GET /api/schedules lists all schedules."}},
	{scheduler.ErrScheduleExists, problem{Status: 409, Kind: "exists", Detail: "There is a schedule of that name. Use another name, or replace it with PUT /api/schedules/{name}."}},
	{scheduler.ErrScheduleChanged, problem{Status: 409, Kind: "changed-meanwhile", Detail: "The schedule was changed by another request meanwhile. Nothing was changed; look at it and send the change again."}},
	{scheduler.ErrTooManySchedules, problem{Status: 409, Kind: "too-many-schedules", Detail: "There are 1,000 schedules, and there can be no more. Delete one first."}},
	{task.ErrTooManyTypes, problem{Status: 400, Kind: "too-many-types", Detail: "The server knows 1,000 task types, and takes no more. Use one of them: parameters tell tasks of a type apart. " +
		"Or ask who operates the server: a restart forgets types that no task and no declaration names."}},
	{task.ErrStepsFull, problem{Status: 409, Kind: "steps-full", Detail: "The task has as many steps as it may have."}},
	{task.ErrSuspended, problem{Status: 400, Kind: "suspended", Detail: "The task is suspended and has no due time. Send what it waits for, or cancel it."}},
	{task.ErrParentEnded, problem{Status: 400, Kind: "parent-ended", Detail: "The parent of the task does not wait for it any more. Retry the parent: it retries its children too."}},
	{task.ErrNotWaiting, problem{Status: 409, Kind: "not-waiting", Detail: "The task does not wait for an answer in that step. It was answered before, or the task was cancelled, or has not come to it. GET /api/tasks/{id}/steps has the answers that were given."}},
	{scheduler.ErrSignalsFull, problem{Status: 429, Kind: "events-full", RetryAfter: 60, Detail: "100,000 events are kept, and there can be no more. Nothing was changed. Send events with a shorter keep_seconds, and try again when the time of others is over."}},
	{task.ErrStepsChanged, problem{Status: 409, Kind: "changed-meanwhile", Detail: "The steps of the task were changed by another request meanwhile. Nothing was changed; look at them and try again."}},
	{scheduler.ErrNoBulk, *errNoBulk},
	{scheduler.ErrTooManyBulks, problem{Status: 429, Kind: "too-many-bulks", RetryAfter: 10, Detail: "16 bulks run, and no more can run at one time. Nothing was changed; wait until one has ended, or stop one with POST /api/bulks/{id}/stop."}},
	{scheduler.ErrBulkEnded, problem{Status: 409, Kind: "bulk-ended", Detail: "The bulk has ended already, so it cannot be stopped. What it has changed can be taken back with POST /api/bulks/{id}/undo."}},
	{scheduler.ErrBulkRunning, problem{Status: 409, Kind: "bulk-running", Detail: "The bulk still runs. Nothing was changed; stop it with POST /api/bulks/{id}/stop or wait until it has ended, and try again."}},
	{scheduler.ErrNotUndoable, problem{Status: 400, Kind: "not-undoable", Detail: "There is no way back from this event or bulk. What can be undone: task.cancelled, task.cancel_requested, task.ending of a cancel, task.reprioritised, queue.paused, and bulks that cancel, reprioritise, run now or move. Tasks that were retried can be cancelled; what was erased is gone."}},
	{scheduler.ErrChangedSince, problem{Status: 409, Kind: "changed-since", Detail: "It is not as that event has left it any more: somebody has changed it since, or the task has not stopped yet. Nothing was changed; look at its history, and try again if it is still stopping."}},
	{task.ErrStale, problem{Status: 409, Kind: "stale-attempt", Detail: "The attempt no longer holds the task. Stop it."}},
	{task.ErrStopping, problem{Status: 409, Kind: "being-cancelled", Detail: "The task is being cancelled. Stop the attempt."}},
	{task.ErrEnded, problem{Status: 400, Kind: "already-ended", Detail: "The task has already ended. Only a pending or running task can be cancelled."}},
	{task.ErrSucceeded, problem{Status: 400, Kind: "not-retryable", Detail: "The task has succeeded. Only a failed or cancelled task can be retried; submit a new one."}},
	{task.ErrNotEnded, problem{Status: 400, Kind: "not-retryable", Detail: "The task has not ended. Only a failed or cancelled task can be retried; wait for it, or cancel it first."}},
	{task.ErrErased, problem{Status: 400, Kind: "not-retryable", Detail: "The task was erased; its parameters are gone. Submit a new one."}},
	{task.ErrNotPending, problem{Status: 400, Kind: "not-pending", Detail: "The task is no longer pending."}},
	{task.ErrExists, problem{Status: 409, Kind: "exists", Detail: "The task exists already."}},
	{scheduler.ErrNoToken, problem{Status: 404, Kind: kindNotFound, Detail: "There is no token of that name. GET /api/tokens lists them."}},
	{scheduler.ErrTokenExists, problem{Status: 409, Kind: "token-exists", Detail: "A token of that name exists. Use another name, or revoke it first with DELETE /api/tokens/{name}."}},
	{scheduler.ErrTooManyTokens, problem{Status: 409, Kind: "too-many-tokens", Detail: "There are 1,000 tokens, and there can be no more. Revoke those that are not used any more."}},
	{scheduler.ErrFirstToken, problem{Status: 409, Kind: "first-token", Detail: "The first token must have the role admin, and no queues, task types or time of expiry: with the first token everybody needs one, and somebody must be able to create others."}},
	{scheduler.ErrLastAdmin, problem{Status: 409, Kind: "last-admin", Detail: "This is the last admin token that does not expire: without it nobody could create or revoke tokens. Create another one first, or revoke all other tokens before this one."}},
	{scheduler.ErrNoAlert, problem{Status: 404, Kind: kindNotFound, Detail: "There is no alert of that name. GET /api/alerts lists them."}},
	{scheduler.ErrAlertExists, problem{Status: 409, Kind: "exists", Detail: "There is an alert of that name. Use another name, or delete it first with DELETE /api/alerts/{name}."}},
	{scheduler.ErrTooManyAlerts, problem{Status: 409, Kind: "too-many-alerts", Detail: "There are 100 alerts, and there can be no more. Delete those that are not used any more."}},
	{scheduler.ErrNoWebhook, problem{Status: 404, Kind: kindNotFound, Detail: "There is no webhook of that name. GET /api/webhooks lists them."}},
	{scheduler.ErrWebhookExists, problem{Status: 409, Kind: "exists", Detail: "There is a webhook of that name. Use another name, or delete it first with DELETE /api/webhooks/{name}."}},
	{scheduler.ErrTooManyWebhooks, problem{Status: 409, Kind: "too-many-webhooks", Detail: "There are 100 webhooks, and there can be no more. Delete those that are not used any more."}},
	{scheduler.ErrBusy, problem{Status: 503, Kind: "busy", RetryAfter: 1, Detail: "Too many commands are waiting. Nothing was changed; try again in a moment."}},
	{scheduler.ErrNotRunning, problem{Status: 503, Kind: "not-running", RetryAfter: 1, Detail: "The queue is not running yet. Nothing was changed; try again in a moment."}},
	{scheduler.ErrLeadLost, problem{Status: 503, Kind: "not-leader", RetryAfter: 1, Detail: "No node of the cluster leads at the moment. Nothing was changed; try again in a moment. Reads still work."}},
	{eventlog.ErrUnavailable, problem{Status: 503, Kind: "no-majority", RetryAfter: 5, Detail: "The log of the cluster cannot be reached, or fewer than half of its nodes run. Nothing was changed; try again when they are back. Reads still work."}},
	{scheduler.ErrStopped, problem{Status: 503, Kind: "stopping", RetryAfter: 5, Detail: "The server is stopping. Nothing was changed; try again when it is back."}},
	{eventlog.ErrInvalid, problem{Status: 400, Kind: kindInvalid, Detail: "The request is too large for one event. Nothing was changed. Send fewer or shorter tags, names and files."}},
	{eventlog.ErrFull, problem{Status: 503, Kind: "log-full", RetryAfter: 30, Detail: "The disk is full: less than 64 MiB are free, reserved for the results of running tasks. Nothing was changed; free some space and try again. Reads still work."}},
	{tasklog.ErrNoRoom, problem{Status: 503, Kind: "disk-full", RetryAfter: 30, Detail: "The disk is nearly full, and what is free is kept for the event log. The lines were not kept; go on with the task, and try again when there is free space."}},
	{tasklog.ErrClosed, problem{Status: 503, Kind: "stopping", RetryAfter: 5, Detail: "The server is stopping. Try again when it is back."}},
	{eventlog.ErrMoved, problem{Status: 503, Kind: "data-moved", Detail: movedDetail + " Nothing was changed."}},
	{scheduler.ErrReadOnly, problem{Status: 503, Kind: "log-damaged", Detail: "The log is damaged, so writes are refused. Nothing was changed. Reads still work; see the server output for what was found and what to do."}},
	{eventlog.ErrDamaged, problem{Status: 500, Kind: "log-damaged", Detail: "The requested data is damaged in the log. Other data can be read; GET /api/log/verify shows where the log is damaged. Restore the data folder from a backup."}},
	{projection.ErrFolding, problem{Status: 503, Kind: "past-folding", RetryAfter: 2, Detail: "The queue of that moment is being computed from the log. Ask again; what is done is kept."}},
	{projection.ErrPastBusy, problem{Status: 503, Kind: "busy", RetryAfter: 5, Detail: "Too many moments of the past are being read at once. Try again in some seconds. Reads without at still work."}},
	{projection.ErrPastFull, problem{Status: 503, Kind: "disk-full", RetryAfter: 30, Detail: "The disk is too full to compute the queue of that moment. Free some space and try again. Reads without at still work."}},
	{projection.ErrRebuilding, problem{Status: 503, Kind: "views-rebuilding", RetryAfter: 5, Detail: rebuildingDetail}},
	{eventlog.ErrUnknown, problem{Status: 503, Kind: "outcome-unknown", RetryAfter: 5, Detail: "The disk, or the node that leads, gave no clear answer, so the change may or may not have happened. Check before you try again, or try again with the same idempotency key."}},
	{eventlog.ErrClosed, problem{Status: 503, Kind: "stopping", RetryAfter: 5, Detail: "The server is stopping. Try again when it is back."}},
	{context.Canceled, problem{Status: 503, Kind: "stopping", RetryAfter: 5, Detail: "The request ended before it was answered. Its command may still take effect."}},
	{context.DeadlineExceeded, problem{Status: 503, Kind: "too-slow", RetryAfter: 5, Detail: "The answer took too long. Ask for less, or try again."}},
}

const (
	rebuildingDetail = "The views are being rebuilt from the log because the view file could not be used. Nothing was changed; try again when the rebuild is done. Requests that do not need the file still work."
	textsDetail      = "The search index is being rebuilt because its file could not be used. Try again when the rebuild is done. Everything else works."
)

// rebuilding says how far the rebuild of a file of the views is, and when to try
// again.
func rebuilding(r *projection.Rebuilding, found problem) problem {
	if r.Texts {
		found.Detail = textsDetail
	}
	return found.after(r.Progress, r.Left())
}

// after adds how far something is, and when to try again.
func (p problem) after(done projection.Progress, left time.Duration) problem {
	if done.Total > 0 {
		p.Detail += " " + percentOf(done) + " is done."
	}
	if left > 0 {
		p.RetryAfter = int(min(left/time.Second+1, 60))
	}
	return p
}

func percentOf(p projection.Progress) string {
	if p.Total == 0 {
		return "0 %"
	}
	return itoa(min(p.Done, p.Total)*100/p.Total) + " %"
}

// kinds lists every kind of problem, for the reference and its test.
func kinds() []string {
	all := []string{kindInvalid, "method-not-allowed", "too-large", "body-too-slow", "no-such-range", "precondition-failed", "unsupported-media-type", "wrong-host", "cross-origin", kindInternal, kindEmptyFile, kindNoStreaming, "cancelled",
		kindUnauthorized, kindForbidden, kindSignIns, kindBuiltIn, kindDeclared, kindBehind, kindOtherStep, kindOtherCount}
	for i := range answers {
		all = append(all, answers[i].problem.Kind)
	}
	return all
}

// refuse answers an error. An unexpected one is logged, and the client gets no details.
func (a *API) refuse(p *reply, r *http.Request, err error) {
	if p.status != 0 {
		a.Logger.Error("answer was cut", "method", r.Method, "path", r.URL.Path, "error", err)
		panic(http.ErrAbortHandler)
	}
	a.writeProblem(p, r, a.problemOf(r, err))
}

// problemOf looks the error up in the table.
func (a *API) problemOf(r *http.Request, err error) problem {
	var known *problem
	if errors.As(err, &known) {
		return *known
	}
	at := batchPrefix(err)
	var refusal *task.Refusal
	if errors.As(err, &refusal) && len(refusal.Fields) > 0 {
		return *invalids(under(at, refusal.Fields))
	}
	var bad *jsontext.Error
	if errors.As(err, &bad) {
		return *invalid(bad.Pointer, bad.Detail)
	}
	if (errors.Is(err, projection.ErrNotFound) || errors.Is(err, task.ErrNotFound)) && a.lags() {
		return *errBehind // another node may have it
	}
	for i := range answers {
		if errors.Is(err, answers[i].err) {
			found := answers[i].problem
			var again *projection.Rebuilding
			if errors.As(err, &again) {
				found = rebuilding(again, found)
			}
			var folding *projection.Folding
			if errors.As(err, &folding) {
				found = found.after(folding.Progress, folding.Left())
			}
			if refusal != nil && (refusal.Kind == task.ErrQueueFull || refusal.Kind == task.ErrStepsFull || refusal.Kind == task.ErrSuspended || refusal.Kind == task.ErrParentEnded) {
				found.Detail = refusal.Detail
			}
			if refusal != nil && (refusal.Kind == task.ErrNotUnique || refusal.Kind == task.ErrKeyBusy || refusal.Kind == task.ErrDependency) {
				found.about(refusal)
			}
			if at != "" {
				found.Fields = []task.FieldError{{Pointer: at, Detail: found.Detail}}
			}
			return found
		}
	}
	a.Logger.Error("request went wrong", "method", r.Method, "path", r.URL.Path, "error", err)
	return internal(r)
}

// about says which other task stands in the way.
func (p *problem) about(refusal *task.Refusal) {
	if refusal.Other != (ulid.ULID{}) {
		p.TaskID = refusal.Other.String()
	}
	why := "Another task holds the unique key: "
	switch refusal.Kind {
	case task.ErrKeyBusy:
		why = "Other tasks have the concurrency key: "
	case task.ErrDependency:
		why = "The task would be cancelled again: "
	}
	p.Detail = why + refusal.Detail + "."
}

// internal is the problem of a request that failed with an unexpected error.
func internal(r *http.Request) problem {
	detail := internalWrite
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		detail = internalRead
	}
	return problem{Status: http.StatusInternalServerError, Kind: kindInternal, Detail: detail}
}

// batchPrefix is the pointer of the item of a batch that err is about, "" for no batch.
func batchPrefix(err error) string {
	var batch *scheduler.BatchError
	if !errors.As(err, &batch) {
		return ""
	}
	return "/" + strconv.Itoa(batch.Index)
}

// under puts pointers below a prefix.
func under(prefix string, fields []task.FieldError) []task.FieldError {
	if prefix == "" {
		return fields
	}
	moved := make([]task.FieldError, len(fields))
	for i, f := range fields {
		moved[i] = task.FieldError{Pointer: prefix + f.Pointer, Detail: f.Detail}
	}
	return moved
}

type problemJSON struct {
	Type     string          `json:"type"`
	Title    string          `json:"title"`
	Status   int             `json:"status"`
	Detail   string          `json:"detail"`
	Instance string          `json:"instance,omitempty"`
	TaskID   string          `json:"task_id,omitempty"`
	Errors   []fieldJSON     `json:"errors,omitempty"`
	Step     json.RawMessage `json:"step,omitempty"`
	Steps    json.RawMessage `json:"steps,omitempty"`
	Matched  *int64          `json:"matched,omitempty"`
}

type fieldJSON struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// mostErrors is how many errors one problem lists.
const mostErrors = 100

// encodeProblem returns the JSON of a problem, with a line feed at its end; instance "" is left out.
func (a *API) encodeProblem(r *http.Request, what problem, instance string) *bytes.Buffer {
	body := problemJSON{Type: a.address.before(r) + "/docs#" + what.Kind, Title: http.StatusText(what.Status), Status: what.Status,
		Detail: what.Detail, Instance: instance, TaskID: what.TaskID, Step: what.Step, Steps: what.Steps, Matched: what.Matched}
	for _, f := range what.Fields[:min(len(what.Fields), mostErrors)] {
		body.Errors = append(body.Errors, fieldJSON{f.Pointer, f.Detail})
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body) // strings and numbers always encode
	return &text
}

func (a *API) writeProblem(p *reply, r *http.Request, what problem) {
	text := a.encodeProblem(r, what, a.address.instance(r))
	h := p.Header()
	for _, stale := range []string{"Etag", "Link", "Location", "Idempotent-Replayed", "Idempotent-Replayed-Items",
		"Unique-Returned", "Unique-Returned-Items", "Unique-Replaced", "X-Total-Count", "X-Total-Count-Relation", "Content-Disposition", "Accept-Ranges"} {
		delete(h, stale)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(text.Len()))
	h.Set("Cache-Control", "no-store")
	if what.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(what.RetryAfter))
	}
	for _, method := range what.Allow {
		h.Add("Allow", method)
	}
	p.WriteHeader(what.Status)
	_, _ = p.Write(text.Bytes()) // a client that is gone needs no answer
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
