package api

import (
	"net/http"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

// stats answers GET /api/stats.
func (a *API) stats(p *reply, r *http.Request) error {
	q, err := queryOf(r, "at")
	if err == nil {
		err = q.err()
	}
	if err != nil {
		return err
	}
	from, err := a.moment(r.Context(), q)
	if err != nil {
		return err
	}
	defer from.release()
	windows, _ := from.views.Windows(from.wall)
	counts, seq := from.views.Counts()
	var w jsontext.Writer
	w.Object()
	w.Key("seq").Int(seq)
	writeCounts(w.Key("counts"), counts)
	writeTotals(w.Key("totals"), counts)
	waits, due := from.views.WaitCounts(from.wall)
	writeWaits(w.Key("waiting"), waits, due)
	writeWaitCounts(w.Key("waiting_counts"), waits)
	w.Key("windows").Array()
	for i := range windows {
		writeWindow(w.Item(), &windows[i])
	}
	w.EndArray()
	head := a.Log.Head()
	runs := from.views.ServerRuns()
	boot := a.sched().Boot().String()
	if from.past {
		if head.Seq, head.At = seq, 0; seq > 0 {
			at, err := a.Past.TimeOf(r.Context(), seq)
			if err != nil {
				return err
			}
			head.At = int64(at)
		}
		if boot = ""; len(runs) > 0 {
			boot = runs[len(runs)-1].Boot
		}
	}
	a.writeHead(w.Key("log"), head)
	writeServer(w.Key("server"), boot, runs)
	if w.Key("state"); from.past {
		w.Null() // only the memory of the server knew it
	} else {
		a.writeState(&w)
	}
	w.EndObject()
	p.shows(seq)
	return p.send(typeJSON, w)
}

// writeCounts writes [{"status","task_type","queue","n"}], zeroes left out.
func writeCounts(w *jsontext.Writer, counts []projection.Count) {
	w.Array()
	for i := range counts {
		c := &counts[i]
		w.Item().Object()
		w.Key("status").String(c.Status.String())
		w.Key("task_type").String(c.Type)
		w.Key("queue").String(c.Queue)
		w.Key("n").Int(c.N)
		w.EndObject()
	}
	w.EndArray()
}

// writeTotals writes the number of tasks of every status, zeroes too.
func writeTotals(w *jsontext.Writer, counts []projection.Count) {
	totals := map[task.Status]int64{}
	for i := range counts {
		totals[counts[i].Status] += counts[i].N
	}
	w.Object()
	for _, status := range task.Statuses() {
		w.Key(status.String()).Int(totals[status])
	}
	w.EndObject()
}

// writeWaits writes how many pending tasks wait for what: {"ready","scheduled","backoff","blocked","next_due"}.
func writeWaits(w *jsontext.Writer, waits []projection.WaitCount, due task.Micros) {
	totals := map[projection.WaitState]int64{}
	for i := range waits {
		totals[waits[i].State] += waits[i].N
	}
	w.Object()
	for _, state := range projection.WaitStates() {
		w.Key(state.String()).Int(totals[state])
	}
	w.Key("next_due").OptionalTime(int64(due))
	w.EndObject()
}

// writeWaitCounts writes [{"waiting","task_type","queue","n"}], zeroes left out.
func writeWaitCounts(w *jsontext.Writer, waits []projection.WaitCount) {
	w.Array()
	for i := range waits {
		c := &waits[i]
		w.Item().Object()
		w.Key("waiting").String(c.State.String())
		w.Key("task_type").String(c.Type)
		w.Key("queue").String(c.Queue)
		w.Key("n").Int(c.N)
		w.EndObject()
	}
	w.EndArray()
}

func writeWindow(w *jsontext.Writer, from *projection.Window) {
	w.Object()
	w.Key("seconds").Int(int64(from.Seconds))
	w.Key("submitted").Int(from.Submitted)
	w.Key("succeeded").Int(from.Succeeded)
	w.Key("failed").Int(from.Failed)
	w.Key("cancelled").Int(from.Cancelled)
	w.Key("attempts_failed").Int(from.AttemptsFailed)
	writePercentiles(w.Key("wait_seconds"), from.Wait)
	writePercentiles(w.Key("run_seconds"), from.Run)
	w.EndObject()
}

// writePercentiles writes seconds; null each when nothing was measured.
func writePercentiles(w *jsontext.Writer, p projection.Percentiles) {
	w.Object()
	w.Key("count").Int(p.Count)
	for _, one := range [...]struct {
		name string
		span task.Micros
	}{{"p50", p.P50}, {"p95", p.P95}, {"p99", p.P99}} {
		if w.Key(one.name); p.Count == 0 {
			w.Null()
		} else {
			w.Seconds(int64(one.span))
		}
	}
	w.EndObject()
}

// writeHead writes the log's position: {"id","epoch","head","at"}.
func (a *API) writeHead(w *jsontext.Writer, head eventlog.Head) {
	w.Object()
	w.Key("id").String(a.Log.ID())
	w.Key("epoch").String(a.Log.Epoch())
	w.Key("head").Int(head.Seq)
	w.Key("at").OptionalTime(head.At)
	w.EndObject()
}

// writeServer writes this start of the server, null until it is in the log, and the one before:
// {"current":{"boot","version","started_at","stopped_at"},"previous":{…}}.
func writeServer(w *jsontext.Writer, boot string, runs []projection.ServerRun) {
	var current, previous *projection.ServerRun
	for i := range runs { // the latest last
		if runs[i].Boot == boot {
			current = &runs[i]
		} else {
			previous = &runs[i]
		}
	}
	w.Object()
	writeServerRun(w.Key("current"), current)
	writeServerRun(w.Key("previous"), previous)
	w.EndObject()
}

func writeServerRun(w *jsontext.Writer, r *projection.ServerRun) {
	if r == nil {
		w.Null()
		return
	}
	w.Object()
	w.Key("boot").String(r.Boot)
	w.Key("version").String(r.Version)
	w.Key("started_at").OptionalTime(int64(r.StartedAt))
	w.Key("stopped_at").OptionalTime(int64(r.StoppedAt))
	w.EndObject()
}

// writeState writes how the scheduler is: {"running","slots","draining","full","damaged","damaged_payloads","views","failed","commands","clock"}.
func (a *API) writeState(w *jsontext.Writer) {
	s := a.sched().State()
	w.Object()
	w.Key("running").Int(int64(s.Running))
	w.Key("slots").Int(int64(s.Slots))
	w.Key("draining").Bool(s.Draining)
	w.Key("full").Bool(s.Full)
	w.Key("damaged").Bool(s.Damaged)
	damaged, _ := a.Payloads.Damaged()
	w.Key("damaged_payloads").Int(int64(damaged))
	w.Key("views").String(string(a.Views.Health().State))
	w.Key("failed").Bool(s.Failed)
	w.Key("commands").Int(int64(s.Commands))
	w.Key("approvals").Int(int64(a.Views.ApprovalCount()))
	w.Key("alerts_firing").Int(int64(a.Views.AlertsFiring()))
	w.Key("bulks_running").Int(int64(len(a.Views.RunningBulks())))
	writeClock(w.Key("clock"), a.sched().Clock())
	w.EndObject()
}

// writeClock writes how the wall clock stands: {"behind_log_seconds","last_step_seconds","last_step_at"};
// the last two are null until a step is noticed.
func writeClock(w *jsontext.Writer, c scheduler.Clock) {
	w.Object()
	w.Key("behind_log_seconds").Seconds(int64(c.Behind))
	w.Key("last_step_seconds").OptionalSeconds(int64(c.Step))
	if w.Key("last_step_at"); c.Step == 0 {
		w.Null()
	} else {
		w.OptionalTime(int64(c.SteppedAt))
	}
	w.EndObject()
}
