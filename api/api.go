// Package api speaks HTTP and server-sent events: it decodes requests, calls the
// scheduler and the views, and encodes what they answer. The one table from error to
// status is in problem.go.
package api

import (
	"io/fs"
	"log/slog"
	"net/http"

	"daybook/eventlog"
	"daybook/files"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

// Types is what the API needs to know of task types.
type Types interface {
	// Specs lists the types by name.
	Specs() []task.TypeSpec
	// Knows tells whether the type can be submitted.
	Knows(name string) bool
	// Prepare checks canonical parameters, adds the type's defaults and lists the files
	// that they name. fields is what is wrong, with pointers below /parameters.
	Prepare(name string, parameters []byte) (prepared []byte, fileIDs []string, fields []task.FieldError, err error)
}

// Options configure the API. All but the last five must be set.
type Options struct {
	Log       eventlog.Log
	Views     *projection.Views
	Payloads  *eventlog.Payloads
	Scheduler *scheduler.Scheduler
	Types     Types
	Files     *files.Store
	Page      fs.FS // the dashboard's files, index.html at its root

	MaxFile int64        // most bytes of an upload; 0 = 2 GiB
	AnyHost bool         // answer to any Host header; false = loopback names only
	Version string       // of the program
	Logger  *slog.Logger // nil = slog.Default()
}

// API is the HTTP handler of everything: REST, server-sent events, page, metrics.
type API struct{}

// New returns the handler.
func New(o Options) (*API, error) { panic("todo") }

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { panic("todo") }

// StopStreams ends all server-sent event streams and long polls, so that http.Server.Shutdown can return.
func (a *API) StopStreams() { panic("todo") }
