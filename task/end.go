package task

import "github.com/oklog/ulid/v2"

// How a task ends. A task that has children which have not ended is only ending: it ends when they have.

// Finish ends a task that is ending, because its children have ended.
type Finish struct {
	Error string // why they make it fail, if it was to succeed; "" = they do not
}

// FailWait ends a task that waits for children which have not all succeeded.
type FailWait struct {
	Step  string // of the wait
	Error string
}

func (Finish) isCommand()   {}
func (FailWait) isCommand() {}

var endOf = [statusCount]EventType{Success: EventSucceeded, Failed: EventFailed, Cancelled: EventCancelled}

// end adds the end of the task with a status, or that it is ending so while its children have not ended.
func (d *decision) end(as Status, data Data, payload []byte) {
	if !d.now.OpenChildren {
		d.add(endOf[as], data, payload)
		return
	}
	data.EndsAs = as
	d.add(EventEnding, data, payload)
}

func (d *decision) finish(c Finish) error {
	t := d.task
	as := t.Ending()
	if t.Status != Pending || as == None || d.now.OpenChildren {
		return d.refuse(ErrNotWaiting, "it ends when its children have ended")
	}
	switch {
	case as == Success && c.Error != "":
		d.add(EventFailed, Data{Attempt: t.Attempt, Code: CodeChild}, textPayload("error", c.Error))
	case as == Failed:
		d.add(EventFailed, Data{Attempt: t.Attempt, Code: t.Code}, nil)
	default:
		d.add(endOf[as], Data{}, nil)
	}
	return nil
}

func (d *decision) failWait(c FailWait) error {
	t := d.task
	if w := t.Waits(); w == nil || w.Step != c.Step || w.Kind != StepChildren {
		return d.refuse(ErrNotWaiting, "look at what it waits for now")
	}
	d.end(Failed, Data{Attempt: t.Attempt, Code: CodeChild}, textPayload("error", c.Error))
	return nil
}

// refuseEnding refuses what is asked of a task whose own work is over; nil for any other.
func (d *decision) refuseEnding() error {
	if d.task.Ending() == None {
		return nil
	}
	return d.refuse(ErrSuspended, "The task's own work is over, and it ends when its children have. Cancel it to cancel them.")
}

// foldEnding: its own work is over.
func foldEnding(t *Task, e *Event, d *Data) {
	t.Timed, t.Retrying = false, false
	switch d.EndsAs {
	case Success:
		foldSuccess(t, e, d)
	case Failed:
		foldFailure(t, e, d)
	case Cancelled:
		foldCancel(t, d)
	}
	t.setEnding(d.EndsAs)
}

func foldSuccess(t *Task, e *Event, d *Data) {
	t.Progress, t.Code, t.ErrorSeq = 10_000, CodeNone, 0
	if d.Outcome != "" || d.Partial {
		n := t.notes()
		n.Outcome, n.Partial = d.Outcome, d.Partial
		t.note(n)
	}
	if e.HasPayload {
		t.ResultSeq = e.Seq
	}
}

// foldFailure: the error of a task that was ending as failed is that of its own work.
func foldFailure(t *Task, e *Event, d *Data) {
	if t.Code = d.Code; t.Ending() != Failed {
		t.ErrorSeq = e.Seq
	}
	t.forgetSuccess()
	t.waitFor(Wait{})
}

func foldCancel(t *Task, d *Data) {
	t.Timed, t.Retrying = false, false
	if t.Ending() == Success {
		n := t.notes()
		t.setDone(&Done{ResultSeq: t.ResultSeq, Outcome: n.Outcome, Partial: n.Partial})
	}
	t.forgetSuccess()
	t.stopWait()
	if d.ReplacedBy != (ulid.ULID{}) {
		t.link().ReplacedBy = d.ReplacedBy
	}
	if d.Because != (ulid.ULID{}) {
		t.link().Because = d.Because
	}
}

// foldRetry: the task is done again. Or its cancel is undone, and it waits on, or only its children are done again.
func foldRetry(t *Task, e *Event, d *Data) {
	t.CompletedAt = 0
	if l := t.Links; l != nil && (l.ReplacedBy != ulid.ULID{} || l.Because != ulid.ULID{}) {
		l = t.link()
		l.ReplacedBy, l.Because = ulid.ULID{}, ulid.ULID{}
	}
	if done := t.KinNow().Done; done != nil {
		t.setDone(nil)
		if d.EndsAs == Success {
			n := t.notes()
			n.Outcome, n.Partial = done.Outcome, done.Partial
			t.note(n)
			t.Progress, t.ResultSeq = 10_000, done.ResultSeq
			t.setEnding(Success)
			return
		}
	}
	if d.Waits && t.waited() {
		t.goOnWaiting()
		return
	}
	t.waitFor(Wait{})
	t.AttemptBase = int32(t.Attempt)
	t.wait(e)
	t.StartedAt, t.Progress = 0, 0
	t.MessageSeq, t.ResultSeq, t.ErrorSeq, t.Code = 0, 0, 0, CodeNone
}

// forgetSuccess: a task that was to succeed does not.
func (t *Task) forgetSuccess() {
	if t.Ending() != Success {
		return
	}
	t.ResultSeq = 0
	n := t.notes()
	n.Outcome, n.Partial = "", false
	t.note(n)
}
