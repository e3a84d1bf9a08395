package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"daybook/client"
	"daybook/internal/freeaddr"
)

// graphPart is the parameters of a task of a random workflow.
type graphPart struct {
	Children int     `json:"children"` // that it makes and waits for
	Nap      float64 `json:"nap"`      // seconds that it sleeps; 0 = it does not
	Fails    float64 `json:"fails"`    // how likely each of its attempts is to fail for good
}

// graphChaos submits random workflows, works on them and interferes, while the server is killed.
type graphChaos struct {
	t      *testing.T
	server *client.Client

	mu     sync.Mutex
	random *rand.Rand
	flows  []client.Workflow // guarded by mu; as they were acknowledged
	kept   map[string]bool   // guarded by mu; "task step", of steps whose record was acknowledged
}

func (g *graphChaos) chance(p float64) bool { return g.draw(1_000_000) < int(p*1_000_000) }

func (g *graphChaos) draw(n int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.random.IntN(n)
}

// work is the handler of a part: a step, children, a nap, and perhaps a failure.
func (g *graphChaos) work(ctx context.Context, l client.Lease[graphPart]) (any, error) {
	step := func(name string) error {
		key := l.Task.ID + " " + name
		_, err := client.Step(ctx, name, func(context.Context) (int, error) {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.kept[key] {
				g.t.Errorf("step %s is done again", key)
			}
			return len(g.kept), nil
		})
		if err == nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.kept[key] = true
		}
		return err
	}
	if err := step("first"); err != nil {
		return nil, err
	}
	if n := l.Parameters.Children; n > 0 {
		tasks := map[string]client.Child{}
		for i := range n {
			tasks[fmt.Sprint("c", i)] = client.Child{Type: "PART", MaxAttempts: 2, Parameters: graphPart{Nap: l.Parameters.Nap, Fails: l.Parameters.Fails}}
		}
		if _, err := client.Children(ctx, "kids", client.Family{Tasks: tasks, OnFailure: []string{"fail", "collect", "cancel_rest"}[n%3]}); err != nil {
			return nil, err
		}
	}
	if l.Parameters.Nap > 0 {
		if err := client.Sleep(ctx, "nap", time.Duration(l.Parameters.Nap*float64(time.Second))); err != nil {
			return nil, err
		}
	}
	if err := step("last"); err != nil {
		return nil, err
	}
	if g.chance(l.Parameters.Fails) {
		return nil, client.Permanent(errors.New("it was to fail"))
	}
	return map[string]int{"attempt": l.Attempt}, nil
}

// flow is a random workflow.
func (g *graphChaos) flow() client.NewWorkflow {
	w := client.NewWorkflow{Name: "random", Tasks: map[string]client.Submit{}}
	for i := range 2 + g.draw(7) {
		one := client.Submit{TaskType: "PART", MaxAttempts: 2}
		part := graphPart{Fails: 0.15}
		if g.draw(4) == 0 {
			part.Children = 1 + g.draw(3)
		}
		if g.draw(3) == 0 {
			part.Nap = 0.01 * float64(1+g.draw(60))
		}
		one.Parameters = part
		for on := range i {
			if g.draw(3) == 0 {
				one.DependsOn = append(one.DependsOn, client.Dependency{Task: fmt.Sprint("t", on), When: []string{"", "", "failed", "ended"}[g.draw(4)]})
			}
		}
		w.Tasks[fmt.Sprint("t", i)] = one
	}
	if g.draw(3) == 0 {
		w.OnEnd = &client.Submit{TaskType: "PART", Parameters: graphPart{}}
	}
	return w
}

// submits keeps a few workflows running. One whose answer is lost is sent again with its key.
func (g *graphChaos) submits(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		w, key := g.flow(), fmt.Sprint("flow-", n)
		for ctx.Err() == nil {
			made, _, err := g.server.SubmitWorkflow(ctx, w, key)
			if err == nil {
				g.mu.Lock()
				g.flows = append(g.flows, made)
				g.mu.Unlock()
				break
			}
			time.Sleep(20 * time.Millisecond) // nobody is there
		}
		time.Sleep(time.Duration(g.draw(400)) * time.Millisecond)
	}
}

// interferes cancels, retries and undoes at random. A refusal is an answer too.
func (g *graphChaos) interferes(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(time.Duration(g.draw(300)) * time.Millisecond)
		g.mu.Lock()
		if len(g.flows) == 0 {
			g.mu.Unlock()
			continue
		}
		w := g.flows[max(0, len(g.flows)-1-g.random.IntN(20))]
		g.mu.Unlock()
		one := w.Tasks[g.draw(len(w.Tasks))].ID
		switch g.draw(6) {
		case 0:
			_, _ = g.server.CancelWorkflow(ctx, w.ID, "")
		case 1:
			_, _ = g.server.RetryWorkflow(ctx, w.ID, "", "")
		case 2:
			_, _ = g.server.Cancel(ctx, one)
		case 3:
			_, _ = g.server.Retry(ctx, one)
		default:
			if _, err := g.server.Cancel(ctx, one); err == nil {
				time.Sleep(time.Duration(g.draw(300)) * time.Millisecond)
				events, _ := g.server.History(ctx, one, client.HistoryQuery{})
				if i := slices.IndexFunc(events, func(e client.Event) bool { return e.Type == "task.cancelled" }); i >= 0 {
					_, _ = g.server.Undo(ctx, events[i].Seq, "oops")
				}
			}
		}
	}
}

// Random workflows with children, sleeps, failures, cancels, retries and undos go on over kills of the server: each task ends, after its children, those that
// depend on others start in order, no step is done again that was acknowledged, and no task runs twice at a time.
func TestRandomWorkflowsGoOnOverKills(t *testing.T) {
	dir, addr := t.TempDir(), freeaddr.Find(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d kills", seed, *kills)
	server, err := client.New("http://"+addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	start := func() *process {
		return startReady(t, dir, "--addr", addr, "--data", "data", "--quiet", "--grace", "1s")
	}
	p := start()
	g := &graphChaos{t: t, server: server, random: rand.New(rand.NewPCG(seed, 1)), kept: make(map[string]bool)}
	working, stopWorking := context.WithCancel(t.Context())
	var workers, others sync.WaitGroup
	defer func() { stopWorking(); workers.Wait() }()
	for range 2 {
		w := client.NewWorker(server, client.WorkerOptions{Slots: 4, Lease: 15 * time.Second, Grace: -1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		client.Handle(w, "PART", g.work)
		workers.Go(func() { _ = w.Run(working) })
	}
	for known := false; !known; { // the type, which the worker has made
		types, err := server.TaskTypes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		known = slices.ContainsFunc(types, func(one client.TaskType) bool { return one.Name == "PART" })
	}
	chaos, stopChaos := context.WithCancel(t.Context())
	defer stopChaos()
	others.Go(func() { g.submits(chaos) })
	others.Go(func() { g.interferes(chaos) })
	random := rand.New(rand.NewPCG(seed, 0))
	for range *kills {
		pause(random, 0, 3*time.Second)
		if code, err := p.stop(syscall.SIGKILL, patience); err != nil || code != -1 {
			t.Fatalf("server ended by itself with exit code %d (%v):\n%s", code, err, p.stderr.String())
		}
		p = start()
	}
	stopChaos()
	others.Wait()
	g.settles()
	g.judges()
	if v, err := server.Verify(t.Context()); err != nil || !v.OK {
		t.Errorf("verify: %+v, %v", v, err)
	}
	t.Logf("%d workflows, %d steps", len(g.flows), len(g.kept))
}

// settles waits until all workflows have ended.
func (g *graphChaos) settles() {
	g.t.Helper()
	for deadline := time.Now().Add(settleTime); ; time.Sleep(50 * time.Millisecond) {
		stats, err := g.server.Stats(g.t.Context())
		if err != nil {
			g.t.Fatal(err)
		}
		if !slices.ContainsFunc(stats.Counts, func(c client.Count) bool { return c.N > 0 && !c.Status.Ended() }) {
			return
		}
		if time.Now().After(deadline) {
			for one, err := range g.server.List(g.t.Context(), client.Filter{}) {
				if err == nil && !one.Status.Ended() {
					g.t.Errorf("waits for ever: %s", one.Raw)
				}
			}
			g.t.Fatal("not all tasks have ended in time")
		}
	}
}

// graphTask is a task as the log says.
type graphTask struct {
	status string
	parent string
	needs  []struct{ Task, When string }
	begun  bool            // since it was submitted or retried
	steps  map[string]bool // that it has
}

// judges reads the whole log and looks for what may not be.
func (g *graphChaos) judges() {
	g.t.Helper()
	tasks := map[string]*graphTask{}
	open := map[string]int{} // children by parent
	ends := map[string]string{"task.succeeded": "SUCCESS", "task.failed": "FAILED", "task.cancelled": "CANCELLED"}
	for e, err := range g.server.Log(g.t.Context(), client.LogQuery{}) {
		if err != nil {
			g.t.Fatal(err)
		}
		id, isTask := strings.CutPrefix(e.Stream, "task:")
		if !isTask {
			continue
		}
		var d struct {
			ParentID  string `json:"parent_id"`
			DependsOn []struct {
				Task, When string
			} `json:"depends_on"`
			Step string `json:"step"`
		}
		if err := json.Unmarshal(e.Data, &d); err != nil {
			g.t.Fatal(err)
		}
		one := tasks[id]
		if one == nil {
			one = &graphTask{steps: map[string]bool{}, parent: d.ParentID, needs: d.DependsOn}
			tasks[id] = one
		}
		switch {
		case e.Type == "task.submitted" || e.Type == "task.retried":
			one.status, one.begun = "PENDING", false
			open[one.parent]++
		case e.Type == "task.started":
			if one.status != "PENDING" {
				g.t.Errorf("event %d starts %s, which is %s", e.Seq, id, one.status)
			}
			for _, need := range one.needs {
				on := tasks[need.Task]
				if met := on != nil && (need.When == "ended" && ended(on.status) || need.When == "failed" && on.status == "FAILED" || (need.When == "" || need.When == "succeeded") && on.status == "SUCCESS"); !met && !one.begun {
					g.t.Errorf("event %d starts %s, which needs that %s has %s", e.Seq, id, need.Task, need.When)
				}
			}
			one.status, one.begun = "RUNNING", true
		case e.Type == "task.attempt_failed" || e.Type == "task.lease_expired" || e.Type == "task.released" || e.Type == "task.suspended" || e.Type == "task.ending":
			one.status = "PENDING"
		case e.Type == "task.step_recorded":
			if one.steps[d.Step] {
				g.t.Errorf("event %d records the step %s of %s again", e.Seq, d.Step, id)
			}
			one.steps[d.Step] = true
		case ends[e.Type] != "":
			if ended(one.status) {
				g.t.Errorf("event %d ends %s, which is %s", e.Seq, id, one.status)
			}
			if open[id] > 0 {
				g.t.Errorf("event %d ends %s, which has %d children that have not ended", e.Seq, id, open[id])
			}
			one.status = ends[e.Type]
			open[one.parent]--
		}
	}
	for id, one := range tasks {
		if !ended(one.status) {
			g.t.Errorf("%s is %s for ever", id, one.status)
		}
	}
	for _, w := range g.flows {
		for _, one := range append(w.Tasks, client.Task{ID: w.ID}) {
			if tasks[one.ID] == nil {
				g.t.Errorf("%s was acknowledged and is not in the log", one.ID)
			}
		}
	}
	for key := range g.kept {
		var id, step string
		_, _ = fmt.Sscan(key, &id, &step)
		if one := tasks[id]; one == nil || !one.steps[step] {
			g.t.Errorf("step %s was acknowledged and is not in the log", key)
		}
	}
}

func ended(status string) bool {
	return status == "SUCCESS" || status == "FAILED" || status == "CANCELLED"
}
