// Package daybook is a task queue that writes everything down, ready to be embedded
// in a Go program: open it, register task types, run it, serve its page.
//
// Tasks run at least once. A handler that is interrupted, by a crash of the process for
// one, runs again.
package daybook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"daybook/api"
	"daybook/cluster"
	"daybook/eventlog"
	"daybook/eventlog/payloadcache"
	"daybook/files"
	"daybook/handler"
	"daybook/intake"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/tasklog"
	"daybook/trace"
	"daybook/ui"
)

// Version of the program.
const Version = "0.1.0"

// Errors of a Daybook, beside those that its methods name.
var (
	// ErrNotRunning: Run has not been called yet. Nothing happened.
	ErrNotRunning = scheduler.ErrNotRunning
	// ErrRanBefore: Run was called before. Close the queue and open it again to run it again.
	ErrRanBefore = scheduler.ErrRanBefore
	// ErrClosed: the queue was closed. Open it again.
	ErrClosed = errors.New("queue is closed: open it again")
)

// Causes of the end of a handler's context, see handler.Handler.
var (
	ErrCancelled = handler.ErrCancelled
	ErrTimeout   = handler.ErrTimeout
	ErrStopping  = handler.ErrStopping
	ErrLeaseLost = handler.ErrLeaseLost
)

// payloadCache is how many bytes of recent payloads are kept in memory.
const payloadCache = 32 << 20

// recentEvents is how many bytes of recent events are kept in memory.
const recentEvents = 24 << 20

// defaultTimeout is that of tasks that name none.
const defaultTimeout = 30 * time.Minute

// Options configure a Daybook. The zero value works.
type Options struct {
	Data        string        // folder of log and files, made if absent; "" = "daybook-data"
	Concurrency int           // attempts at the same time, 1 … 10,000; 0 = 8
	Grace       time.Duration // for handlers at a stop; 0 = 20 s, less = none
	// DefaultTimeout is the timeout of tasks that are submitted without one; 0 = 30 min, less =
	// none. It shows in the task, and is no part of the request that an idempotency key stands for.
	DefaultTimeout time.Duration
	MaxFile        int64 // most bytes of an upload; 0 = 2 GiB
	MaxTaskLogs    int64 // most bytes of the logs of all tasks together; 0 = 1 GiB, at least 64 MiB
	AnyHost        bool  // answer to any Host header; false = loopback names only
	LocalOnly      bool  // while there is no token, answer only requests from this machine
	// PublicURL is how the outside reaches this server through a proxy, such as
	// "https://tasks.example/daybook"; Hosts are further host names that it answers to, and
	// BasePath is the path before all paths of this server. CORSOrigins are the origins, such as
	// "https://app.example", of front ends elsewhere. Zero = this machine's own names alone.
	PublicURL   string
	Hosts       []string
	BasePath    string
	CORSOrigins []string
	// OTLPEndpoint is an OpenTelemetry collector that gets the spans of tasks, such as "http://127.0.0.1:4318";
	// OTLPHeaders are sent with each call. "" = no spans are exported.
	OTLPEndpoint string
	OTLPHeaders  map[string]string
	MaxStreams   int          // most open event streams; 0 = 10,000, and fewer where few files may be open
	AcceptLoss   bool         // go on with a log that lost acknowledged events, and write that down
	Logger       *slog.Logger // nil = slog.Default()
	Settings     Settings     // what Configure can change while the queue runs
	// Cluster makes this process a node of a cluster; nil = it is alone.
	Cluster *cluster.Options
	// Rebuilding is called now and then while the views are rebuilt, with the seq
	// reached and the log's head; nil = not.
	Rebuilding func(done, head int64)
	// Indexing is called now and then while the indexes of a rebuilt view file are made,
	// with the tasks done and all of them; nil = not.
	Indexing func(done, total int64)
}

// grace is how long running tasks have to finish at a stop.
func (o *Options) grace() time.Duration {
	if o.Grace == 0 {
		return 20 * time.Second
	}
	return max(o.Grace, 0)
}

// address is the part of the options that says how the outside reaches the server.
func (o *Options) address() api.Options {
	return api.Options{PublicURL: o.PublicURL, Hosts: o.Hosts, BasePath: o.BasePath, CORSOrigins: o.CORSOrigins}
}

// Path is the path before all of the server's own, by PublicURL or BasePath; "" = none.
func (o *Options) Path() string {
	path, _ := api.BasePath(o.address()) // Open says what is wrong with them
	return path
}

// Daybook is one open queue.
type Daybook struct {
	o        Options
	log      queueLog
	node     *cluster.Node // nil = it is alone
	views    *projection.Views
	past     *projection.Past
	payloads *payloadcache.Cache
	files    *files.Store
	taskLogs *tasklog.Store
	registry *handler.Registry

	configuring sync.Mutex
	settings    *checkedSettings // guarded by configuring, once connected
	exporter    *trace.Exporter  // nil = no spans are exported

	wire    sync.Once // guards those below
	current atomic.Pointer[scheduler.Scheduler]
	intake  *intake.Intake
	api     *api.API
	wireErr error

	mu       sync.Mutex
	closed   bool               // guarded by mu
	stop     context.CancelFunc // guarded by mu; ends Run; nil unless it runs
	over     chan struct{}      // guarded by mu; closed when Run has returned
	closing  sync.Once
	closeErr error // of the first Close
}

// CheckAddress says what is wrong with PublicURL and BasePath, nil if nothing is. Open checks
// them too.
func (o Options) CheckAddress() error {
	_, err := api.BasePath(o.address())
	return err
}

// Open opens or makes the queue in o.Data and its views. The built-in task
// types are registered. Close it in the end. Errors: a folder that another
// process holds, a log that is damaged, shorter than what was acknowledged or written
// by a newer Daybook; each says what to do.
func Open(ctx context.Context, o Options) (*Daybook, error) {
	if o.Data == "" {
		o.Data = "daybook-data"
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if err := o.CheckAddress(); err != nil {
		return nil, err
	}
	if o.DefaultTimeout == 0 {
		o.DefaultTimeout = defaultTimeout
	}
	settings, err := o.Settings.check()
	if err != nil {
		return nil, err
	}
	registry, err := newRegistry(settings.types)
	if err != nil {
		return nil, err
	}
	d := &Daybook{o: o, registry: registry, settings: settings}
	settings.webhook.Lookup = d.webhookTarget
	if o.OTLPEndpoint != "" {
		if d.exporter, err = trace.NewExporter(o.OTLPEndpoint, o.OTLPHeaders, Version, o.Logger); err != nil {
			return nil, err
		}
	}
	place := filepath.Join(o.Data, "files")
	if isNoFolder(place) {
		return nil, fmt.Errorf("open the files: %s is no folder: move it away", place)
	}
	if err := d.openLog(ctx); err != nil {
		return nil, err
	}
	d.views, err = projection.Open(ctx, d.log, projection.Options{
		Dir: o.Data, Progress: o.Rebuilding, Indexing: o.Indexing, Logger: o.Logger,
	})
	if err != nil {
		return nil, errors.Join(err, d.closeLog())
	}
	if d.files, err = files.Open(place); err != nil {
		return nil, errors.Join(fmt.Errorf("open the files: %w", err), d.views.Close(), d.closeLog())
	}
	if d.node != nil {
		d.node.Follow(d.views)
		d.files.Share(d.node.Files())
		if o.Cluster.Import {
			if err := d.files.ShareAll(ctx); err != nil {
				return nil, errors.Join(fmt.Errorf("bring the files into the cluster: %w", err), d.files.Close(), d.views.Close(), d.closeLog())
			}
		}
	}
	if err := d.log.StartWriting(); err != nil { // only now: what a refusal is about is evidence
		return nil, errors.Join(err, d.files.Close(), d.views.Close(), d.closeLog())
	}
	if d.taskLogs, err = d.openTaskLogs(); err != nil {
		return nil, errors.Join(err, d.files.Close(), d.views.Close(), d.closeLog())
	}
	d.payloads = payloadcache.New(d.log, payloadCache)
	d.past = projection.NewPast(d.log, o.Data, o.Logger)
	return d, nil
}

// Register adds a task type. To be called before Run and Handler.
func (d *Daybook) Register(h handler.Handler) error {
	return d.registry.Add(h)
}

// Use puts middleware around the handlers of all types, the built-in ones too: for logs,
// traces, metrics, or values that handlers find in their context. The first one is the
// outermost. To be called before Run.
func (d *Daybook) Use(around ...handler.Middleware) {
	d.registry.Use(around...)
}

// EndGrace ends the grace of a stop, now or when it comes: handlers are told to stop at once, and
// what they ran is given back at no cost.
func (d *Daybook) EndGrace() {
	if d.connect() == nil {
		d.sched().EndGrace()
	}
}

// Views are the tasks as they are now, for reading. The tags of a task in them are shared: clone
// them before a change.
func (d *Daybook) Views() *projection.Views { return d.views }

// NeedsToken reports whether requests need a token: whether one has been created and not revoked.
func (d *Daybook) NeedsToken() bool { return d.views.Tokens().Any() }

// Run runs tasks until ctx ends or Close is called, then stops in order: nothing new is
// started, handlers get Grace, what is left is given back at no cost. It can be called once:
// ErrRanBefore, ErrClosed. Any other error means that the queue must be closed and opened again.
func (d *Daybook) Run(ctx context.Context) error {
	if err := d.connect(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	over, err := d.beginRun(stop)
	if err != nil {
		return err
	}
	defer close(over)
	var beside sync.WaitGroup
	defer beside.Wait()
	besides, end := context.WithCancel(context.Background())
	defer end()
	beside.Go(func() { d.checkLog(besides) })
	beside.Go(func() { d.watchFiles(besides) })
	if d.node == nil {
		beside.Go(func() { d.lead(besides) })
	}
	if d.exporter != nil {
		d.views.Observe(&tracer{d.exporter})
		beside.Go(func() { d.exporter.Run(besides) })
	}
	if d.node != nil {
		err = d.runNode(ctx)
	} else {
		err = d.sched().Run(ctx)
	}
	if err != nil && errors.Is(d.log.Damage(), eventlog.ErrMoved) {
		// The end of the process would be the end of the files that it alone has.
		d.o.Logger.Error("queue has stopped; what it has can be read until the server is stopped", "error", err)
		<-ctx.Done()
	}
	return err
}

// beginRun notes that Run runs, and how Close ends it.
func (d *Daybook) beginRun(stop context.CancelFunc) (over chan struct{}, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return nil, ErrClosed
	case d.over != nil:
		return nil, ErrRanBefore
	}
	d.stop, d.over = stop, make(chan struct{})
	return d.over, nil
}

// Close ends Run, if it runs, and waits for it, then closes the views, the log and the
// files. It may be called again, and by several goroutines: all get the same answer.
func (d *Daybook) Close() error {
	d.closing.Do(func() {
		d.mu.Lock()
		d.closed = true
		stop, over := d.stop, d.over
		d.mu.Unlock()
		if over != nil {
			stop()
			<-over
		}
		d.StopStreams()
		d.closeErr = errors.Join(d.taskLogs.Close(), d.past.Close(), d.views.Close(), d.files.Close(), d.closeLog())
	})
	return d.closeErr
}

// connect makes the scheduler and the API once, when all types are registered.
func (d *Daybook) connect() error {
	d.wire.Do(func() {
		// A type that workers offered is known again after a restart, if a task of it was submitted.
		if d.wireErr = d.registry.Offer(d.views.TaskTypes()); d.wireErr != nil {
			return
		}
		if d.wireErr = d.registry.Offer(d.settings.offered); d.wireErr != nil {
			return
		}
		d.intake, d.wireErr = intake.New(intake.Options{
			Types: d.registry, Files: d.files, Log: d.log, Views: d.views, Payloads: d.payloads, Logger: d.o.Logger, Instead: closedTypes,
		})
		if d.wireErr != nil {
			return
		}
		d.intake.Configure(d.settings.defaults, d.settings.missing)
		declared, _ := d.views.DeclaredTypes()
		for _, t := range declared {
			d.declareType(t)
		}
		d.views.Observe(declarations{d})
		first, err := d.newScheduler()
		if d.wireErr = err; err != nil {
			return
		}
		d.current.Store(first)
		o := api.Options{
			Log: d.log, Views: d.views, Past: d.past, Payloads: d.payloads, Scheduler: first,
			Intake: d.intake, Files: d.files, TaskLogs: d.taskLogs, Page: ui.Files(),
			MaxFile: d.o.MaxFile, MaxStreams: d.o.maxStreams(), AnyHost: d.o.AnyHost, LocalOnly: d.o.LocalOnly,
			PublicURL: d.o.PublicURL, Hosts: d.o.Hosts, BasePath: d.o.BasePath, CORSOrigins: d.o.CORSOrigins,
			Version: Version, Logger: d.o.Logger, Webhooks: d.webhooks(),
		}
		if d.node != nil {
			o.ClusterNumbers = func() api.ClusterNumbers { return api.ClusterNumbers(d.node.Numbers()) }
			o.Cluster, o.Ready = func(ctx context.Context) any { return d.node.Status(ctx) }, d.node.Ready
			o.ChangeCluster = d.changeCluster
		}
		if d.api, d.wireErr = api.New(o); d.wireErr != nil {
			d.o.Logger.Error("wire the API", "error", d.wireErr)
			return
		}
		d.api.Protect(d.settings.read)
		d.serveAgents()
	})
	return d.wireErr
}

// sched is the scheduler: in a cluster, that of the lead that this node has, or would have.
func (d *Daybook) sched() *scheduler.Scheduler { return d.current.Load() }

func (d *Daybook) newScheduler() (*scheduler.Scheduler, error) {
	var loss *scheduler.Loss
	if l := d.log.Loss(); l != nil {
		loss = &scheduler.Loss{First: l.First, Last: l.Last, Head: l.Head}
	}
	o := scheduler.Options{
		Log: d.log, Views: d.views, Payloads: d.payloads, Runner: runner{d.registry, d.files, d.taskLogs, d.intake},
		Concurrency: d.o.Concurrency, Grace: d.o.Grace, DefaultTimeout: max(d.o.DefaultTimeout, 0), Logger: d.o.Logger,
		ReadSubmit: d.intake.ReadScheduled, ReadWorkflow: d.intake.ReadScheduledWorkflow, Version: Version, AcceptedLoss: loss,
		EraseLogs: d.taskLogs.Erase,
	}
	if d.node != nil {
		o.Node = d.node.Name()
	}
	return scheduler.New(o)
}
