package scheduler

import (
	"context"
	"errors"
	"fmt"

	"daybook/eventlog"
	"daybook/schedule"
	"daybook/task"
)

// firing is runs of a schedule that are decided: for each a task, or a workflow and then its tasks.
type firing struct {
	b    *batch
	each int // submits of a run
}

// refused is why there is no task for a run.
type refused struct {
	why     string
	payload []byte
	err     error // it is not known for now
}

// decideFiring decides n runs of a schedule; nil and why if it cannot submit what it has to.
func (l *loop) decideFiring(rd *round, p *plan, actor string, n int) (*firing, refused) {
	submit, flow, why := l.readFiring(rd, p)
	if why.why != "" || why.err != nil {
		return nil, why
	}
	f := &firing{each: 1}
	if flow != nil {
		f.each += len(flow.Tasks)
	}
	f.b = newBatch(&request{actor: actor}, n*f.each)
	for i := 0; i < len(f.b.news); i += f.each {
		var err error
		if flow != nil {
			err = nameTask(rd.decideWorkflow(f.b, i, flow), flow)
		} else {
			f.b.r.submits[i] = submit
			err = rd.decideSubmit(f.b, i)
		}
		if err != nil {
			return nil, refusedFor(err)
		}
		if f.b.answers[i].old() {
			return nil, refused{why: schedule.SkipUnique}
		}
	}
	return f, refused{}
}

// nameTask adds to the refusal of a task of a workflow which one it is.
func nameTask(err error, w *task.Workflow) error {
	if of, ok := errors.AsType[*BatchError](err); ok && of.Index > 0 {
		return fmt.Errorf("task %s of the workflow: %w", w.Tasks[of.Index-1].Name, of.Err)
	}
	return err
}

func refusedFor(err error) refused {
	_, refusal := errors.AsType[*task.Refusal](err)
	switch {
	case !refusal:
		return refused{err: err}
	case errors.Is(err, task.ErrNotUnique), errors.Is(err, task.ErrKeyBusy):
		return refused{why: schedule.SkipUnique}
	}
	return refused{why: schedule.SkipRefused, payload: errorPayload(err)}
}

// readFiring reads what the schedule submits, as if it was asked for now: a task, or a workflow.
func (l *loop) readFiring(rd *round, p *plan) (submit task.Submit, flow *task.Workflow, why refused) {
	if p.body == nil {
		body, err := l.s.o.Payloads.Get(context.Background(), p.DefinedSeq)
		if errors.Is(err, eventlog.ErrNotFound) {
			return submit, nil, refused{why: schedule.SkipRefused, payload: errorPayload(errors.New("what the schedule submits was erased; define it again"))}
		}
		if err != nil {
			return submit, nil, refused{err: err}
		}
		p.body = body
	}
	body := append([]byte(nil), p.body...)
	var bad []task.FieldError
	if p.TaskType == task.TypeWorkflow {
		flow, bad = l.s.o.ReadWorkflow(body, rd.wall)
	} else {
		bad = l.s.o.ReadSubmit(body, rd.wall, &submit)
	}
	if bad != nil {
		why = refused{why: schedule.SkipRefused, payload: errorPayload(&task.Refusal{Kind: task.ErrInvalid, Fields: bad})}
	}
	return submit, flow, why
}

// fire adds run i and the submission of its task or workflow.
func (e *scheduleEntry) fire(f *firing, i int, data schedule.Fired) {
	data.Task = f.b.news[i*f.each].id.String()
	e.add("fired", data, nil)
	for k := i * f.each; k < (i+1)*f.each; k++ {
		e.rd.addNew(f.b, k)
		e.rd.size++
	}
}

// tasks are those of the runs, or their workflows, once they are on disk.
func (f *firing) tasks() (list []Submitted) {
	for i := 0; i < len(f.b.news); i += f.each {
		one := f.b.answers[i]
		one.Task.SubmitSeq, one.Task.LastSeq = f.b.news[i].decided[0].Seq, f.b.news[i].decided[0].Seq
		list = append(list, one)
	}
	return list
}

// refusal is why there is no task for a run that somebody asked for.
func (why refused) refusal(p *plan) error {
	at := "/task"
	if p.TaskType == task.TypeWorkflow {
		at = "/workflow"
	}
	switch {
	case why.err != nil:
		return why.err
	case why.why == schedule.SkipUnique:
		return &task.Refusal{Kind: task.ErrNotUnique, Detail: "wait until the key is free"}
	}
	return &task.Refusal{Kind: task.ErrInvalid, Fields: []task.FieldError{{Pointer: at,
		Detail: "cannot be submitted any more; change the schedule"}}}
}
