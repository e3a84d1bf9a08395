package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
)

// WorkerOptions are the settings of a Worker. The zero value is useful.
type WorkerOptions struct {
	// Name of the worker, which no other running worker may have. "" = the name of the host and a
	// random part. At most 128 of A-Z a-z 0-9 . _ - : @
	Name string
	// Build is the version of the program, shown in the list of workers.
	Build string
	// Slots is how many tasks run at the same time, 1 to 1000. 0 = 8.
	Slots int
	// Queues to take tasks from. None = all.
	Queues []string
	// Lease is how long the server waits for a beat before it gives the tasks to another worker,
	// 1 s to 1 h in whole seconds. 0 = 30 s.
	Lease time.Duration
	// Grace is how long running handlers may go on after the context of Run has ended. 0 = 20 s,
	// negative = none.
	Grace time.Duration
	// Logger gets what an operator should know: lost connections, refused reports, panics. nil =
	// slog.Default().
	Logger *slog.Logger
}

// Limits and defaults of a worker.
const (
	mostSlots    = 1000
	defaultSlots = 8
	defaultLease = 30 * time.Second
	defaultGrace = 20 * time.Second
)

// Worker runs tasks of a server in this program, by Worker Protocol 1 (docs/worker-protocol.md).
//
//	worker := client.NewWorker(c, client.WorkerOptions{Slots: 4})
//	client.Handle(worker, "resize", func(ctx context.Context, l client.Lease[Params]) (Result, error) { … })
//	err := worker.Run(ctx)
//
// A task runs at least once: when the connection or the program breaks after the work is done and
// before the server knows, it runs again.
type Worker struct {
	client   *Client
	options  WorkerOptions
	handlers map[string]handlerFunc
	types    []string // the keys of handlers, in the order of Handle
	declared []declaration
	running  atomic.Bool
}

// handlerFunc runs one attempt and returns its result as JSON.
type handlerFunc func(ctx context.Context, a *attempt) (json.RawMessage, error)

// NewWorker returns a worker of the client's server. Give it handlers with Handle, then Run it.
func NewWorker(c *Client, o WorkerOptions) *Worker {
	if o.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "worker"
		}
		o.Name = strings.Map(plainName, host) + "-" + strings.ToLower(rand.Text()[:6])
	}
	if o.Slots == 0 {
		o.Slots = defaultSlots
	}
	if o.Lease == 0 {
		o.Lease = defaultLease
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	o.Grace = max(o.Grace, 0)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Queues = slices.Clone(o.Queues)
	// A lease call waits up to a minute, a result may take longer: each call has its own limit.
	patient := &Client{servers: c.servers, http: c.streams, streams: c.streams, Token: c.Token}
	return &Worker{client: patient, options: o, handlers: map[string]handlerFunc{}}
}

// plainName keeps what the name of a worker may have.
func plainName(c rune) rune {
	if c < 0x80 && (unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("._-:@", c)) {
		return c
	}
	return '-'
}

// Name is the worker's name on the server.
func (w *Worker) Name() string { return w.options.Name }

// Handle gives the worker the handler of a task type. The parameters are decoded from JSON into a
// P; parameters that do not fit fail the task without a retry. The R that the handler returns is encoded
// to JSON as the task's result. An error fails the attempt, and the task is retried by its own
// rules: see Permanent and RetryAfter. A panic is an error with its stack.
//
// ctx ends when the task is cancelled, when its lease is lost, or when the worker stops and the
// grace is over; context.Cause(ctx) is then ErrCancelled, ErrLeaseLost or ErrStopping. Handlers run
// in goroutines of their own, as many at a time as the worker has slots.
//
// Handle panics if the type is empty or has a handler already. It must not be called while the
// worker runs.
func Handle[P, R any](w *Worker, taskType string, do func(ctx context.Context, l Lease[P]) (R, error)) {
	if taskType == "" || w.handlers[taskType] != nil {
		panic(fmt.Sprintf("client: Handle: the task type %q is empty or has a handler already", taskType))
	}
	w.types = append(w.types, taskType)
	w.handlers[taskType] = func(ctx context.Context, a *attempt) (json.RawMessage, error) {
		var parameters P
		if err := json.Unmarshal(a.task.Parameters, &parameters); err != nil {
			return nil, Permanent(fmt.Errorf("parameters do not fit the handler: %w", err))
		}
		result, err := do(ctx, Lease[P]{Parameters: parameters, Task: *a.task, Attempt: a.number, attempt: a})
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(result)
		if err != nil {
			return nil, Permanent(fmt.Errorf("encode the result: %w", err))
		}
		return text, nil
	}
}

// Run leases and runs tasks until ctx ends. Then it leases nothing more, lets running handlers
// finish for the grace, ends the contexts of the others, gives their tasks back at no cost, and
// returns nil when the server has every report. Values of ctx reach the handlers.
//
// It survives restarts of the server and lost connections. It returns an error when the options
// are wrong, when the server refuses the worker (400, 401, 403, 404), when handlers do not return although
// their context has ended, or when reports could not be delivered after the grace.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.check(); err != nil {
		return err
	}
	if !w.running.CompareAndSwap(false, true) {
		return errors.New("the worker runs already")
	}
	defer w.running.Store(false)
	if err := w.declare(ctx); err != nil {
		return err
	}
	return newWorkerRun(ctx, w).loop(ctx)
}

// check refuses options that the server would refuse, and a worker that can do nothing.
func (w *Worker) check() error {
	switch o := &w.options; {
	case len(w.handlers) == 0:
		return errors.New("the worker has no handler: call client.Handle before Run")
	case o.Slots < 1 || o.Slots > mostSlots:
		return fmt.Errorf("WorkerOptions.Slots must be 1 to %d, not %d", mostSlots, o.Slots)
	case o.Lease < time.Second || o.Lease > time.Hour || o.Lease%time.Second != 0:
		return fmt.Errorf("WorkerOptions.Lease must be 1s to 1h in whole seconds, not %s", o.Lease)
	}
	return nil
}
