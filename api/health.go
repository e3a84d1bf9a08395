package api

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"daybook/eventlog"
)

// health answers GET /api/health, in the form that early clients expect.
func (a *API) health(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	p.shows(a.Views.Seq())
	return p.send(typeJSON, []byte(`{"status":"healthy","message":"Daybook is running"}`))
}

var typeText = []string{"text/plain; charset=utf-8"}

// alive answers GET /healthz: the process answers.
func (a *API) alive(p *reply, _ *http.Request) error {
	p.Header()["Cache-Control"] = noStore
	return p.send(typeText, []byte("ok\n"))
}

// ready answers GET /readyz: the server takes writes.
func (a *API) ready(p *reply, _ *http.Request) error {
	state := a.sched().State()
	unready := func(kind, detail string) error {
		return &problem{Status: http.StatusServiceUnavailable, Kind: kind, RetryAfter: 5, Detail: detail}
	}
	switch {
	case a.moved() != nil:
		return unready("data-moved", movedDetail)
	case state.Failed:
		return unready("outcome-unknown", "The log must be reopened: restart the server.")
	case state.Draining:
		return unready("stopping", "The server is stopping and accepts no more work.")
	case state.Damaged:
		return unready("log-damaged", "The log is damaged, so writes are refused. Reads still work; see the server output for what was found.")
	case state.Full:
		return unready("log-full", "The disk is full: less than 64 MiB are free, reserved for the results of running tasks. Free some space; the server then accepts writes again. Reads still work.")
	}
	if a.Ready != nil {
		if err := a.Ready(); err != nil {
			return unready("not-following", "This node"+strings.TrimPrefix(err.Error(), "this node")+". Reads still work, and may be old.")
		}
	}
	p.Header()["Cache-Control"] = noStore
	body := "ready\n"
	if n, first := a.Payloads.Damaged(); n > 0 {
		body += "damaged payloads: " + strconv.Itoa(n) + ", the first at event " + itoa(first) +
			". Their tasks are marked; everything else works. To recover them, restore the data folder from a backup.\n"
	}
	switch h := a.Views.Health(); h.State {
	case "rebuilding":
		body += "views: being rebuilt from the log because the view file could not be used; " + percentOf(h.Progress) +
			" is done. Until then older ended tasks and idempotency keys get 503.\n"
	case "texts":
		body += "views: the search index is being rebuilt because its file could not be used; " + percentOf(h.Progress) +
			" is done. Until then searches get 503.\n"
	case "memory":
		body += "views: in memory because the view file cannot be written. See the server output; the server retries every 30 seconds.\n"
	}
	return p.send(typeText, []byte(body))
}

// moved returns why nothing can be stored any more, nil if something can: the data folder is not where it
// was. It wraps eventlog.ErrMoved.
func (a *API) moved() error {
	if err := a.Log.CheckFiles(); errors.Is(err, eventlog.ErrMoved) {
		return err
	}
	return nil
}
