package queues

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"daybook"
	"daybook/bench/measure"
	"daybook/handler"
	"daybook/projection"
	"daybook/task"
)

// daybookQueue is Daybook in this process.
type daybookQueue struct {
	workers int
	daybook *daybook.Daybook
	gate    *gate
	stop    context.CancelFunc
	ran     chan error
}

// noop is the task type that does nothing, once its gate is open.
type noop struct {
	gate *gate
	hit  func()
}

// Spec describes the type.
func (noop) Spec() task.TypeSpec {
	return task.TypeSpec{
		Name: "NOOP", Title: "Nothing",
		ParametersSchema: json.RawMessage(`{"type":"object","properties":{"text":{"type":"string"}},"required":["text"],"additionalProperties":false}`),
		ResultSchema:     json.RawMessage(`{}`),
		Defaults:         json.RawMessage(`{}`),
	}
}

// Run does nothing.
func (n noop) Run(ctx context.Context, _ handler.Call) (any, error) {
	if err := n.gate.wait(ctx); err != nil {
		return nil, err
	}
	n.hit()
	return nil, nil
}

// gate holds handlers back until it is opened: Daybook submits only while it runs.
type gate struct {
	once sync.Once
	c    chan struct{}
}

func newGate() *gate { return &gate{c: make(chan struct{})} }

func (g *gate) open() { g.once.Do(func() { close(g.c) }) }

func (g *gate) wait(ctx context.Context) error {
	select {
	case <-g.c:
		return nil
	default:
	}
	select {
	case <-g.c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// daybookOptions are the defaults, except the slots and the time that handlers at the
// gate get at a stop.
func daybookOptions(j measure.Job) daybook.Options {
	return daybook.Options{Data: j.Dir, Concurrency: j.Workers, Grace: 100 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
}

func openDaybook(ctx context.Context, j measure.Job, hits *measure.Hits) (measure.System, error) {
	daybook.TuneMemory()
	d, err := daybook.Open(ctx, daybookOptions(j))
	if err != nil {
		return nil, err
	}
	q := &daybookQueue{workers: j.Workers, daybook: d, gate: newGate(), ran: make(chan error, 1)}
	if j.Row == measure.Start {
		q.gate.open() // what waits is run as soon as it can be
	}
	if err := d.Register(noop{q.gate, hits.Hit}); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	ctx, q.stop = context.WithCancel(ctx)
	go func() { q.ran <- d.Run(ctx) }()
	return q, nil
}

func (q *daybookQueue) Caller() (measure.Caller, error) { return same(q.submit), nil }

func (q *daybookQueue) submit(ctx context.Context, n int) error {
	submits := make([]task.Submit, n)
	for i := range submits {
		submits[i] = task.Submit{Type: "NOOP", Parameters: []byte(measure.Payload)}
	}
	_, err := q.daybook.Submit(ctx, submits...)
	return err
}

func (q *daybookQueue) Work(context.Context) error {
	q.gate.open()
	return nil
}

func (q *daybookQueue) Ended(ctx context.Context, n int64) (int64, error) {
	views := q.daybook.Views()
	for {
		changed := views.Changed()
		if ended := tasks(views, succeeded); ended >= n || ctx.Err() != nil {
			return ended, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func (q *daybookQueue) Left(context.Context) (int64, error) {
	return tasks(q.daybook.Views(), open), nil
}

func succeeded(s task.Status) bool { return s == task.Success }

func open(s task.Status) bool { return !s.Ended() }

// tasks is the number of tasks in such statuses.
func tasks(views *projection.Views, such func(task.Status) bool) (n int64) {
	counts, _ := views.Counts()
	for _, c := range counts {
		if such(c.Status) {
			n += c.N
		}
	}
	return n
}

// Lag is how many events the file of ended tasks does not have yet. Memory has them.
func (q *daybookQueue) Lag(context.Context) (int64, error) {
	return q.daybook.Views().Stats().Lag, nil
}

func (q *daybookQueue) Facts(ctx context.Context) (measure.Facts, error) {
	return measure.Facts{
		Synced:     true,
		Durability: "synced before the answer: " + daybookDurability,
		Settings:   fmt.Sprintf("%d slots, no polling; memory as `daybook serve` sets it; every event and payload is kept", q.workers),
		PIDs:       []int{os.Getpid()},
	}, ctx.Err()
}

// daybookDurability is what the log asserts of every connection when it is opened; it
// does not open otherwise.
const daybookDurability = "log in SQLite, WAL, synchronous=FULL"

func (q *daybookQueue) Close() error {
	q.stop()
	return errors.Join(<-q.ran, q.daybook.Close())
}

// submitBody is the payload as the body of a submit over HTTP.
func submitBody() string { return `{"task_type":"NOOP","parameters":` + measure.Payload + `}` }

// batchBody is the body of a submit of n tasks over HTTP.
func batchBody(n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(submitBody()+",", n), ",") + "]"
}
