package scheduler

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

var seeds = flag.Int("seeds", 300, "random graphs that TestRandomGraphsEndInOrderAndOnce runs")

// graph is a random workflow, as the oracle knows it.
type graph struct {
	names  []string
	after  [][]edgeOf // by task, to earlier ones
	anyway []bool
	fails  []int // how often a task fails before it succeeds, each time for good
}

type edgeOf struct {
	on   int
	when string
}

func randomGraph(r *rand.Rand) *graph {
	g := &graph{}
	for i := range 2 + r.IntN(9) {
		g.names = append(g.names, fmt.Sprint("t", i))
		g.anyway, g.fails = append(g.anyway, r.IntN(8) == 0), append(g.fails, max(0, r.IntN(5)-2))
		var edges []edgeOf
		for on := range i {
			if r.IntN(3) == 0 {
				edges = append(edges, edgeOf{on, []string{"succeeded", "succeeded", "failed", "ended"}[r.IntN(4)]})
			}
		}
		g.after = append(g.after, edges)
		g.anyway[i] = g.anyway[i] && len(edges) > 0
	}
	return g
}

func (g *graph) workflow() *task.Workflow {
	w := flow("")
	for i, name := range g.names {
		one := task.WorkflowTask{Name: name, Submit: task.Submit{Type: strings.ToUpper(name), MaxAttempts: 2, RunAnyway: g.anyway[i]}}
		for _, e := range g.after[i] {
			when, _ := task.ParseWhen(e.when)
			if g.anyway[i] {
				when = task.WhenSucceeded
			}
			one.After = append(one.After, task.After{Task: e.on, Name: g.names[e.on], When: when})
		}
		w.Tasks = append(w.Tasks, one)
	}
	return w
}

// met is what an edge wants of a status.
func met(when, status string, anyway bool) bool {
	ended := status == "SUCCESS" || status == "FAILED" || status == "CANCELLED"
	return ended && (anyway || when == "ended" || when == "succeeded" && status == "SUCCESS" || when == "failed" && status == "FAILED")
}

// foretold is how all tasks end if nobody cancels and retries anything.
func (g *graph) foretold() []string {
	ends := make([]string, len(g.names))
	for i := range g.names {
		ends[i] = "SUCCESS"
		if g.fails[i] > 0 {
			ends[i] = "FAILED"
		}
		for _, e := range g.after[i] {
			if !met(e.when, ends[e.on], g.anyway[i]) {
				ends[i] = "CANCELLED"
			}
		}
	}
	return ends
}

// witness reads the log by itself: which task did what, in which order.
type witness struct {
	t      *testing.T
	g      *graph
	ids    []string       // of the tasks
	at     map[string]int // tasks by stream; -1 = the workflow
	status []string
	whole  string
	starts []int     // of each that came to an end since it was submitted or retried, and of the one that runs
	begun  []bool    // it has started since then: it does not wait again
	cause  []*edgeOf // for whose end each was cancelled; nil = it was not
}

func (w *witness) read(events []*eventlog.Event) {
	ends := map[string]string{"task.succeeded": "SUCCESS", "task.failed": "FAILED", "task.cancelled": "CANCELLED"}
	for _, e := range events {
		i, ours := w.at[e.Stream]
		switch {
		case !ours:
		case i < 0 && e.Type == "task.started":
			w.whole = "RUNNING"
		case i < 0 && (e.Type == "task.submitted" || e.Type == "task.retried"):
			w.whole = "PENDING"
		case i < 0 && ends[e.Type] != "":
			w.whole = ends[e.Type]
			for k, status := range w.status {
				if status == "PENDING" || status == "RUNNING" {
					w.t.Errorf("event %d ends the workflow while %s is %s", e.Seq, w.g.names[k], status)
				}
				if edge := w.cause[k]; status == "CANCELLED" && edge != nil && met(edge.when, w.status[edge.on], w.g.anyway[k]) {
					w.t.Errorf("event %d ends the workflow without %s, which was cancelled because of %s, which is %s now", e.Seq, w.g.names[k], w.g.names[edge.on], w.status[edge.on])
				}
			}
		case i < 0:
		case e.Type == "task.submitted" || e.Type == "task.retried":
			w.status[i], w.starts[i], w.begun[i], w.cause[i] = "PENDING", 0, false, nil
		case e.Type == "task.released" || e.Type == "task.lease_expired":
			w.status[i] = "PENDING"
			w.starts[i]-- // the attempt did not come to its end
		case e.Type == "task.started":
			w.started(i, e)
		case ends[e.Type] != "":
			w.ended(i, ends[e.Type], e)
		}
	}
}

func (w *witness) started(i int, e *eventlog.Event) {
	name := w.g.names[i]
	if w.status[i] != "PENDING" || w.whole != "RUNNING" {
		w.t.Errorf("event %d starts %s, which is %s in a workflow that is %s", e.Seq, name, w.status[i], w.whole)
	}
	if w.starts[i]++; w.starts[i] > 1 {
		w.t.Errorf("event %d starts %s a second time", e.Seq, name)
	}
	for _, edge := range w.g.after[i] {
		if !w.begun[i] && !met(edge.when, w.status[edge.on], w.g.anyway[i]) {
			w.t.Errorf("event %d starts %s, which needs that %s has %s; it is %s", e.Seq, name, w.g.names[edge.on], edge.when, w.status[edge.on])
		}
	}
	w.status[i], w.begun[i] = "RUNNING", true
}

func (w *witness) ended(i int, as string, e *eventlog.Event) {
	if w.status[i] != "PENDING" && w.status[i] != "RUNNING" {
		w.t.Errorf("event %d ends %s, which is %s", e.Seq, w.g.names[i], w.status[i])
	}
	w.status[i] = as
	var data struct {
		Because string `json:"because"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		w.t.Fatal(err)
	}
	if data.Because == "" {
		return
	}
	for _, edge := range w.g.after[i] {
		if w.ids[edge.on] == data.Because {
			w.cause[i] = &edge
			if on := w.status[edge.on]; on == "PENDING" || on == "RUNNING" || met(edge.when, on, w.g.anyway[i]) {
				w.t.Errorf("event %d cancels %s because of %s, which is %s", e.Seq, w.g.names[i], w.g.names[edge.on], on)
			}
			return
		}
	}
	w.t.Errorf("event %d cancels %s because of %s, which it does not depend on", e.Seq, w.g.names[i], data.Because)
}

// failures is how often a task has failed, by the log.
func failures(t *testing.T, log eventlog.Log, id ulid.ULID) int {
	page, err := log.Read(t.Context(), 0, eventlog.Filter{Streams: []string{task.StreamOf(id)}, Types: []string{"task.failed"}}, 100)
	if err != nil {
		t.Error(err)
	}
	return len(page.Events)
}

// Random workflows with failures, cancels, retries, stops and kills: every task ends, in order, once.
func TestRandomGraphsEndInOrderAndOnce(t *testing.T) {
	for seed := range *seeds {
		bubble(t, func(t *testing.T, log *eventlogtest.Memory) { runGraph(t, log, uint64(seed)) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func runGraph(t *testing.T, log *eventlogtest.Memory, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 61))
	g := randomGraph(r)
	does := map[string]func(context.Context, Attempt) (Outcome, error){}
	for i, name := range g.names {
		takes := time.Duration(r.IntN(4)) * time.Second
		does[strings.ToUpper(name)] = func(ctx context.Context, a Attempt) (Outcome, error) {
			select {
			case <-time.After(takes):
			case <-ctx.Done():
				return Outcome{}, ctx.Err()
			}
			if failures(t, log, a.Task.ID) < g.fails[i] {
				return permanently(ctx, a)
			}
			return Outcome{Result: []byte(`{}`)}, nil
		}
	}
	options := Options{Concurrency: 1 + r.IntN(4), Grace: -1}
	process := eventlogtest.NewFailing(log)
	b := openDoing(t, process, options, does)
	restart := func() {
		process = eventlogtest.NewFailing(log)
		b = openDoing(t, process, options, does)
	}
	whole, tasks := b.begin(g.workflow())
	w := &witness{t: t, g: g, at: map[string]int{task.StreamOf(whole.ID): -1}, status: make([]string, len(g.names)), starts: make([]int, len(g.names)),
		begun: make([]bool, len(g.names)), cause: make([]*edgeOf, len(g.names))}
	for i, name := range g.names {
		w.ids = append(w.ids, tasks[name].ID.String())
		w.at[task.StreamOf(tasks[name].ID)] = i
	}
	quiet := seed%3 == 0 // nobody touches it
	kills := 0
	for range r.IntN(8) {
		time.Sleep(time.Duration(r.IntN(2500)) * time.Millisecond)
		switch kind := r.IntN(6); {
		case kind == 0:
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
			restart()
		case kind == 5 && (!quiet || kills == 0): // a task that a second kill meets has failed
			kills++
			process.FailAppend(1+r.IntN(4), eventlogtest.FailWhen(r.IntN(2)), eventlog.ErrUnknown)
			time.Sleep(time.Duration(r.IntN(2500)) * time.Millisecond)
			process.FailAppend(1, eventlogtest.BeforeWriting, eventlog.ErrUnknown) // if it has not died of the first
			_ = b.stop()                                                           // nothing more reaches the log
			restart()
		case quiet:
		case kind == 1:
			_, _ = b.s.Do(t.Context(), "anonymous", tasks[g.names[r.IntN(len(g.names))]].ID, task.Cancel{}) // a refusal is an answer too
		case kind == 2:
			_, _ = b.s.RetryWorkflow(t.Context(), "anonymous", whole.ID, WorkflowRetry{})
		case kind == 3:
			_, _ = b.s.RetryWorkflow(t.Context(), "anonymous", whole.ID, WorkflowRetry{From: g.names[r.IntN(len(g.names))]})
		case r.IntN(4) == 0:
			_, _ = b.s.Do(t.Context(), "anonymous", whole.ID, task.Cancel{})
		default:
			_, _ = b.s.Do(t.Context(), "anonymous", tasks[g.names[r.IntN(len(g.names))]].ID, task.Retry{})
		}
	}
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	page, err := log.Read(t.Context(), 0, eventlog.Filter{}, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	w.read(page.Events)
	for i, status := range w.status {
		if status == "PENDING" || status == "RUNNING" {
			t.Errorf("%s is %s for ever", g.names[i], status)
		}
	}
	if w.whole == "PENDING" || w.whole == "RUNNING" {
		t.Errorf("the workflow is %s for ever", w.whole)
	}
	if quiet {
		if want := g.foretold(); fmt.Sprint(want) != fmt.Sprint(w.status) {
			t.Errorf("the tasks ended as %v, not %v", w.status, want)
		}
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
}
