// Package scheduler takes commands, owns the clock and runs what is due.
//
// One goroutine, the loop, drains the commands that wait, decides each on the state
// that the ones before it lead to, hands over all that follows to be appended with one
// sync, folds it into the views and answers. While a round is appended, the next is decided
// on top of it. Everything else (handlers, readers) runs beside it.
//
// Files from top to bottom: scheduler (what callers use), lifecycle (start and stop), loop, input
// (what is decided next), then the decisions: commands, unique, reports, trials, dispatch; they add to
// a round, which is an overlay over the source, a draft and memory. commit appends rounds and gives
// callers their results; foreign reads what others have appended. attempt, ending and outcome run
// beside the loop and send it reports.
package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/payloadcache"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// Errors of every command, beside task.Refusal.
var (
	// ErrBusy: the queue of commands stayed full for 5 s. Nothing happened; try again.
	ErrBusy = errors.New("too many commands are waiting")
	// ErrStopped: the scheduler takes no more commands. Nothing happened.
	ErrStopped = errors.New("server is stopping")
	// ErrNotRunning: Run has not been called yet, so nothing is decided. Nothing happened.
	ErrNotRunning = errors.New("not running: call Run, in another goroutine, before anything is submitted or changed")
	// ErrRanBefore: Run was called a second time.
	ErrRanBefore = errors.New("has run already: open the queue anew to run it again")
	// ErrLeadLost: another node of the cluster decides now. Nothing happened; ask that one.
	ErrLeadLost = errors.New("another node leads")
	// ErrReadOnly: the log was found damaged and takes nothing any more. Nothing happened.
	// The error wraps eventlog.ErrDamaged too and says what was found.
	ErrReadOnly = errors.New("log is read only")
	// and eventlog.ErrFull (nothing happened), eventlog.ErrUnknown (it happened or not).
)

// Options configure a scheduler. Log, Views, Payloads and Runner must be set.
type Options struct {
	Log         eventlog.Log
	Views       *projection.Views // folded up to the log's head
	Payloads    *payloadcache.Cache
	Runner      Runner
	Concurrency int           // attempts at the same time, 1 … 10,000; 0 = 8. Of a node only whether it runs any: less than 0 = none
	Grace       time.Duration // for handlers at a stop; 0 = 20 s, less = none
	// DefaultTimeout is the timeout of tasks that are submitted without one; 0 = none. It is
	// no part of a request: the same key and request are the same whatever it is.
	DefaultTimeout time.Duration
	// ReadSubmit completes the submit of a schedule's task out of its body, which it may
	// change, and returns what is wrong. A delay counts from now. nil = no schedules.
	ReadSubmit func(body []byte, now task.Micros, into *task.Submit) []task.FieldError
	// ReadWorkflow is ReadSubmit for a schedule's workflow. nil = no schedules of workflows.
	ReadWorkflow func(body []byte, now task.Micros) (*task.Workflow, []task.FieldError)
	// EraseLogs deletes the lines of the logs of tasks that were erased. It returns when that is on disk. nil = there are none.
	EraseLogs func(ctx context.Context, ids []ulid.ULID) error
	Logger    *slog.Logger // nil = slog.Default()
	Version   string       // of the program, for server.started
	// Wall is the wall clock: what is due, and the time of events. nil = the system's.
	// Timeouts and the grace are measured on the monotonic clock instead.
	Wall func() task.Micros
	// Node is the name of this node of a cluster: Run takes the lead with it, and ends with ErrLeadLost when another
	// node has taken it. All attempts are then leases, but for deliveries of webhooks. "" = there is no cluster.
	Node string
	// AcceptedLoss, if not nil, is written down as server.loss_accepted before all else.
	AcceptedLoss *Loss
}

// Loss is a part of the history that was acknowledged and is gone.
type Loss struct {
	First, Last int64 // the seqs that are missing, both included; 0 when that cannot be known
	Head        int64 // where the log ended when it was accepted
}

// Submitted is the answer to one submit.
type Submitted struct {
	Task     task.Task   // as task.submitted left it; a replay, or one that was returned: as it is now
	Replayed bool        // the idempotency key was used before for the same request
	Returned bool        // another task holds the unique key, and this is it
	Replaced []ulid.ULID // the pending tasks that it has replaced under its unique key
}

// old reports whether the task was there before the submit.
func (s *Submitted) old() bool { return s.Replayed || s.Returned }

// Scheduler takes commands and runs tasks. Its methods may be called from any goroutine.
type Scheduler struct {
	o    Options
	boot ulid.ULID // of this life of the server

	commands   chan *request
	nudge      chan struct{} // enough commands or reports wait to be decided while a round is being appended
	eager      int           // how many are enough
	early      int           // events that are enough for a round when the log is idle
	reports    chan report
	began      chan struct{} // closed by Run
	once       atomic.Bool   // Run was called
	hurry      chan struct{} // closed by EndGrace
	hurried    sync.Once
	stopped    chan struct{}         // closed when the loop answers no more
	bulkNudge  chan struct{}         // a bulk was started
	eraseNudge chan struct{}         // a task was erased
	eraseErr   atomic.Pointer[error] // why the eraser cannot go on; nil = it can
	heldBulks  heldBulks
	decides    time.Duration // how long the loop decides the changes of a bulk before others get their turn
	waiters    waiters
	lingering  taskSet // whose attempt has ended but has not returned
	leases     *leaseTable
	appends    appendTimes

	seen          atomic.Pointer[Outlook] // of the node that leads; nil = nothing
	trying        atomic.Bool             // suspects are tried, and others wait
	running       atomic.Int64            // attempts that hold a slot
	delivering    atomic.Int64            // those that hold a slot of deliveries
	deliverySlots int                     // how many may
	draining      atomic.Bool
	full          atomic.Bool
	failed        atomic.Bool
	outvoted      atomic.Bool // another node leads

	loop loop // owned by the goroutine in Run
}

// eagerCommands is how many commands or reports must wait, or how many tasks one command must
// submit, for the loop to be woken for them while a round is being appended: to be woken
// for each costs more than is gained.
const eagerCommands = 16

// commandQueue is how many commands may wait to be decided.
const commandQueue = 16_384

// New returns a scheduler that does nothing until Run.
func New(o Options) (*Scheduler, error) {
	if o.Log == nil || o.Views == nil || o.Payloads == nil || o.Runner == nil {
		return nil, errors.New("scheduler: Log, Views, Payloads and Runner must be set")
	}
	if o.Concurrency == 0 {
		o.Concurrency = 8
	}
	delivers := deliverySlots
	if o.Node != "" {
		if o.Concurrency < 0 {
			delivers = 0
		}
		o.Concurrency = 0
	} else if o.Concurrency < 1 || o.Concurrency > 10_000 {
		return nil, fmt.Errorf("scheduler: concurrency is %d: it must be between 1 and 10,000", o.Concurrency)
	}
	if o.Grace == 0 {
		o.Grace = 20 * time.Second
	}
	o.Grace = max(o.Grace, 0)
	if o.DefaultTimeout < 0 || o.DefaultTimeout > task.MaxTimeout.Duration() {
		return nil, fmt.Errorf("scheduler: default timeout is %v: it must be at most 30 days, or 0 for none", o.DefaultTimeout)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.ReadSubmit == nil {
		o.ReadSubmit = func([]byte, task.Micros, *task.Submit) []task.FieldError {
			return []task.FieldError{{Detail: "this program takes no schedules"}}
		}
	}
	if o.ReadWorkflow == nil {
		o.ReadWorkflow = func([]byte, task.Micros) (*task.Workflow, []task.FieldError) {
			return nil, []task.FieldError{{Detail: "this program takes no schedules of workflows"}}
		}
	}
	if o.Wall == nil {
		o.Wall = func() task.Micros { return task.MicrosOf(time.Now()) }
	}
	s := &Scheduler{
		o:             o,
		deliverySlots: delivers,
		commands:      make(chan *request, commandQueue),
		nudge:         make(chan struct{}, 1),
		eager:         eagerCommands,
		early:         earlyEvents,
		reports:       make(chan report, o.Concurrency+deliverySlots),
		began:         make(chan struct{}),
		hurry:         make(chan struct{}),
		stopped:       make(chan struct{}),

		bulkNudge: make(chan struct{}, 1), eraseNudge: make(chan struct{}, 1), decides: bulkDecides,
		leases: newLeaseTable(func(worker string) bool { return o.Views.QuietWorkers()[worker] }),
	}
	s.loop.init(s)
	return s, nil
}

// Submit appends the tasks in one commit, all or none, and returns them in order. A
// refused one refuses all: *BatchError says which. Their field ID is ignored. Nothing in
// them is to be changed afterwards. ctx ends the waiting, not the command.
func (s *Scheduler) Submit(ctx context.Context, actor string, submits []task.Submit) ([]Submitted, error) {
	for i := range submits {
		if !s.o.Runner.Knows(submits[i].Type) {
			return nil, &BatchError{i, &task.Refusal{Kind: task.ErrInvalid, Fields: []task.FieldError{
				{Pointer: "/task_type", Detail: "must be a known task type"},
			}}}
		}
	}
	answer, err := s.ask(ctx, &request{actor: actor, submits: submits})
	return answer.tasks, err
}

// Do carries out Cancel, Retry, Snooze, Reprioritise or Move on a task and returns it as it
// then stands. Errors: *task.Refusal, and those above. ctx ends the waiting, not
// the command.
func (s *Scheduler) Do(ctx context.Context, actor string, id ulid.ULID, command task.Command) (task.Task, error) {
	switch command.(type) {
	case task.Cancel, task.Retry, task.Snooze, task.Reprioritise, task.Move:
	default:
		return task.Task{}, fmt.Errorf("scheduler: %T is not a command that can be asked for", command)
	}
	answer, err := s.ask(ctx, &request{actor: actor, id: id, command: command})
	if len(answer.tasks) == 0 {
		return task.Task{}, err
	}
	return answer.tasks[0].Task, err
}

// request is one command from outside on its way through the loop: submits, or command
// on the task id, or the offer of a worker.
type request struct {
	actor    string
	submits  []task.Submit
	id       ulid.ULID
	command  task.Command
	expect   int64  // of command: only if the task has that version; 0 = any
	lease    *lease // the worker that holds the task reports the command
	offer    *offer
	others   func() ([]Other, error) // events that are not of tasks, see Record
	with     *[]task.Submit          // tasks that others submits in the same commit; nil = none
	recurs   *ScheduleCommand
	flow     *flowAsked  // a workflow, or what is asked of one
	steps    *stepsAsked // with task.RecordSteps and task.Suspend
	signal   *signalAsked
	bulk     *bulkChunk
	children *childrenAsked // with steps and submits
	joined   *joined        // what became of children that a task waits for
	visit    *Visit         // of the person who asks; nil = a program
	done     chan answer
}

// answer is small, for each request has room for one: the tasks of the submits, or the one
// that the command was on.
type answer struct {
	tasks  []Submitted
	leases []Leased // of an offer
	err    error
}

// patience is how long a command waits for a place in the queue.
const patience = 5 * time.Second

// startPatience is how long a command waits for Run to be called, which is often done in
// another goroutine.
const startPatience = time.Second

// awaitBegin returns when Run has been called.
func (s *Scheduler) awaitBegin(ctx context.Context) error {
	select {
	case <-s.began:
		return nil
	default:
	}
	timer := time.NewTimer(startPatience)
	defer timer.Stop()
	select {
	case <-s.began:
		return nil
	case <-timer.C:
		return ErrNotRunning
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Scheduler) ask(ctx context.Context, r *request) (answer, error) {
	return s.begin(ctx, r)()
}

// begin sends the request to the loop. The function that it returns waits for the answer.
func (s *Scheduler) begin(ctx context.Context, r *request) (wait func() (answer, error)) {
	failed := func(err error) func() (answer, error) {
		return func() (answer, error) { return answer{}, err }
	}
	if err := s.awaitBegin(ctx); err != nil {
		return failed(err)
	}
	r.done, r.visit = make(chan answer, 1), visitOf(ctx)
	if err := s.enqueue(ctx, r); err != nil {
		return failed(err)
	}
	return func() (answer, error) {
		select {
		case a := <-r.done:
			return a, readOnly(a.err)
		case <-ctx.Done():
			return answer{}, ctx.Err()
		case <-s.stopped:
			select {
			case a := <-r.done:
				return a, readOnly(a.err)
			default:
				return answer{}, s.stopError()
			}
		}
	}
}

func (s *Scheduler) enqueue(ctx context.Context, r *request) error {
	select {
	case <-s.stopped:
		return s.stopError()
	default:
	}
	select {
	case s.commands <- r:
		s.wake(max(len(s.commands), len(r.submits)))
		return nil
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case s.commands <- r:
		return nil
	case <-timer.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stopped:
		return s.stopError()
	}
}

// wake wakes the loop while a round is being appended, if waiting things to decide are enough for that.
func (s *Scheduler) wake(waiting int) {
	if waiting >= s.eager {
		poke(s.nudge)
	}
}

// poke fills a channel of one place: whoever is poked already is about to look.
func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// stopError is what a command gets that the loop never answered.
func (s *Scheduler) stopError() error {
	if err := s.damage(); err != nil {
		return readOnly(err)
	}
	if s.outvoted.Load() {
		return ErrLeadLost
	}
	if s.failed.Load() {
		return fmt.Errorf("%w: the server has stopped taking writes", eventlog.ErrUnknown)
	}
	return ErrStopped
}
