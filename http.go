package daybook

import (
	"net/http"

	"daybook/mcp"
)

// Handler answers the REST API, the event streams and the page. Writes are answered
// while Run runs.
func (d *Daybook) Handler() http.Handler {
	if err := d.connect(); err != nil {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "Daybook is not configured well; see the server's log", http.StatusInternalServerError)
		})
	}
	return d.front()
}

// front is the API as callers reach it.
func (d *Daybook) front() http.Handler {
	if d.node != nil {
		return d.node.Front(d.api, d.o.Path())
	}
	return d.api
}

// StopStreams ends all event streams, so that http.Server.Shutdown can return.
func (d *Daybook) StopStreams() {
	if d.connect() == nil {
		d.api.StopStreams()
	}
}

// serveAgents makes the API answer /mcp.
func (d *Daybook) serveAgents() {
	d.api.ServeAgents(mcp.New(mcp.Options{API: d.front(), Prefix: d.o.Path(), Version: Version, Logger: d.o.Logger}))
}
