package daybook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"daybook/client"
	"daybook/cluster"
	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"
	"daybook/scheduler"

	"github.com/oklog/ulid/v2"
)

// queueLog is the log in the data folder: that of SQLite, or the replica that a node has of the log of its cluster.
type queueLog interface {
	eventlog.Log
	StartWriting() error
	Loss() *sqlitelog.Loss
	Check(ctx context.Context, o sqlitelog.CheckOptions) error
	Condemn(err error)
	Close() error
}

// openLog opens the log, and before it the node of a cluster.
func (d *Daybook) openLog(ctx context.Context) (err error) {
	o := sqlitelog.Options{Dir: d.o.Data, AcceptLoss: d.o.AcceptLoss, RingBytes: recentEvents, Logger: d.o.Logger, LookFirst: true}
	if d.o.Cluster == nil {
		d.log, err = sqlitelog.Open(ctx, o)
		return err
	}
	settings := *d.o.Cluster
	settings.Data, settings.Version, settings.Logger = d.o.Data, Version, d.o.Logger
	if settings.URL == "" {
		settings.URL = d.o.PublicURL
	}
	if d.node, err = cluster.Open(settings); err != nil {
		return err
	}
	log, err := d.node.Log(ctx, o)
	if err != nil {
		return errors.Join(err, d.node.Close())
	}
	d.log = log
	return nil
}

func (d *Daybook) closeLog() error {
	err := d.log.Close()
	if d.node != nil {
		err = errors.Join(err, d.node.Close())
	}
	return err
}

// runNode follows and leads until ctx ends, and runs tasks beside.
func (d *Daybook) runNode(ctx context.Context) error {
	stop, err := d.node.Answer(program{d.api, d})
	if err != nil {
		return err
	}
	defer stop()
	var beside sync.WaitGroup
	defer beside.Wait()
	working, end := context.WithCancel(ctx)
	defer end()
	leading, endLead := context.WithCancel(context.WithoutCancel(ctx))
	defer endLead()
	workerDone := make(chan struct{})
	beside.Go(func() { d.eraseLeftLogs(working) })
	beside.Go(func() {
		defer close(workerDone)
		d.runWorker(working)
	})
	go func() { // the worker gives back what it runs while somebody can still write that down
		<-working.Done()
		time.AfterFunc(d.o.grace(), func() { d.sched().EndGrace() }) // for what the scheduler runs it is the same grace
		<-workerDone
		endLead()
	}()
	first := true
	return d.node.Run(leading, cluster.Hooks{
		NewScheduler: func() (*scheduler.Scheduler, error) {
			if first {
				first = false
				return d.sched(), nil
			}
			s, err := d.newScheduler()
			if err == nil {
				d.current.Store(s)
				d.api.SetScheduler(s)
			}
			return s, err
		},
		Leads: d.lead,
		Sees: func(o scheduler.Outlook) {
			d.sched().See(o)
			for _, taker := range o.Takers {
				if err := d.registry.Offer(taker.Types); err != nil {
					d.o.Logger.Warn("not all types that workers run are known here", "error", err)
				}
			}
		},
	})
}

// changeCluster adds a node or removes one.
func (d *Daybook) changeCluster(ctx context.Context, name string, add bool) (change any, refused string, err error) {
	do := d.node.Remove
	if add {
		do = d.node.Add
	}
	change, err = do(ctx, name)
	if errors.Is(err, cluster.ErrRefused) {
		return nil, "The " + err.Error() + ".", nil
	}
	return change, "", err
}

// inside sends requests to a handler without a network.
type inside struct{ to http.Handler }

func (t inside) RoundTrip(r *http.Request) (*http.Response, error) {
	w := cluster.NewAnswer()
	inner := r.Clone(r.Context())
	inner.RequestURI = r.URL.RequestURI()
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	t.to.ServeHTTP(w, inner)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: w.Code, Status: http.StatusText(w.Code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.Header(),
		Body: io.NopCloser(&w.Body), ContentLength: int64(w.Body.Len()), Request: r}, nil
}

// nodeLease is how long the tasks of a node stay with it when it is not heard of.
const nodeLease = 15 * time.Second

// runWorker runs tasks of this node until ctx ends. Like any worker it leases them.
func (d *Daybook) runWorker(ctx context.Context) {
	if d.o.Concurrency < 0 {
		<-ctx.Done()
		return
	}
	calls := &http.Client{Transport: inside{d.node.Own(d.api)}}
	c, err := client.New("http://"+d.node.Name()+".node", calls)
	if err != nil {
		d.o.Logger.Error("run tasks", "error", err)
		return
	}
	w := client.NewWorker(c, client.WorkerOptions{Name: d.node.Name(), Build: Version, Slots: max(d.o.Concurrency, 0), Lease: nodeLease, Grace: d.o.Grace, Logger: d.o.Logger})
	run := nodeRun{d: d, calls: calls, url: c.URL()}
	for _, spec := range d.registry.Specs() {
		if d.registry.Runs(spec.Name) {
			client.Handle(w, spec.Name, run.handle)
		}
	}
	for ctx.Err() == nil {
		following, end := d.node.WhileFollowing(ctx)
		if err := w.Run(following); err != nil {
			d.o.Logger.Error("this node runs no tasks for a moment", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
		end()
	}
}

// nodeRun runs tasks that this node has leased.
type nodeRun struct {
	d     *Daybook
	calls *http.Client
	url   string
}

func (n nodeRun) handle(ctx context.Context, l client.Lease[json.RawMessage]) (json.RawMessage, error) {
	id, err := ulid.ParseStrict(l.Task.ID)
	if err != nil {
		return nil, err
	}
	if err := n.d.views.Await(ctx, l.Task.LastSeq); err != nil { // the lease is kept meanwhile
		return nil, err
	}
	t, _, err := n.d.views.Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read the task: %w", err)
	}
	ctx, end := within(ctx, t.Timeout.Duration())
	defer end()
	r := runner{n.d.registry, n.d.files, n.d.taskLogs, n.d.intake}
	outcome, err := r.Run(ctx, scheduler.Attempt{
		Task: t, Parameters: bytes.Clone(l.Parameters),
		FileNames: func() (map[string]string, error) { return l.Task.FileNames, nil },
		Report:    l.Progress,
		Save: func(ctx context.Context, percent float64, message string, value []byte) error {
			return n.save(ctx, l.Token(), percent, message, value)
		},
		Saved: func(ctx context.Context) ([][]byte, error) { return n.d.sched().Saved(ctx, id) },
	})
	if err != nil {
		return nil, workerError(ctx, err)
	}
	for _, file := range outcome.Files {
		l.AddFile(file)
	}
	l.SetOutcome(outcome.Outcome, outcome.Partial)
	return outcome.Result, nil
}

// within limits the time of an attempt, and gives the ends of its context the causes that handlers know.
func within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	inner, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		switch cause := context.Cause(ctx); {
		case errors.Is(cause, client.ErrCancelled):
			end(ErrCancelled)
		case errors.Is(cause, client.ErrStopping):
			end(ErrStopping)
		default:
			end(ErrLeaseLost)
		}
	})
	cancel := func() { end(context.Canceled) }
	if timeout > 0 {
		inner, cancel = context.WithTimeoutCause(inner, timeout, ErrTimeout)
	}
	return inner, func() { stop(); cancel(); end(context.Canceled) }
}

// workerError makes an error of a handler one of a worker.
func workerError(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrTimeout) {
		return fmt.Errorf("timeout: %w", err)
	}
	var permanent interface{ Permanent() bool }
	if errors.As(err, &permanent) && permanent.Permanent() {
		return client.Permanent(err)
	}
	var later interface{ RetryAfter() time.Duration }
	if errors.As(err, &later) && later.RetryAfter() > 0 {
		return client.RetryAfter(err, later.RetryAfter())
	}
	return err
}

// save writes a value for later attempts, and returns when it is in the log.
func (n nodeRun) save(ctx context.Context, token string, percent float64, message string, value []byte) error {
	saved, err := scheduler.SavedValue(value)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"progress": percent, "message": message, "saved": json.RawMessage(saved)})
	if err != nil {
		return fmt.Errorf("save a value: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url+"/api/leases/"+token+"/heartbeat", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("save a value: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := n.calls.Do(r)
	if err != nil {
		return fmt.Errorf("save a value: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
		return fmt.Errorf("save a value: %s: %s", answer.Status, text)
	}
	return nil
}
