package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// flowAsked is the part of a request that is about a workflow: one to be submitted, or the retry of one.
type flowAsked struct {
	submit *task.Workflow
	retry  *WorkflowRetry
}

// WorkflowRetry retries a workflow.
type WorkflowRetry struct {
	From   string // the name of the task that is done again with all that come after it; "" = those that have failed or were cancelled
	Reason string // "" = none
	key    string // idempotency key; "" = none
}

// SubmitWorkflow appends a workflow and its tasks in one commit. It returns the task of the workflow and then its tasks in their order; of one that was submitted with
// the same idempotency key before, only the first. Errors: *BatchError for one of the tasks (Index 0 is the workflow), and those of commands.
func (s *Scheduler) SubmitWorkflow(ctx context.Context, actor string, w *task.Workflow) ([]Submitted, error) {
	for i := range w.Tasks {
		if !s.o.Runner.Knows(w.Tasks[i].Type) {
			return nil, &BatchError{i + 1, &task.Refusal{Kind: task.ErrInvalid, Fields: []task.FieldError{{Pointer: "/task_type", Detail: "must be a known task type"}}}}
		}
	}
	a, err := s.ask(ctx, &request{actor: actor, flow: &flowAsked{submit: w}})
	return a.tasks, err
}

// RetryWorkflow retries a workflow that has ended, with those of its tasks that are to be done again, in one commit. Errors: projection.ErrNotFound,
// a *task.Refusal, and those of commands.
func (s *Scheduler) RetryWorkflow(ctx context.Context, actor string, id ulid.ULID, retry WorkflowRetry) (task.Task, error) {
	a, err := s.ask(ctx, &request{actor: actor, id: id, flow: &flowAsked{retry: &retry}})
	if len(a.tasks) == 0 {
		return task.Task{}, err
	}
	return a.tasks[0].Task, err
}

func (l *loop) decideFlow(rd *round, r *request) {
	var err error
	if r.flow.submit != nil {
		err = l.submitWorkflow(rd, r)
	} else {
		err = l.retryWorkflow(rd, r)
	}
	if err != nil {
		rd.size++
		rd.reply(r, answer{err: err})
	}
}

// submitWorkflow decides a workflow: it and its tasks are one entry.
func (l *loop) submitWorkflow(rd *round, r *request) error {
	w := r.flow.submit
	b := newBatch(r, 1+len(w.Tasks))
	if err := rd.decideWorkflow(b, 0, w); err != nil {
		return err
	}
	if b.answers[0].old() {
		rd.size++
		rd.reply(r, answer{tasks: b.answers[:1]})
		return nil
	}
	rd.begin(r.actor, false, func(err error) {
		if err != nil {
			l.requestDropped(r, err)
			return
		}
		b.answer(rd, nil)
	})
	for i := range b.news {
		rd.addNew(b, i)
	}
	rd.size += len(b.news)
	return nil
}

// newBatch is a batch of n submits, which are still to be set: the request may be decided again.
func newBatch(r *request, n int) *batch {
	own := *r
	own.submits = make([]task.Submit, n)
	return &batch{r: &own, news: make([]newTask, n), answers: make([]Submitted, n)}
}

// decideWorkflow decides a workflow as the submits of a batch from one on: its own and then those of its tasks, which are left out
// if the answer to its own is an old task. Errors: *BatchError, with an index from the workflow on.
func (rd *round) decideWorkflow(b *batch, from int, w *task.Workflow) error {
	submits, news := b.r.submits[from:], b.news[from:]
	submits[0] = w.Whole
	submits[0].Kin = &task.Kin{Children: len(w.Tasks)}
	if err := rd.decideSubmit(b, from); err != nil {
		return &BatchError{0, err}
	}
	if b.answers[from].old() {
		return nil
	}
	whole := news[0].id
	for i := range w.Tasks {
		one := &w.Tasks[i]
		c := &submits[i+1]
		*c = one.Submit
		c.Kin = &task.Kin{Parent: whole, Name: one.Name, Workflow: whole, Depth: 1}
		for _, on := range one.After {
			c.DependsOn = append(c.DependsOn, task.Dependency{Task: news[on.Task+1].id, When: on.When, Name: on.Name})
		}
		if err := rd.decideTaskOfWorkflow(b, from+i+1); err != nil {
			return &BatchError{i + 1, err}
		}
	}
	return nil
}

// decideTaskOfWorkflow decides submit i of the batch, which depends on earlier ones.
func (rd *round) decideTaskOfWorkflow(b *batch, i int) (err error) {
	c := &b.r.submits[i]
	b.news[i].id = rd.l.ids.next(rd.now)
	if err := rd.l.admit(b.r.submits[:i], c.Queue); err != nil {
		return err
	}
	if err := rd.l.admitDepth(rd, b, cmp.Or(c.Queue, task.DefaultQueue)); err != nil {
		return err
	}
	if c.Timeout == 0 {
		c.Timeout = task.SpanOf(rd.l.s.o.DefaultTimeout)
	}
	b.news[i].decided, err = rd.decideOn(nil, c)
	return err
}

// mostStarts is how many workflows one round starts.
const mostStarts = 1000

// startWorkflows starts the workflows that are ready and that their queue and key let start. It is done on top of the views alone.
func (l *loop) startWorkflows(rd *round) {
	if l.appending != nil || l.s.draining.Load() || l.takesNoWork() || !l.s.o.Views.AnyReadyWorkflow() {
		return
	}
	l.lookAtGates(rd)
	line := l.s.o.Views.OpenLine(func(taskType, queue string) bool { return taskType == task.TypeWorkflow && l.takesPart(queue) })
	started := 0
	for t := line.First(); t != nil && started < mostStarts && l.takesPart(t.Queue); t = line.First() {
		if rd.find(t.ID) != nil || l.appendOwn(rd, t, task.Start{}) == 0 {
			line.Skip()
			continue
		}
		started++
		line.Started(t, rd.now)
		l.countStart(rd, t.Queue)
	}
}

// endWorkflow ends a workflow whose tasks have all ended, and returns how many events that takes.
func (l *loop) endWorkflow(rd *round, state *task.Task) int {
	if state.CancelRequested {
		return l.appendOwn(rd, state, task.Stop{Fence: state.Fence()})
	}
	var n [task.Cancelled + 1]int
	var failed, cancelled []string
	err := l.s.o.Views.ChildrenNow(context.Background(), state.ID, func(t *task.Task) {
		if t.InWorkflow() == (ulid.ULID{}) {
			return
		}
		switch n[t.Status]++; {
		case t.Status == task.Failed:
			failed = append(failed, t.Kin.Name)
		case t.Status == task.Cancelled && t.Because() == ulid.ULID{}: // and not because of another task
			cancelled = append(cancelled, t.Kin.Name)
		}
	})
	if err != nil {
		l.s.o.Logger.Error("a workflow cannot end; it is tried again", "task", state.Name(), "error", err)
		return 0
	}
	total := n[task.Success] + n[task.Failed] + n[task.Cancelled]
	switch {
	case len(failed) > 0:
		return l.appendOwn(rd, state, task.Fail{Fence: state.Fence(), Code: task.CodePermanent, Error: fmt.Sprintf("%s; %d of %d tasks have succeeded. A retry of the workflow does again what has failed and what was cancelled.",
			namesIn("failed", failed), n[task.Success], total)})
	case len(cancelled) > 0:
		return l.appendOwn(rd, state, task.Cancel{Reason: namesIn("cancelled", cancelled)})
	}
	var w jsontext.Writer
	w.Object()
	w.Key("tasks").Int(int64(total))
	w.Key("succeeded").Int(int64(n[task.Success]))
	w.Key("not_needed").Int(int64(n[task.Cancelled]))
	w.EndObject()
	return l.appendOwn(rd, state, task.Succeed{Fence: state.Fence(), Result: w})
}

// namesIn lists what is so, at most 10 of them.
func namesIn(what string, names []string) string {
	slices.Sort(names)
	more := ""
	if len(names) > mostShown {
		more = fmt.Sprintf(" and %d more", len(names)-mostShown)
		names = names[:mostShown]
	}
	return what + ": " + strings.Join(names, ", ") + more
}

// retryWorkflow decides the retry of a workflow: it and its tasks that are done again are one entry.
func (l *loop) retryWorkflow(rd *round, r *request) error {
	l.views.missing = nil
	state := rd.get(r.id)
	switch {
	case l.views.missing != nil:
		return l.views.missing
	case state == nil || !state.IsWorkflow():
		return projection.ErrNotFound
	}
	retry := r.flow.retry
	decided, refusal := rd.decideOn(state, task.Retry{Reason: retry.Reason, Key: retry.key, Again: retry.From != ""})
	if refusal != nil {
		return refusal
	}
	all, err := rd.childrenOf(r.id)
	if err != nil {
		return err
	}
	tasks, refusal := againOf(all, retry.From)
	if refusal != nil {
		return refusal
	}
	var last *task.Event
	var now task.Task
	rd.begin(r.actor, false, func(err error) {
		if err != nil {
			l.requestDropped(r, err)
			return
		}
		now.LastSeq = last.Seq
		r.done <- answer{tasks: []Submitted{{Task: now}}}
	})
	n := rd.own(r.id, state)
	rd.add(n, r.id, decided)
	last, now = &decided[0], n.task
	for _, t := range tasks {
		decided, refusal := rd.decideOn(t, task.Retry{Reason: retry.Reason, Again: true})
		if refusal == nil {
			rd.add(rd.own(t.ID, t), t.ID, decided)
		}
	}
	rd.size += 1 + len(tasks)
	return nil
}

// againOf are the tasks of a workflow that a retry does again, in the order of submission: from one on all that come after it, or those
// that have failed or were cancelled; and with them the one at the end.
func againOf(all []*task.Task, from string) ([]*task.Task, error) {
	slices.SortFunc(all, func(a, b *task.Task) int { return cmp.Compare(a.SubmitSeq, b.SubmitSeq) })
	again, found := make(map[ulid.ULID]bool), false
	var list []*task.Task
	erased, others := 0, 0  // of those that would be done again, beside the one at the end
	for _, t := range all { // each comes after those that it depends on
		if t.InWorkflow() == (ulid.ULID{}) {
			continue
		}
		one := t.Status == task.Failed || t.Status == task.Cancelled
		if from != "" {
			if one = t.Kin.Name == from; one && t.Erased {
				return nil, &task.Refusal{Kind: task.ErrInvalid, Fields: []task.FieldError{{Pointer: "/from", Detail: "must be a task that was not erased: its parameters are gone. Submit the workflow again"}}}
			}
			found = found || one
			for _, on := range t.DependsOn() {
				one = one || again[on.Task]
			}
		}
		switch {
		case one && t.Erased:
			erased++
		case one && t.Kin.Name != task.NameOnEnd:
			others++
		}
		if one = one || t.Kin.Name == task.NameOnEnd; one && !t.Erased {
			again[t.ID] = true
			list = append(list, t)
		}
	}
	if erased > 0 && others == 0 {
		return nil, &task.Refusal{Kind: task.ErrInvalid, Fields: []task.FieldError{{Detail: "all that would run again was erased, and its parameters are gone. Submit the workflow again"}}}
	}
	if from != "" && !found {
		return nil, &task.Refusal{Kind: task.ErrInvalid, Fields: []task.FieldError{{Pointer: "/from", Detail: "must be the name of a task of the workflow"}}}
	}
	return list, nil
}
