package api

import (
	"net/http"
	"strconv"
	"time"

	"daybook/internal/canonical"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

// stats answers GET /api/stats.
func (a *API) stats(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	windows, _ := a.Views.Windows(task.MicrosOf(time.Now()))
	counts, seq := a.Views.Counts()
	b := append([]byte(nil), `{"seq":`...)
	b = strconv.AppendInt(b, seq, 10)
	b = append(b, `,"counts":`...)
	b = appendCounts(b, counts)
	b = append(b, `,"totals":`...)
	b = appendTotals(b, counts)
	b = append(b, `,"windows":[`...)
	for i := range windows {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendWindow(b, &windows[i])
	}
	b = append(b, `],"log":`...)
	b = a.appendHead(b)
	b = append(b, `,"state":`...)
	b = a.appendState(b)
	p.shows(seq)
	return p.send(typeJSON, append(b, '}'))
}

// appendCounts appends [{"status","task_type","queue","n"}], zeroes left out.
func appendCounts(b []byte, counts []projection.Count) []byte {
	b = append(b, '[')
	for i := range counts {
		c := &counts[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"status":"`...)
		b = append(b, c.Status.String()...)
		b = append(b, `","task_type":`...)
		b = canonical.AppendText(b, c.Type)
		b = append(b, `,"queue":`...)
		b = canonical.AppendText(b, c.Queue)
		b = append(b, `,"n":`...)
		b = strconv.AppendInt(b, c.N, 10)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendTotals appends the number of tasks of every status, zeroes too.
func appendTotals(b []byte, counts []projection.Count) []byte {
	totals := map[task.Status]int64{}
	for i := range counts {
		totals[counts[i].Status] += counts[i].N
	}
	for i, status := range task.Statuses() {
		b = append(b, "{,"[min(i, 1)], '"')
		b = append(b, status.String()...)
		b = append(b, `":`...)
		b = strconv.AppendInt(b, totals[status], 10)
	}
	return append(b, '}')
}

func appendWindow(b []byte, w *projection.Window) []byte {
	for i, field := range [...]struct {
		name string
		n    int64
	}{
		{"seconds", int64(w.Seconds)}, {"submitted", w.Submitted}, {"succeeded", w.Succeeded}, {"failed", w.Failed},
		{"cancelled", w.Cancelled}, {"attempts_failed", w.AttemptsFailed},
	} {
		b = append(b, "{,"[min(i, 1)], '"')
		b = append(b, field.name...)
		b = append(b, `":`...)
		b = strconv.AppendInt(b, field.n, 10)
	}
	b = append(b, `,"wait_seconds":`...)
	b = appendPercentiles(b, w.Wait)
	b = append(b, `,"run_seconds":`...)
	b = appendPercentiles(b, w.Run)
	return append(b, '}')
}

// appendPercentiles appends seconds; null each when nothing was measured.
func appendPercentiles(b []byte, p projection.Percentiles) []byte {
	b = append(b, `{"count":`...)
	b = strconv.AppendInt(b, p.Count, 10)
	for _, one := range [...]struct {
		name string
		span task.Micros
	}{{"p50", p.P50}, {"p95", p.P95}, {"p99", p.P99}} {
		b = append(b, `,"`...)
		b = append(b, one.name...)
		b = append(b, `":`...)
		if p.Count == 0 {
			b = append(b, "null"...)
		} else {
			b = appendSeconds(b, one.span)
		}
	}
	return append(b, '}')
}

// appendHead appends the log's position: {"id","epoch","head","at"}.
func (a *API) appendHead(b []byte) []byte {
	head := a.Log.Head()
	b = append(b, `{"id":`...)
	b = canonical.AppendText(b, a.Log.ID())
	b = append(b, `,"epoch":`...)
	b = canonical.AppendText(b, a.Log.Epoch())
	b = append(b, `,"head":`...)
	b = strconv.AppendInt(b, head.Seq, 10)
	b = append(b, `,"at":`...)
	b = appendMoment(b, task.Micros(head.At))
	return append(b, '}')
}

// appendState appends how the scheduler is: {"running","slots","draining","full","damaged","damaged_payloads","views","failed","commands","clock"}.
func (a *API) appendState(b []byte) []byte {
	s := a.Scheduler.State()
	b = append(b, `{"running":`...)
	b = strconv.AppendInt(b, int64(s.Running), 10)
	b = append(b, `,"slots":`...)
	b = strconv.AppendInt(b, int64(s.Slots), 10)
	b = append(b, `,"draining":`...)
	b = strconv.AppendBool(b, s.Draining)
	b = append(b, `,"full":`...)
	b = strconv.AppendBool(b, s.Full)
	b = append(b, `,"damaged":`...)
	b = strconv.AppendBool(b, s.Damaged)
	b = append(b, `,"damaged_payloads":`...)
	damaged, _ := a.Payloads.Damaged()
	b = strconv.AppendInt(b, int64(damaged), 10)
	b = append(b, `,"views":"`...)
	b = append(b, a.Views.Health().State...)
	b = append(b, `","failed":`...)
	b = strconv.AppendBool(b, s.Failed)
	b = append(b, `,"commands":`...)
	b = strconv.AppendInt(b, int64(s.Commands), 10)
	b = append(b, `,"clock":`...)
	b = appendClock(b, a.Scheduler.Clock())
	return append(b, '}')
}

// appendClock appends how the wall clock stands: {"behind_log_seconds","last_step_seconds","last_step_at"};
// the last two are null until a step is noticed.
func appendClock(b []byte, c scheduler.Clock) []byte {
	b = append(b, `{"behind_log_seconds":`...)
	b = appendSeconds(b, c.Behind)
	if c.Step == 0 {
		return append(b, `,"last_step_seconds":null,"last_step_at":null}`...)
	}
	b = append(b, `,"last_step_seconds":`...)
	b = appendSeconds(b, c.Step)
	b = append(b, `,"last_step_at":`...)
	b = appendMoment(b, c.SteppedAt)
	return append(b, '}')
}

// appendSeconds appends a span as a number of seconds.
func appendSeconds(b []byte, span task.Micros) []byte {
	return strconv.AppendFloat(b, float64(span)/float64(task.Second), 'f', -1, 64)
}
