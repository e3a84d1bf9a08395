package api

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/internal/jsontext"
	"daybook/scheduler"
	"daybook/task"
	"daybook/trace"
)

// Limits of what workers send.
const (
	maxLeaseBody = 20 << 20 // bytes of a call with reports: a result is at most 16 MiB
	maxReports   = 1000     // of one call
	maxLeases    = 1000     // that one call gets
	maxOffered   = 100      // task types or queues that one call names
	maxTokens    = 10_000   // of one beat
	maxPollWait  = 60       // seconds
	longestLease = 3600     // seconds
	usualLease   = 30       // seconds
	longestBeat  = 10       // seconds between two beats
	maxWorker    = 128      // bytes of the name of a worker
	maxOutcome   = 200      // characters of the outcome of a report
)

// lease answers POST /api/leases: it handles the reports, each independent of the others, and leases tasks.
func (a *API) lease(p *reply, r *http.Request) error {
	var request scheduler.LeaseRequest
	var reports []report
	text, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	var bad []task.FieldError
	readLease(object{"", &bad}, text, &request, &reports)
	if bad != nil {
		return invalids(bad)
	}
	for i, name := range request.Types {
		if a.Intake.Types.Reserved(name) && !ofNode(r) {
			bad = append(bad, task.FieldError{Pointer: "/task_types/" + strconv.Itoa(i), Detail: "must not be a built-in type: only the server runs " +
				name + "; give your type another name"})
		}
	}
	if bad != nil {
		return invalids(bad)
	}
	if err := p.caller.narrow(&request.Types, &request.Queues); err != nil && request.Max > 0 {
		return err
	}
	request.Address = r.RemoteAddr
	if err := a.offer(r, request.Types); err != nil {
		return err
	}
	// The reports and the leases are decided together and share a commit. A refusal of a report ends the wait for work:
	// the worker must hear of it now.
	results := a.startReports(r, p.caller.worker(request.Worker), reports)
	ctx, end := p.caller.during(r.Context())
	defer end()
	await := a.sched().StartLease(ctx, request)
	reported := results()
	leases, err := await(slices.ContainsFunc(reported, func(err error) bool { return err != nil }))
	if errors.Is(err, scheduler.ErrLeadLost) && len(reported) > 0 {
		leases, err = nil, nil // what was reported is answered; the next call is for the node that leads then
	}
	if err != nil {
		if ctx.Err() != nil && r.Context().Err() == nil {
			return errTokenEnded
		}
		return err
	}
	appended := len(leases) > 0 // progress may wait in memory
	for i, err := range reported {
		_, isProgress := reports[i].command.(task.Progress)
		appended = appended || err == nil && !isProgress
	}
	if err := a.sendLeases(p, r, &request, leases, reported, appended); err != nil {
		a.sched().GiveBack(leases)
		return err
	}
	if r.Context().Err() != nil { // the worker is gone and did not get them
		a.sched().GiveBack(leases)
	}
	return nil
}

// offer makes the types of a worker known. If there is no room for all, the error names those that are new.
func (a *API) offer(r *http.Request, types []string) error {
	err := a.Intake.Types.Offer(types)
	if !errors.Is(err, task.ErrTooManyTypes) {
		return err
	}
	full := a.problemOf(r, err)
	for i, name := range types {
		if !a.Intake.Types.Knows(name) {
			full.Fields = append(full.Fields, task.FieldError{Pointer: "/task_types/" + strconv.Itoa(i), Detail: "must be a type that the server knows, as " + name +
				" is not; leave it out to go on with the others"})
		}
	}
	return &full
}

// readLease reads the body of POST /api/leases.
func readLease(o object, body []byte, into *scheduler.LeaseRequest, reports *[]report) {
	into.Max = 1
	typesSaid := false
	o.each(body, func(o object, key string, value []byte) bool {
		null := jsontext.IsNull(value)
		switch key {
		case "worker":
			into.Worker = o.worker(value)
		case "build":
			if !null {
				into.Build = jsontext.WithoutBidi(o.text(value, 0, 200))
			}
		case "task_types":
			typesSaid = true
			if !null {
				into.Types = o.names(value, maxOffered)
			}
		case "queues":
			if !null {
				into.Queues = o.names(value, maxOffered)
			}
		case "max":
			if !null {
				into.Max = o.integer(value, 0, maxLeases)
			}
		case "wait_seconds":
			if !null {
				into.Wait = o.span(value, 0, maxPollWait).Duration()
			}
		case "lease_seconds":
			if !null {
				into.Length = time.Duration(o.integer(value, 1, longestLease)) * time.Second
			}
		case "poll_id":
			if !null {
				into.PollID = o.text(value, 1, 128)
			}
		case "reports":
			if !null {
				o.items(value, maxReports, func(o object, value []byte) { *reports = append(*reports, readReport(value)) })
			}
		default:
			return false
		}
		return true
	})
	if into.Worker == "" && len(*o.bad) == 0 {
		object{o.at + "/worker", o.bad}.wrong("must be given: a name that no other worker has, such as host-1")
	}
	if len(into.Types) == 0 && into.Max > 0 && len(*o.bad) == 0 {
		if typesSaid || len(*reports) == 0 {
			object{o.at + "/task_types", o.bad}.wrong("must name at least one task type, or max be 0")
		}
		into.Max = 0
	}
}

// worker is the name of a worker.
func (o object) worker(value []byte) string {
	name := o.text(value, 1, maxWorker)
	if name != "" && !validWorker(name) {
		o.wrong("must be 1 to 128 of A-Z a-z 0-9 . _ - : @, and not only dots")
		return ""
	}
	return name
}

func validWorker(name string) bool {
	plain := strings.Map(func(c rune) rune {
		if c == ':' || c == '@' {
			return '-'
		}
		return c
	}, name)
	for len(plain) > 64 {
		if !task.ValidName(plain[:64]) {
			return false
		}
		plain = plain[64:]
	}
	return len(name) <= maxWorker && task.ValidName(plain) && strings.Trim(name, ".") != ""
}

// sendLeases answers POST /api/leases. If events were appended for it, the answer says that the log has them.
func (a *API) sendLeases(p *reply, r *http.Request, request *scheduler.LeaseRequest, leases []scheduler.Leased, reported []error, appended bool) error {
	tasks, steps := make([]task.Task, len(leases)), make([][]scheduler.Step, len(leases))
	for i := range leases {
		tasks[i] = leases[i].Task
		if tasks[i].StepCount() == 0 {
			continue
		}
		var err error
		if steps[i], err = a.sched().Steps(r.Context(), tasks[i].ID); err != nil {
			return err
		}
	}
	rows, err := a.rowsOf(r.Context(), tasks, whole)
	if err != nil {
		return err
	}
	results := make([]map[string]scheduler.DependencyResult, len(leases))
	failed := make([]bool, len(leases))
	for i := range leases {
		if failed[i], err = a.putResults(r, p.caller.worker(request.Worker), &leases[i], &rows[i], &results[i]); err != nil {
			return err
		}
	}
	buffer := borrow()
	defer giveBack(buffer)
	w := (*jsontext.Writer)(buffer)
	w.Object()
	w.Key("leases").Array()
	for i := range leases {
		if failed[i] {
			continue
		}
		if rows[i].fileNames, err = a.Intake.FileNames(r.Context(), &tasks[i]); err != nil {
			return err
		}
		w.Item().Object()
		w.Key("token").String(leases[i].Token)
		w.Key("until").Time(leases[i].Until.UnixMicro())
		w.Key("attempt").Int(int64(tasks[i].Attempt))
		w.Key("traceparent").OptionalString(within(&tasks[i]))
		w.Key("task")
		*w = appendRow(*w, &rows[i], whole)
		writeDependencyResults(w.Key("dependencies"), results[i])
		writeSteps(w.Key("steps"), steps[i])
		w.EndObject()
	}
	w.EndArray()
	w.Key("results").Array()
	for _, err := range reported {
		a.writeResult(w.Item(), r, err)
	}
	w.EndArray()
	w.Key("quiet").Bool(a.sched().IsQuiet(request.Worker))
	w.Key("beat_seconds").Int(beatEvery(shortest(request, leases)))
	w.EndObject()
	if appended {
		p.shows(a.Views.Seq())
	}
	return p.send(typeJSON, *w)
}

// shortest is the length of the shortest of the leases; without any, what the worker has asked for.
func shortest(request *scheduler.LeaseRequest, leases []scheduler.Leased) time.Duration {
	length := request.Length
	for _, l := range leases {
		if length == 0 || l.Length < length {
			length = l.Length
		}
	}
	if length == 0 {
		length = usualLease * time.Second
	}
	return length
}

// within is the traceparent for what an attempt calls; "" if the submit had none.
func within(t *task.Task) string {
	parent, ok := trace.ParseParent(t.TraceParent())
	if !ok {
		return ""
	}
	return (&trace.Task{ID: t.ID, Parent: parent}).Within(t.Fence()).String()
}

// beatEvery is how many seconds a worker waits between two beats: a third of its lease.
func beatEvery(lease time.Duration) int64 {
	return min(max(int64(lease/time.Second)/3, 1), longestBeat)
}
