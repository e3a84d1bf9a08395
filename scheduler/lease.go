package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// LeaseRequest is a worker's request for tasks. Its values have been checked.
type LeaseRequest struct {
	Worker  string        // its name
	Build   string        // of its code; "" = not said
	Address string        // where it calls from
	Types   []string      // task types that it runs
	Queues  []string      // that it takes tasks of; nil = all
	Max     int           // tasks, 0 … 1000
	Length  time.Duration // of each lease, 1 s … 1 h; 0 = as the type of the task says
	Wait    time.Duration // until there is a task
	PollID  string        // the same one gets the same answer again; "" = none
}

// Leased is a task in the hands of a worker.
type Leased struct {
	Token  string
	Until  time.Time     // when the lease ends without a beat
	Length time.Duration // that a beat extends it by
	Task   task.Task     // as it started
}

// Errors of what is done with the token of a lease.
var (
	// ErrNoLease: the token holds no task (any more). The worker is to stop work on it.
	ErrNoLease = errors.New("the token holds no task")
	// ErrOtherResult: the same token has completed the task with another result.
	ErrOtherResult = errors.New("the task was completed with another result")
)

// Lease gives tasks to a worker, at most r.Max. It waits up to r.Wait for the first; the
// workers that wait longest come first. No task: none and no error. When ctx ends, what was leased
// for the call is given back. Errors: ErrStopped, ErrNotRunning, ErrLeadLost, eventlog.ErrUnknown.
func (s *Scheduler) Lease(ctx context.Context, r LeaseRequest) ([]Leased, error) {
	return s.StartLease(ctx, r)(false)
}

// StartLease is Lease in two parts: the request is on its way when it returns, and the function that it returns waits
// for the tasks, with hurry only for those that are ready now. The function must be called.
func (s *Scheduler) StartLease(ctx context.Context, r LeaseRequest) (wait func(hurry bool) ([]Leased, error)) {
	at := func(leases []Leased, err error) func(bool) ([]Leased, error) {
		return func(bool) ([]Leased, error) { return leases, err }
	}
	before, quiet := s.leases.ask(&r, time.Now())
	if before != nil {
		return at(before, nil)
	}
	if quiet || r.Max == 0 {
		return at(nil, nil)
	}
	if s.draining.Load() {
		return at(nil, s.noMoreWork())
	}
	if err := s.awaitBegin(ctx); err != nil {
		return at(nil, err)
	}
	o := &offer{LeaseRequest: r, done: make(chan answer, 1)}
	if err := s.enqueue(ctx, &request{offer: o}); err != nil {
		return at(nil, err)
	}
	return func(hurry bool) ([]Leased, error) {
		a, err := s.awaitLeases(ctx, o, hurry)
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			s.GiveBack(a.leases)
			return nil, ctx.Err()
		}
		s.leases.answered(&o.LeaseRequest, a.leases)
		return a.leases, a.err
	}
}

// noMoreWork is what a worker gets that waits for work while the scheduler stops: no task, or, in a cluster, that it is to ask the node
// that leads next.
func (s *Scheduler) noMoreWork() error {
	if s.o.Node != "" {
		return ErrLeadLost
	}
	return nil
}

// awaitLeases waits for the answer to an offer, which is withdrawn at the end of its time.
func (s *Scheduler) awaitLeases(ctx context.Context, o *offer, hurry bool) (answer, error) {
	select {
	case a := <-o.done:
		return a, nil
	default:
	}
	if !hurry {
		timer := time.NewTimer(o.Wait)
		defer timer.Stop()
		select {
		case a := <-o.done:
			return a, nil
		case <-timer.C:
		case <-ctx.Done():
		case <-s.stopped:
		}
	}
	// From here on the loop gives it nothing more; what it has got is on its way.
	_ = s.enqueue(context.WithoutCancel(ctx), &request{offer: o})
	select {
	case a := <-o.done:
		return a, nil
	case <-s.stopped:
		return answer{}, s.stopError()
	}
}

// GiveBack returns leases whose answer never reached the worker, at no cost. They are ready again at once.
func (s *Scheduler) GiveBack(leases []Leased) {
	for _, l := range leases {
		_, _ = s.Report(context.Background(), ActorScheduler, l.Token, task.Release{})
	}
}

// ask notes that a worker has asked for work. It returns what the worker still holds of the answer to an earlier poll
// of the same id, and its caller may have.
func (t *leaseTable) ask(r *LeaseRequest, now time.Time) (before []Leased, quiet bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.workers) > forgetAbove {
		t.forget(now)
	}
	w := t.worker(r.Worker, now)
	w.Build, w.Address, w.Types, w.Queues = r.Build, r.Address, r.Types, r.Queues
	w.called = true
	for _, l := range w.polls.of(r.PollID) {
		if t.holds(&l) && r.takes(&l.Task) {
			before = append(before, l)
		}
	}
	return before, t.quiet(r.Worker)
}

// holds reports whether the lease is still held. mu must be held.
func (t *leaseTable) holds(l *Leased) bool {
	held := t.byTask[l.Task.ID]
	return held != nil && held.token == l.Token
}

// takes reports whether the request is for tasks like this one. The queues are those that its caller may use.
func (r *LeaseRequest) takes(s *task.Task) bool {
	return slices.Contains(r.Types, s.Type) && (r.Queues == nil || slices.Contains(r.Queues, s.Queue))
}

// forgetAbove is the number of workers above which those that are gone are looked for.
const forgetAbove = 100

// answered remembers the answer to a poll. The starts of the tasks are in the views now, which tell more of what the worker holds.
func (t *leaseTable) answered(r *LeaseRequest, leases []Leased) {
	if len(leases) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.workers[r.Worker]
	if w == nil {
		return
	}
	t.move(w)
	if r.PollID != "" {
		w.polls.add(r.PollID, leases, len(w.leases), t.holds)
	}
}

// Report carries out what a worker reports of the task that the token holds: Succeed, Fail, Release or
// Progress, whose Fence is not looked at. It returns the task as it
// then stands. Errors: ErrNoLease, ErrOtherResult, a *task.Refusal that wraps
// task.ErrStopping when the task was cancelled (the report has ended the lease), an error with a method
// Permanent for a result that the log does not take, a *task.Refusal with task.ErrInvalid for one that
// its type does not allow (the lease goes on), and those of commands.
func (s *Scheduler) Report(ctx context.Context, actor, token string, c task.Command) (task.Task, error) {
	return s.StartReport(ctx, actor, token, c)()
}

// StartReport is Report in two parts: the report is on its way when it returns, and the function that it returns
// waits for the answer. Several reports, and a request for the next tasks, so go into one commit.
func (s *Scheduler) StartReport(ctx context.Context, actor, token string, c task.Command) (wait func() (task.Task, error)) {
	at := func(t task.Task, err error) func() (task.Task, error) {
		return func() (task.Task, error) { return t, err }
	}
	if success, ok := c.(task.Succeed); ok {
		o, err := checked(Outcome{Result: success.Result, Files: success.Files})
		if err != nil {
			return at(task.Task{}, err)
		}
		success.Result, success.Files = o.Result, o.Files
		c = success
	}
	l := s.leases.find(token)
	if l == nil {
		return at(s.reportLate(ctx, actor, token, c))
	}
	if success, ok := c.(task.Succeed); ok {
		if bad := s.o.Runner.CheckResult(l.taskType, success.Result); bad != nil {
			return at(task.Task{}, &task.Refusal{Kind: task.ErrInvalid, Fields: bad})
		}
	}
	if progress, ok := c.(task.Progress); ok {
		if !s.reported(l, actor, &progress, time.Now()) {
			return at(s.now(ctx, l.id))
		}
		c = progress
	}
	answered := s.begin(ctx, &request{actor: actor, id: l.id, command: withFence(c, l.fence), lease: l})
	return func() (task.Task, error) {
		answer, err := answered()
		if errors.Is(err, task.ErrStale) { // another report of the token was decided while this one was on its way
			return s.reportLate(ctx, actor, token, c)
		}
		if len(answer.tasks) == 0 {
			return task.Task{}, err
		}
		return answer.tasks[0].Task, err
	}
}

// now is the task as it stands.
func (s *Scheduler) now(ctx context.Context, id ulid.ULID) (task.Task, error) {
	t, _, err := s.o.Views.Get(ctx, id)
	return t, err
}

// withFence is the command with the fence of an attempt.
func withFence(c task.Command, fence int64) task.Command {
	switch c := c.(type) {
	case task.Succeed:
		c.Fence = fence
		return &c
	case task.Fail:
		c.Fence = fence
		return c
	case task.Release:
		c.Fence = fence
		return c
	case task.Progress:
		c.Fence = fence
		return c
	}
	return c
}

// reportLate answers a report whose token holds no task. A completion that was carried
// out before is the same again; of what is else too late the first for a token is an event.
func (s *Scheduler) reportLate(ctx context.Context, actor, token string, c task.Command) (task.Task, error) {
	id, ok := taskOfToken(token)
	if !ok {
		return task.Task{}, ErrNoLease
	}
	t, _, err := s.o.Views.Get(ctx, id)
	if errors.Is(err, projection.ErrNotFound) {
		return task.Task{}, ErrNoLease
	}
	if err != nil {
		return task.Task{}, err
	}
	fence, succeeded, err := s.attemptOf(ctx, id, token)
	if err != nil || fence == 0 {
		return task.Task{}, errors.Join(ErrNoLease, err)
	}
	if success, isSuccess := c.(task.Succeed); isSuccess && succeeded != nil {
		return t, s.compareResult(ctx, succeeded, success.Result)
	}
	if _, isProgress := c.(task.Progress); isProgress {
		return t, ErrNoLease
	}
	_, err = s.ask(ctx, &request{actor: actor, id: id, command: withFence(c, fence), lease: &lease{id: id, fence: fence}})
	if errors.Is(err, task.ErrStale) {
		return t, ErrNoLease
	}
	return t, err
}

// compareResult compares the result of an event with another spelling of it, as RFC 8785 does. Errors:
// ErrOtherResult, those of reading.
func (s *Scheduler) compareResult(ctx context.Context, succeeded *eventlog.Event, other []byte) error {
	var result []byte
	if succeeded.HasPayload {
		var err error
		if result, err = s.o.Payloads.Get(ctx, succeeded.Seq); err != nil {
			return fmt.Errorf("read the result: %w", err)
		}
	}
	if !sameValue(result, other) {
		return ErrOtherResult
	}
	return nil
}

// attemptOf looks in the history of a task for the attempt that a token was made for: its fence,
// 0 if there is none, and the event of its success, nil if it has not succeeded.
func (s *Scheduler) attemptOf(ctx context.Context, id ulid.ULID, token string) (fence int64, succeeded *eventlog.Event, err error) {
	hash := hashOf(token)
	seqs, err := s.o.Views.History(ctx, id)
	for some := range slices.Chunk(seqs, 1000) {
		var events []*eventlog.Event
		if events, err = s.o.Log.Events(ctx, some); err != nil {
			break
		}
		for _, e := range events {
			kind, _ := task.ParseEventType(e.Type)
			if kind != task.EventStarted && kind != task.EventSucceeded && kind != task.EventEnding {
				continue
			}
			var d task.Data
			if err = new(task.Decoder).Decode(&d, kind, e.V, e.Data); err != nil {
				return 0, nil, fmt.Errorf("look for the attempt of a token: %w", err)
			}
			switch {
			case kind == task.EventStarted && d.TokenHash == hash:
				fence = e.Version
			case fence == 0 || d.Fence != fence:
			case kind == task.EventSucceeded, kind == task.EventEnding && d.EndsAs == task.Success:
				succeeded = e
			}
		}
	}
	if err != nil {
		return 0, nil, fmt.Errorf("look for the attempt of a token: %w", err)
	}
	return fence, succeeded, nil
}

// Beaten is the answer to a beat.
type Beaten struct {
	Until     time.Time     // when the first of the leases ends
	Shortest  time.Duration // of the leases, from now; 0 without any
	Cancelled []string      // tokens whose tasks were cancelled
	Lost      []string      // tokens that hold no task
	Quiet     bool          // the worker gets no more work
}

// Beat says that a worker is alive, and extends its leases by length, or each by its own length if
// that is 0.
func (s *Scheduler) Beat(name string, tokens []string, length time.Duration) (b Beaten) {
	now := time.Now()
	t := s.leases
	hashes := make([][32]byte, len(tokens))
	for i, token := range tokens {
		hashes[i] = hashOf(token)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.worker(name, now).called = true
	b.Until, b.Quiet = now, t.quiet(name)
	for i, token := range tokens {
		l := t.byHash[hashes[i]]
		if l == nil || l.worker != name {
			b.Lost = append(b.Lost, token)
			continue
		}
		by := l.length
		if length > 0 {
			by = length
		}
		t.extend(l, now.Add(by))
		if b.Shortest == 0 || by < b.Shortest {
			b.Until, b.Shortest = l.deadline, by
		}
		if l.cancelled {
			b.Cancelled = append(b.Cancelled, token)
		}
	}
	return b
}

// Heartbeat is Beat for the one task that a token holds, for who knows only that. Errors: ErrNoLease.
func (s *Scheduler) Heartbeat(token string) (until time.Time, cancelled, quiet bool, err error) {
	l := s.leases.find(token)
	if l == nil {
		return time.Time{}, false, false, ErrNoLease
	}
	b := s.Beat(l.worker, []string{token}, 0)
	if len(b.Lost) > 0 {
		return time.Time{}, false, false, ErrNoLease
	}
	return b.Until, len(b.Cancelled) > 0, b.Quiet, nil
}
