// Package daybook is a task queue that writes everything down, ready to be embedded
// in a Go program: open it, register what it shall run, run it, serve its page.
package daybook

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"daybook/handler"
)

// Options configure a Daybook. The zero value works.
type Options struct {
	Data        string        // folder of log and files; "" = "daybook-data"
	Concurrency int           // attempts at the same time; 0 = 8
	Grace       time.Duration // for handlers at a stop; 0 = 20 s
	MaxFile     int64         // most bytes of an upload; 0 = 2 GiB
	AnyHost     bool          // answer to any Host header; false = loopback names only
	AcceptLoss  bool          // go on with a log that lost acknowledged events, and write that down
	Logger      *slog.Logger  // nil = slog.Default()
	// Rebuilding is called now and then while the views are rebuilt, with the seq
	// reached and the log's head; nil = not.
	Rebuilding func(done, head int64)
}

// Version of the program.
const Version = "0.1.0"

// Daybook is one open queue.
type Daybook struct{}

// Open opens or makes the queue in o.Data and rebuilds its views. The built-in task types
// are registered. Close it after Run has returned.
func Open(ctx context.Context, o Options) (*Daybook, error) { panic("todo") }

// Register adds a task type. To be called before Run and Handler.
func (d *Daybook) Register(h handler.Handler) error { panic("todo") }

// Run runs tasks until ctx ends, then stops in order. See scheduler.Scheduler.Run.
func (d *Daybook) Run(ctx context.Context) error { panic("todo") }

// Handler answers the REST API, the event streams and the page.
func (d *Daybook) Handler() http.Handler { panic("todo") }

// StopStreams ends all event streams, so that http.Server.Shutdown can return.
func (d *Daybook) StopStreams() { panic("todo") }

// Close closes the log. Call it after Run has returned.
func (d *Daybook) Close() error { panic("todo") }
