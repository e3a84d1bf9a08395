package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

// submitWorkflow answers POST /api/workflows: the workflow and all of its tasks, or none.
func (a *API) submitWorkflow(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := wantJSON(r); err != nil {
		return err
	}
	key, err := keyOf(r)
	if err != nil {
		return err
	}
	raw := borrow()
	defer giveBack(raw)
	if err := a.readBody(p, r, raw, maxBatch); err != nil {
		return err
	}
	if len(*raw) == 0 {
		return invalid("", "a JSON body is needed")
	}
	text, err := jsontext.Canonical(nil, *raw, maxDepth+3)
	if err != nil {
		return err
	}
	w, bad := a.Intake.ReadWorkflow(text, key, task.MicrosOf(time.Now()))
	if bad != nil {
		return wrongOrUnknown(bad)
	}
	all := []task.Submit{w.Whole}
	for i := range w.Tasks {
		all = append(all, w.Tasks[i].Submit)
	}
	if err := p.caller.maySubmit(all); err != nil {
		return err
	}
	traced(r, all)
	w.Whole.TraceParent = all[0].TraceParent
	for i := range w.Tasks {
		w.Tasks[i].TraceParent = all[i+1].TraceParent
	}
	done, err := a.sched().SubmitWorkflow(r.Context(), p.caller.actor(), w)
	if err != nil {
		return ofWorkflow(err, w)
	}
	if err := p.caller.mayHave(done); err != nil {
		return err
	}
	h := p.Header()
	h["Location"] = []string{p.reference("/api/workflows/" + done[0].Task.Name())}
	if done[0].Replayed {
		h["Idempotent-Replayed"] = saidTrue
		return a.sendWorkflow(p, r, &done[0].Task)
	}
	tasks := make([]task.Task, len(w.Tasks))
	for i := range tasks {
		tasks[i] = done[i+1].Task
	}
	return a.sendWorkflowOf(p, r, &done[0].Task, tasks)
}

// ofWorkflow makes the refusal of one task one of the workflow, with pointers from the request, and with what is wrong with other tasks.
func ofWorkflow(err error, w *task.Workflow) error {
	batch, ok := err.(*scheduler.BatchError) //nolint:errorlint // made by SubmitWorkflow itself
	if !ok {
		return err
	}
	refusal, ok := batch.Err.(*task.Refusal) //nolint:errorlint // the same
	if !ok || len(refusal.Fields) == 0 {
		return batch.Err
	}
	if bad := w.Validate(); len(bad) > 0 {
		return invalids(bad[:min(len(bad), mostWrong)])
	}
	if batch.Index == 0 {
		return refusal
	}
	return invalids(under(w.Tasks[batch.Index-1].Pointer(), refusal.Fields))
}

// workflow answers GET /api/workflows/{id}: the graph and how all of it stands.
func (a *API) workflow(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	t, err := a.workflowOf(p, r)
	if err != nil {
		return err
	}
	return a.sendWorkflow(p, r, t)
}

var errNoWorkflow = notFound("There is no workflow with that id. GET /api/workflows lists all workflows.")

// workflowOf is the workflow of the path.
func (a *API) workflowOf(p *reply, r *http.Request) (*task.Task, error) {
	id, err := a.taskID(p, r)
	if err == errNoTask { //nolint:errorlint // as taskID returns it
		return nil, errNoWorkflow
	}
	if err != nil {
		return nil, err
	}
	t, _, err := a.Views.Get(r.Context(), id)
	if errors.Is(err, projection.ErrNotFound) || err == nil && !t.IsWorkflow() {
		err = errNoWorkflow
	}
	return &t, err
}

// sendWorkflow answers with a workflow and its tasks as they stand.
func (a *API) sendWorkflow(p *reply, r *http.Request, t *task.Task) error {
	tasks, err := a.tasksOf(r.Context(), t)
	if err != nil {
		return err
	}
	return a.sendWorkflowOf(p, r, t, tasks)
}

// tasksOf are the tasks of a workflow, each after those that it depends on.
func (a *API) tasksOf(ctx context.Context, t *task.Task) (tasks []task.Task, err error) {
	err = a.Views.Children(ctx, t.ID, func(child *task.Task) {
		if child.InWorkflow() == t.ID {
			tasks = append(tasks, *child)
		}
	})
	slices.SortFunc(tasks, func(x, y task.Task) int { return cmp.Compare(x.SubmitSeq, y.SubmitSeq) })
	return tasks, err
}

// sendWorkflowOf answers with a workflow and those of its tasks that the caller may see; its counts are of all.
func (a *API) sendWorkflowOf(p *reply, r *http.Request, t *task.Task, tasks []task.Task) error {
	whole, err := a.rowOf(r.Context(), t, summary)
	if err != nil {
		return err
	}
	p.shows(t.LastSeq)
	buffer := borrow()
	defer giveBack(buffer)
	w := (*jsontext.Writer)(buffer)
	w.Object()
	writeWorkflow(w, &whole)
	var counts [task.Cancelled + 1]int
	for i := range tasks {
		counts[tasks[i].Status]++
	}
	w.Key("counts").Object()
	for _, status := range task.Statuses() {
		w.Key(status.String()).Int(int64(counts[status]))
	}
	w.EndObject()
	w.Key("tasks").Object()
	if p.caller.limited() {
		tasks = slices.DeleteFunc(tasks, func(t task.Task) bool { return !p.caller.token.Allows(t.Type, t.Queue) })
	}
	for some := range slices.Chunk(tasks, rowsAtOnce) {
		rows, err := a.rowsOf(r.Context(), some, summary)
		if err != nil {
			return err
		}
		for i := range rows {
			w.StringKey(rows[i].task.Kin.Name)
			*w = appendRow(*w, &rows[i], summary)
		}
	}
	w.EndObject()
	w.EndObject()
	return p.send(typeJSON, *w)
}

// writeWorkflow writes what a workflow is without its tasks.
func writeWorkflow(w *jsontext.Writer, r *row) {
	t := r.task
	writeID(w.Key("id"), t.ID)
	w.Key("name").OptionalString(t.Subject())
	w.Key("status").String(t.Status.String())
	w.Key("created_at").OptionalTime(int64(t.CreatedAt))
	w.Key("started_at").OptionalTime(int64(t.StartedAt))
	w.Key("completed_at").OptionalTime(int64(t.CompletedAt))
	w.Key("concurrency_key").OptionalString(t.ConcurrencyKey)
	w.Key("cancel_requested").Bool(t.CancelRequested)
	writeWaiting(w.Key("waiting_for"), r.waiting)
	w.Key("error_message").Raw(r.failure)
	w.Key("task_count").Int(int64(t.KinNow().Children))
}

// writeWorkflowRow writes a workflow as lists have it.
func (a *API) writeWorkflowRow(w *jsontext.Writer, r *row) {
	w.Object()
	writeWorkflow(w, r)
	w.Key("open_count").Int(int64(a.Views.OpenChildren(r.task.ID)))
	w.EndObject()
}

// mostScanned is how many workflows one call looks at for those of a name.
const mostScanned = 10_000

// workflows answers GET /api/workflows: the workflows, the newest first.
func (a *API) workflows(p *reply, r *http.Request) error {
	q, err := queryOf(r, "status*", "name", "limit", "cursor")
	if err != nil {
		return err
	}
	ask := projection.Query{Types: []string{task.TypeWorkflow}, BySubmission: true, Uncounted: true}
	for _, name := range q.list("status") {
		status, ok := task.ParseStatus(name)
		if !ok {
			q.wrong("status", "must be PENDING, RUNNING, SUCCESS, FAILED or CANCELLED")
		}
		ask.Statuses = append(ask.Statuses, status)
	}
	name := q.text("name")
	ask.Limit = int(q.integer("limit", 100, 1, projection.MaxLimit))
	ask.Before = q.integer("cursor", 0, 0, 1<<62)
	if err := q.err(); err != nil {
		return err
	}
	if p.caller.limited() && !p.caller.token.Allows(task.TypeWorkflow, task.QueueWorkflow) {
		return p.caller.outside()
	}
	if err := q.checkLink(p, "/api/workflows", "cursor", longestSeq, "ask for fewer"); err != nil {
		return err
	}
	var found []task.Task
	for scanned := 0; len(found) < ask.Limit; {
		page, err := a.Views.List(r.Context(), ask)
		if err != nil {
			return err
		}
		p.shows(page.Seq)
		scanned += len(page.Tasks)
		ask.Before = page.Next
		for i := range page.Tasks {
			t := &page.Tasks[i]
			if name != "" && t.Subject() != name {
				continue
			}
			if found = append(found, *t); len(found) == ask.Limit && (page.Next != 0 || i+1 < len(page.Tasks)) {
				ask.Before = t.SubmitSeq
				break
			}
		}
		if ask.Before == 0 || scanned >= mostScanned {
			break
		}
	}
	if ask.Before != 0 {
		p.Header()["Link"] = []string{q.next(p, "/api/workflows", "cursor", strconv.FormatInt(ask.Before, 10))}
	}
	buffer := borrow()
	defer giveBack(buffer)
	w := (*jsontext.Writer)(buffer)
	w.Array()
	for one, err := range a.rows(r.Context(), found, summary) {
		if err != nil {
			return err
		}
		a.writeWorkflowRow(w.Item(), one)
	}
	w.EndArray()
	return p.send(typeJSON, *w)
}

// cancelWorkflow answers POST /api/workflows/{id}/cancel.
func (a *API) cancelWorkflow(p *reply, r *http.Request) error {
	_, reason, err := a.aboutWorkflow(p, r, "")
	if err != nil {
		return err
	}
	t, err := a.workflowOf(p, r)
	if err != nil {
		return err
	}
	now, err := a.sched().Do(r.Context(), p.caller.actor(), t.ID, task.Cancel{Reason: reason})
	if err != nil {
		return err
	}
	return a.sendWorkflow(p, r, &now)
}

// retryWorkflow answers POST /api/workflows/{id}/retry.
func (a *API) retryWorkflow(p *reply, r *http.Request) error {
	from, reason, err := a.aboutWorkflow(p, r, "from")
	if err != nil {
		return err
	}
	t, err := a.workflowOf(p, r)
	if err != nil {
		return err
	}
	now, err := a.sched().RetryWorkflow(r.Context(), p.caller.actor(), t.ID, scheduler.WorkflowRetry{From: from, Reason: reason})
	if err != nil {
		return err
	}
	return a.sendWorkflow(p, r, &now)
}

// aboutWorkflow reads the body of a cancel or a retry, which may be none: a reason and one more field.
func (a *API) aboutWorkflow(p *reply, r *http.Request, more string) (field, reason string, err error) {
	text, err := a.optionalObject(p, r)
	if err != nil {
		return "", "", err
	}
	var bad []task.FieldError
	object{"", &bad}.each(text, func(o object, key string, value []byte) bool {
		switch {
		case key != "reason" && (more == "" || key != more):
			return false
		case jsontext.IsNull(value):
		case key == "reason":
			reason = o.text(value, 1, 1000)
		default:
			field = o.text(value, 1, 64)
		}
		return true
	})
	if bad != nil {
		return "", "", invalids(bad)
	}
	return field, reason, nil
}
