// Package api speaks HTTP and server-sent events: it decodes requests, calls the
// scheduler and the views, and encodes what they answer. The one table from error to
// status is in problem.go.
//
// A request passes ServeHTTP (host and origin are checked, panics become problems), the
// router (routes.go) and one endpoint. An endpoint either writes its answer or returns an
// error, never both.
package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime"
	"sync/atomic"

	"daybook/api/eventstream"
	"daybook/eventlog"
	"daybook/eventlog/payloadcache"
	"daybook/files"
	"daybook/intake"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/tasklog"

	"github.com/gorilla/mux"
)

// Options configure the API. Those up to Page must be set.
type Options struct {
	Log       eventlog.Log
	Views     *projection.Views
	Past      *projection.Past // views as they were
	Payloads  *payloadcache.Cache
	Scheduler *scheduler.Scheduler
	Intake    *intake.Intake
	Files     *files.Store
	TaskLogs  *tasklog.Store
	Page      fs.FS // the dashboard's files, index.html at its root; read once, by New

	// Cluster says how the cluster is, as what json.Marshal can encode, and Ready why this node of it is not ready;
	// nil = there is no cluster.
	Cluster        func(ctx context.Context) any
	Ready          func() error
	ClusterNumbers func() ClusterNumbers // for the metrics
	// ChangeCluster adds or removes a node, and says how far that is, as what json.Marshal can encode; or why that is refused.
	ChangeCluster func(ctx context.Context, name string, add bool) (change any, refused string, err error)

	Webhooks Webhooks // must be set

	MaxFile    int64 // most bytes of an upload; 0 = 2 GiB
	MaxStreams int   // most open event streams; 0 = 10,000
	AnyHost    bool  // answer to any Host header; false = loopback names, and those below
	LocalOnly  bool  // while there is no token, answer only requests from this machine

	// How the outside reaches this server through a proxy: its URL, with a path if it lies
	// below one; or further host names, with the port where it is not the usual one, and
	// the path. CORSOrigins are those of front ends elsewhere, each named.
	PublicURL   string
	Hosts       []string
	BasePath    string
	CORSOrigins []string

	Version string       // of the program
	Logger  *slog.Logger // nil = slog.Default()
}

// ClusterNumbers are what a node of a cluster measures.
type ClusterNumbers struct {
	Leads bool
	Term  int64   // how many have led
	Lag   float64 // seconds for which this node has lacked events
	Heard int     // nodes that run and are heard, this one among them
	Nodes int     // all
}

const (
	defaultMaxFile    = 2 << 30
	defaultMaxStreams = 10_000
)

// check lists what is missing.
func (o *Options) check() error {
	switch {
	case o.Log == nil:
		return errors.New("api: no log")
	case o.Views == nil:
		return errors.New("api: no views")
	case o.Past == nil:
		return errors.New("api: no past")
	case o.Payloads == nil:
		return errors.New("api: no payloads")
	case o.Scheduler == nil:
		return errors.New("api: no scheduler")
	case o.Intake == nil:
		return errors.New("api: no intake")
	case o.Files == nil:
		return errors.New("api: no file store")
	case o.TaskLogs == nil:
		return errors.New("api: no task logs")
	case o.Page == nil:
		return errors.New("api: no page")
	case o.Webhooks.Test == nil:
		return errors.New("api: no webhooks")
	}
	return nil
}

// sched returns the scheduler: in a cluster, that of the lead that this node has, or would have.
func (a *API) sched() *scheduler.Scheduler { return a.current.Load() }

// SetScheduler makes another scheduler the one that decides: in a cluster, each time that this node leads has one.
func (a *API) SetScheduler(s *scheduler.Scheduler) { a.current.Store(s) }

// API is the HTTP handler of everything: REST, server-sent events, page, metrics.
type API struct {
	Options
	current  atomic.Pointer[scheduler.Scheduler]
	router   *mux.Router
	byPath   map[string]*route
	origins  *http.CrossOriginProtection
	address  address
	metrics  *metrics
	streams  *eventstream.Server
	failures failures // of sign-ins
	declared atomic.Pointer[Declaration]
	agents   http.Handler // of /mcp; nil = none
	screens  screens      // shared messages of /api/stream
	chunks   chunks       // shared messages of /api/log/stream
	proof    proof        // last answer of /api/log/verify

	bodies  budget // memory for bodies on their way in
	answers budget // memory for large answers on their way out

	searches chan struct{} // room for one each that runs

	screenFeed  *eventstream.Feed // of /api/stream
	logFeed     *eventstream.Feed // of /api/log/stream
	taskLogFeed *eventstream.Feed // of /api/tasks/{id}/log

	// stopping ends when StopStreams is called, and ends long answers.
	stopping context.Context
	stop     context.CancelFunc
}

// New returns the handler. Errors: an option that is missing, a page without index.html.
func New(o Options) (*API, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.MaxFile <= 0 {
		o.MaxFile = defaultMaxFile
	}
	if o.MaxStreams <= 0 {
		o.MaxStreams = defaultMaxStreams
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	a := &API{Options: o, origins: http.NewCrossOriginProtection(), byPath: make(map[string]*route)}
	a.SetScheduler(o.Scheduler)
	var err error
	if a.address, err = newAddress(&o); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	for _, origin := range a.address.trusted {
		if err := a.origins.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("api: trust %s: %w", origin, err)
		}
	}
	a.stopping, a.stop = context.WithCancel(context.Background())
	a.newStreams()
	a.bodies.most, a.answers.most = memoryShare(), memoryShare()
	a.searches = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	a.proof.turn = make(chan struct{}, 1)
	a.metrics = newMetrics(a)
	a.router = mux.NewRouter().SkipClean(true)
	if err := a.routes(); err != nil {
		a.stop()
		return nil, fmt.Errorf("api: %w", err)
	}
	return a, nil
}

// StopStreams ends all server-sent event streams and long polls, so that http.Server.Shutdown
// can return. It returns when the streams have ended: none of them reads the log after that.
func (a *API) StopStreams() {
	a.stop()
	a.streams.Wait()
}
