package api

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"daybook/internal/jsontext"
	"daybook/internal/logline"
	"daybook/task"
)

// report is what a worker reports of one task.
type report struct {
	token   string
	command task.Command
	files   []string
	log     []logline.Line // that come with it
	bad     []task.FieldError
}

// readReport reads one report. An error in it does not affect other reports.
func readReport(value []byte) (r report) {
	o := object{"", &r.bad}
	var do string
	fields := map[string][]byte{}
	o.each(value, func(o object, key string, value []byte) bool {
		switch key {
		case "token":
			r.token = o.text(value, 1, 100)
		case "do":
			do = o.text(value, 1, 20)
		case "log":
			r.log = o.logLines(value)
		default:
			fields[key] = value
		}
		return true
	})
	if r.token == "" && r.bad == nil {
		object{"/token", &r.bad}.wrong("must be given")
	}
	r.command, r.files = readCommand(o, do, fields)
	return r
}

// readCommand reads the fields that go with what a report does.
func readCommand(o object, do string, fields map[string][]byte) (task.Command, []string) {
	read := func(field func(o object, key string, value []byte) bool) {
		for key, value := range fields {
			inner := object{o.at + "/" + jsontext.EscapePointer(key), o.bad}
			if !field(inner, key, value) {
				inner.wrong("is not a field of the report " + do)
			}
		}
	}
	switch do {
	case "complete":
		var c task.Succeed
		read(func(o object, key string, value []byte) bool { return readComplete(&c, o, key, value) })
		return c, c.Files
	case "fail":
		c := task.Fail{Code: task.CodeError}
		read(func(o object, key string, value []byte) bool { return readFail(&c, o, key, value) })
		return c, nil
	case "release":
		var c task.Release
		read(func(o object, key string, value []byte) bool {
			if key == "delay_seconds" && !jsontext.IsNull(value) {
				c.After = o.span(value, 0, task.MaxBackoffMax.Duration().Seconds())
			}
			return key == "delay_seconds"
		})
		return c, nil
	case "progress":
		var c task.Progress
		read(func(o object, key string, value []byte) bool { return readProgress(&c, o, key, value) })
		return c, nil
	}
	object{o.at + "/do", o.bad}.wrong("must be complete, fail, release or progress")
	return nil, nil
}

func readComplete(c *task.Succeed, o object, key string, value []byte) bool {
	switch key {
	case "result":
		if !jsontext.IsNull(value) {
			c.Result = slices.Clone(value)
		}
	case "outcome":
		c.Outcome = o.text(value, 0, 4*maxOutcome)
	case "partial":
		c.Partial = o.yes(value)
	case "files":
		o.items(value, task.MaxFiles, func(o object, value []byte) { c.Files = append(c.Files, o.text(value, 1, 64)) })
	default:
		return false
	}
	return true
}

func readFail(c *task.Fail, o object, key string, value []byte) bool {
	switch key {
	case "error":
		c.Error = o.text(value, 0, maxSubmit)
	case "retryable":
		if !o.yes(value) {
			c.Code = task.CodePermanent
		}
	case "retry_after_seconds":
		if !jsontext.IsNull(value) {
			c.After = o.span(value, 0, task.MaxBackoffMax.Duration().Seconds())
		}
	default:
		return false
	}
	return true
}

func readProgress(c *task.Progress, o object, key string, value []byte) bool {
	switch key {
	case "progress":
		c.Percent = o.number(value, 0, 100)
	case "message":
		if !jsontext.IsNull(value) {
			c.Message = o.text(value, 0, maxSubmit)
		}
	case "saved": // of nodes alone: see checkReport
		c.Saved = slices.Clone(value)
	default:
		return false
	}
	return true
}

// startReports starts to carry out reports, each independent of the others, so that they share a commit with what is
// asked for next. The function that it returns waits for their results. Those of one token are carried out in order.
func (a *API) startReports(r *http.Request, who string, reports []report) (wait func() []error) {
	results := make([]error, len(reports))
	waits := make([]func() (task.Task, error), len(reports))
	latest := make(map[string]int, len(reports)) // the latest report of each token
	for i := range reports {
		if before, again := latest[reports[i].token]; again && waits[before] != nil {
			_, results[before] = waits[before]()
			waits[before] = nil
		}
		latest[reports[i].token] = i
		waits[i] = a.startReport(r, who, &reports[i])
	}
	return func() []error {
		for i, wait := range waits {
			if wait != nil {
				_, results[i] = wait()
			}
		}
		return results
	}
}

func (a *API) reportOne(r *http.Request, who string, one *report) (task.Task, error) {
	return a.startReport(r, who, one)()
}

// startReport starts to carry out a report. The function that it returns waits for the task as the report has left it.
func (a *API) startReport(r *http.Request, who string, one *report) (wait func() (task.Task, error)) {
	if err := a.checkReport(one); err != nil {
		return func() (task.Task, error) { return task.Task{}, err }
	}
	if c, ok := one.command.(task.Progress); ok && c.Saved != nil && !ofNode(r) {
		return func() (task.Task, error) {
			return task.Task{}, invalid("/saved", "is not a field of the report progress")
		}
	}
	a.keepLinesOf(r, one)
	answered := a.sched().StartReport(r.Context(), who, one.token, one.command)
	return func() (task.Task, error) {
		t, err := answered()
		var permanent interface{ Permanent() bool }
		if errors.As(err, &permanent) && permanent.Permanent() {
			return t, invalid("/result", strings.TrimPrefix(err.Error(), "the result "))
		}
		return t, stopped(err)
	}
}

// stopped is the error of what a worker asks of a task, which is another one if the task was cancelled.
func stopped(err error) error {
	if errors.Is(err, task.ErrStopping) {
		return &problem{Status: http.StatusConflict, Kind: "cancelled",
			Detail: "The task was cancelled. Stop work on it; nothing of it is kept."}
	}
	return err
}

// checkReport refuses a report that cannot be carried out, whatever its token holds.
func (a *API) checkReport(one *report) error {
	if one.bad != nil {
		return invalids(one.bad)
	}
	for i, id := range one.files {
		if _, err := a.Files.Stat(id); err != nil {
			return invalid("/files/"+strconv.Itoa(i), "is not the id of a file; upload it first with POST /api/files")
		}
	}
	return nil
}

// writeResult writes the result of a report: the status and problem that it would get alone.
func (a *API) writeResult(w *jsontext.Writer, r *http.Request, err error) {
	if err != nil {
		w.Raw(bytes.TrimSpace(a.encodeProblem(r, a.problemOf(r, err), "").Bytes()))
		return
	}
	w.Object()
	w.Key("status").Int(http.StatusOK)
	w.EndObject()
}

// oneReport reads the report of a call for the one token in its path.
func (a *API) oneReport(p *reply, r *http.Request, do string) (task.Task, error) {
	text, err := a.optionalBody(p, r)
	switch {
	case err != nil:
		return task.Task{}, err
	case text == nil && do == "complete":
		return task.Task{}, invalid("", `must not be empty: send {"result":…}, or {} if the task has no result`)
	case text == nil:
		text = []byte("{}")
	}
	one := report{token: p.id}
	o := object{"", &one.bad}
	fields := map[string][]byte{}
	o.each(text, func(o object, key string, value []byte) bool {
		if key == "log" {
			one.log = o.logLines(value)
		} else {
			fields[key] = value
		}
		return true
	})
	one.command, one.files = readCommand(o, do, fields)
	return a.reportOne(r, p.caller.worker(a.sched().WorkerOf(p.id)), &one)
}

// endOfLease answers with the task as a report has left it.
func (a *API) endOfLease(p *reply, r *http.Request, do string) error {
	t, err := a.oneReport(p, r, do)
	if err != nil {
		return err
	}
	return a.sendTask(p, r, &t, t.LastSeq)
}

// leaseComplete answers POST /api/leases/{token}/complete.
func (a *API) leaseComplete(p *reply, r *http.Request) error { return a.endOfLease(p, r, "complete") }

// leaseFail answers POST /api/leases/{token}/fail.
func (a *API) leaseFail(p *reply, r *http.Request) error { return a.endOfLease(p, r, "fail") }

// leaseRelease answers POST /api/leases/{token}/release.
func (a *API) leaseRelease(p *reply, r *http.Request) error { return a.endOfLease(p, r, "release") }

// leaseHeartbeat answers POST /api/leases/{token}/heartbeat.
func (a *API) leaseHeartbeat(p *reply, r *http.Request) error {
	until, cancelled, quiet, err := a.sched().Heartbeat(p.id) // first, so that the lease is extended even if the progress is refused
	if err != nil {
		return err
	}
	if !cancelled {
		if _, err := a.oneHeartbeat(p, r); err != nil {
			return err
		}
	}
	var w jsontext.Writer
	w.Object()
	w.Key("until").Time(until.UnixMicro())
	w.Key("cancel").Bool(cancelled)
	w.Key("quiet").Bool(quiet)
	w.EndObject()
	return p.send(typeJSON, w)
}

// oneHeartbeat carries out the progress of a heartbeat, if it has any.
func (a *API) oneHeartbeat(p *reply, r *http.Request) (task.Task, error) {
	if r.ContentLength == 0 {
		return task.Task{}, noQuery(r)
	}
	return a.oneReport(p, r, "progress")
}
