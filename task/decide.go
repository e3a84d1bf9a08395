package task

import (
	"cmp"
	"encoding/json"
	"math"
)

const (
	// ErrorWorkerDied is the error text of a task whose last attempt lost its worker.
	ErrorWorkerDied = "its worker died while it ran"
	// ErrorKilledWorkers is that of a task which MaxDeaths processes have died of.
	ErrorKilledWorkers = "its worker died 3 times"
)

// Decide says which events follow from a command in a state, without changing the
// state. A command that the state does not allow gives a *Refusal; events may come with it
// (task.late_result_refused), and then they are to be appended all the same.
//
// The events carry type, version and facts; the caller sets Actor.
func Decide(t *Task, command Command, now Now) ([]Event, error) {
	return AppendDecision(nil, t, command, now)
}

// AppendDecision is Decide that appends to events and returns only what it appended.
// events must be empty; its memory is used if there is enough. A Submit and a Succeed
// may come by pointer too, which saves a copy.
func AppendDecision(events []Event, t *Task, command Command, now Now) ([]Event, error) {
	d := decision{task: t, now: now, events: events}
	if s, byPointer := command.(*Submit); byPointer {
		err := d.submit(*s)
		return d.events, err
	}
	if _, submitting := command.(Submit); !submitting && t.Status == None {
		return nil, &Refusal{Kind: ErrNotFound}
	}
	var err error
	switch c := command.(type) {
	case Submit:
		err = d.submit(c)
	case Start:
		err = d.start(c)
	case Progress:
		err = d.progress(c)
	case Succeed:
		err = d.succeed(c)
	case *Succeed:
		err = d.succeed(*c)
	case Fail:
		err = d.fail(c)
	case Cancel:
		err = d.cancel(c)
	case Stop:
		err = d.stop(c)
	case Expire:
		err = d.expire(c)
	case Release:
		err = d.release(c)
	case Retry:
		err = d.retry(c)
	case Resubmit:
		err = d.resubmit(c)
	case Snooze:
		err = d.snooze(c)
	case Reprioritise:
		err = d.reprioritise(c)
	case Move:
		err = d.move(c)
	case Erase:
		err = d.erase(c)
	case RecordSteps:
		err = d.recordSteps(c)
	case ForgetStep:
		err = d.forgetStep(c)
	case Suspend:
		err = d.suspend(c)
	case Wake:
		err = d.wake(c)
	case Finish:
		err = d.finish(c)
	case FailWait:
		err = d.failWait(c)
	}
	return d.events, err
}

type decision struct {
	task   *Task
	now    Now
	events []Event
}

func (d *decision) add(t EventType, data Data, payload []byte) {
	d.events = append(d.events, Event{
		Type: t, Version: d.task.Version + int64(len(d.events)) + 1, At: d.now.At,
		Data: data, Payload: payload, HasPayload: payload != nil,
	})
}

// clock is the wall clock if it stands behind the time of the events, else 0.
func (d *decision) clock() Micros {
	if d.now.Wall < d.now.At {
		return d.now.Wall
	}
	return 0
}

func (d *decision) refuse(kind error, detail string) error {
	return &Refusal{Kind: kind, Status: d.task.Status, Detail: detail}
}

func (d *decision) submit(c Submit) error {
	if d.task.Status != None {
		return d.refuse(ErrExists, "")
	}
	c.Normalise()
	if bad := c.Validate(); bad != nil {
		return &Refusal{Kind: ErrInvalid, Fields: bad}
	}
	if c.Parameters == nil {
		c.Parameters = []byte("{}")
	}
	data := Data{
		TaskType: c.Type, Queue: c.Queue, Priority: c.Priority, RunAt: c.RunAt,
		MaxAttempts: c.MaxAttempts, Backoff: *c.Backoff, Timeout: max(c.Timeout, 0), Tags: c.Tags,
		IdempotencyKey: c.IdempotencyKey, RequestHash: c.RequestHash, Files: c.Files, FileNames: c.FileNames,
		Clock: d.clock(), RetryOf: c.RetryOf, TraceParent: c.TraceParent, ConcurrencyKey: c.ConcurrencyKey,
		Subject: cmp.Or(c.Subject, c.MadeSubject), SubjectGiven: c.Subject != "",
		DependsOn: c.DependsOn, RunAnyway: c.RunAnyway,
	}
	if u := c.Unique; u != nil {
		data.UniqueKey, data.UniqueFor, data.UniqueSince, data.UniqueBehind = u.Key, u.For, u.Since, u.Behind
		data.RunAt = u.cap(c.RunAt, d.now.Wall)
	}
	if k := c.Kin; k != nil {
		data.ParentID, data.ParentStep, data.ChildName, data.WorkflowID = k.Parent, k.Step, k.Name, k.Workflow
		data.Depth, data.Detached, data.OnFailure, data.JoinAny = k.Depth, k.Detached, k.OnFailure, k.Any
		data.Children = k.Children
	}
	d.add(EventSubmitted, data, c.Parameters)
	return nil
}

func (d *decision) start(c Start) error {
	t := d.task
	if t.Status != Pending || t.Waits() != nil || t.Ending() != None {
		return d.refuse(ErrNotPending, "")
	}
	d.add(EventStarted, Data{
		Attempt: t.Attempt + 1, Boot: c.Boot, Worker: c.Worker, LeaseSeconds: c.LeaseSeconds, TokenHash: c.TokenHash, Charge: c.Charge,
	}, nil)
	return nil
}

// holds checks that the attempt with that fence may write. The first refusal of a
// fence that once held the task is itself an event.
func (d *decision) holds(fence int64) error {
	t := d.task
	switch {
	case t.Status == Running && fence == t.Fence():
		if t.CancelRequested {
			return d.refuse(ErrStopping, "stop the attempt; nothing of it is kept")
		}
		return nil
	case 0 < fence && fence <= t.LastFence && fence > t.RefusedFence():
		d.add(EventLateResultRefused, Data{Fence: fence}, nil)
	}
	return d.refuse(ErrStale, "stop the attempt; another one holds the task or it has ended")
}

func (d *decision) progress(c Progress) error {
	t := d.task
	if t.Status != Running || c.Fence != t.Fence() {
		return d.refuse(ErrStale, "stop the attempt; another one holds the task or it has ended")
	}
	if t.CancelRequested && c.Saved == nil {
		return d.refuse(ErrStopping, "stop the attempt; nothing of it is kept")
	}
	payload := textPayload("message", c.Message)
	if c.Saved != nil {
		payload = withSaved(payload, c.Saved)
	}
	d.add(EventProgressed, Data{Fence: c.Fence, Progress: max(t.Progress, hundredths(c.Percent)), Trusted: c.Trusted}, payload)
	return nil
}

func hundredths(percent float64) int {
	if math.IsNaN(percent) {
		return 0
	}
	return int(math.Round(min(max(percent, 0), 100) * 100))
}

func (d *decision) succeed(c Succeed) error {
	if err := d.holds(c.Fence); err != nil {
		return err
	}
	d.end(Success, Data{Fence: c.Fence, Files: c.Files, Outcome: cut(c.Outcome, maxOutcome), Partial: c.Partial}, c.Result)
	return nil
}

func (d *decision) fail(c Fail) error {
	if err := d.holds(c.Fence); err != nil {
		return err
	}
	t := d.task
	if c.Error == "" {
		c.Error = "the handler gave no reason"
	}
	payload := textPayload("error", c.Error)
	if c.Stack != "" {
		payload = append(append(payload[:len(payload)-1], ','), textPayload("stack", c.Stack)[1:]...)
	}
	data := Data{Fence: c.Fence, Attempt: t.Attempt, Code: c.Code}
	if c.Code == CodePermanent || t.AttemptsLeft() <= 0 {
		d.end(Failed, data, payload)
		return nil
	}
	wait := min(c.After, MaxBackoffMax)
	if wait <= 0 {
		wait = t.Backoff().Delay(t.Attempt-int(t.AttemptBase), c.Seed)
	}
	data.RetryAt = d.now.Wall + min(wait, t.Backoff().Max)
	d.add(EventAttemptFailed, data, payload)
	if wait > t.Backoff().Max { // longer than any backoff: a time that was asked for, see Task.Due
		d.putOff(wait)
	}
	return nil
}

// putOff makes the next attempt wait for as long as the last one has asked for.
func (d *decision) putOff(wait Micros) {
	d.add(EventSnoozed, Data{RunAt: d.now.Wall + wait, Clock: d.clock(), InBackoff: true}, nil)
}

func (d *decision) cancel(c Cancel) error {
	t := d.task
	switch {
	case t.Status == Pending && (t.Ending() == Failed || t.Ending() == Cancelled): // its children are being cancelled
	case t.Status == Pending:
		d.end(Cancelled, Data{ReplacedBy: c.ReplacedBy, Because: c.Because}, textPayload("reason", c.Reason))
	case t.Status == Running && !t.CancelRequested:
		d.add(EventCancelRequested, Data{}, textPayload("reason", c.Reason))
	case t.Status == Running: // asked before: the same answer again, and no event
	default:
		return d.refuse(ErrEnded, "only a pending or running task can be cancelled")
	}
	return nil
}

func (d *decision) stop(c Stop) error {
	t := d.task
	if t.Status != Running || c.Fence != t.Fence() {
		return d.refuse(ErrStale, "")
	}
	if !t.CancelRequested {
		return d.refuse(ErrNotStopping, "")
	}
	d.end(Cancelled, Data{Fence: c.Fence}, nil)
	return nil
}

func (d *decision) expire(c Expire) error {
	t := d.task
	if t.Status != Running || c.Fence != t.Fence() {
		return d.refuse(ErrStale, "")
	}
	data := Data{Fence: c.Fence, Attempt: t.Attempt}
	switch c.Crash {
	case CrashAlone:
		data.Deaths = int(t.Deaths) + 1
	case CrashTogether:
		data.Suspicion = int(t.Suspicion) + 1
		if t.OnTrial() { // the others ran already when it was started
			data.Suspicion++
		}
		data.Suspicion = min(data.Suspicion, MaxSuspicion)
	}
	d.add(EventLeaseExpired, data, nil)
	died := Data{Attempt: t.Attempt, Code: CodeWorkerDied}
	switch {
	case t.CancelRequested:
		d.end(Cancelled, Data{}, nil)
	case c.Crash == CrashTogether: // the attempt is given back
	case data.Deaths >= MaxDeaths:
		d.end(Failed, died, textPayload("error", ErrorKilledWorkers))
	case t.AttemptsLeft() <= 0:
		d.end(Failed, died, textPayload("error", ErrorWorkerDied))
	}
	return nil
}

func (d *decision) release(c Release) error {
	if err := d.holds(c.Fence); err != nil {
		return err
	}
	d.add(EventReleased, Data{Fence: c.Fence}, nil)
	if wait := min(c.After, MaxBackoffMax); wait > 0 {
		d.putOff(wait)
	}
	return nil
}

func (d *decision) retry(c Retry) error {
	if err := d.retriable(); err != nil && !(c.Again && d.task.Status == Success) {
		return err
	}
	if d.task.Erased {
		return d.refuse(ErrErased, "its parameters are gone; submit a new one")
	}
	data := Data{Clock: d.clock()}
	switch {
	case c.Undo && d.task.KinNow().Done != nil:
		data.EndsAs = Success
	case c.Undo && d.task.waited():
		data.Waits = true
	case d.task.RunAt > d.now.Wall:
		data.RunAt = d.task.RunAt // cancelled before it was due
	}
	d.add(EventRetried, data, retryPayload(c))
	return nil
}

// retryPayload is what a retry says beside its facts, nil for nothing.
func retryPayload(c Retry) []byte {
	if c.Key == "" {
		return textPayload("reason", c.Reason)
	}
	payload, _ := json.Marshal(struct { // strings always marshal
		Reason string `json:"reason,omitempty"`
		Key    string `json:"idempotency_key"`
	}{CutText(c.Reason, maxErrorTextBytes), c.Key})
	return payload
}

// resubmit is retry as another task, which needs nothing of this one.
func (d *decision) resubmit(c Resubmit) error {
	if err := d.retriable(); err != nil {
		return err
	}
	d.add(EventResubmitted, Data{RetriedAs: c.As}, nil)
	return nil
}

// retriable refuses what has not ended, or has succeeded.
func (d *decision) retriable() error {
	switch d.task.Status {
	case Failed, Cancelled:
		return nil
	case Success:
		return d.refuse(ErrSucceeded, "only a failed or cancelled task can be retried; submit a new one")
	}
	return d.refuse(ErrNotEnded, "only a failed or cancelled task can be retried; wait for it, or cancel it first")
}

func (d *decision) erase(c Erase) error {
	switch {
	case !d.task.Status.Ended():
		return d.refuse(ErrNotEnded, "cancel it first, or wait for it")
	case !d.task.Erased:
		d.add(EventErased, Data{}, textPayload("reason", c.Reason))
	}
	return nil
}
