//go:build linux

package clustertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// requestTime is how long a client of the load waits for an answer.
const requestTime = 10 * time.Second

// load is clients and workers that use all nodes.
type load struct {
	c      *cluster
	oracle *oracle
	stop   context.CancelFunc
	all    sync.WaitGroup
}

// startLoad starts clients, and workers of a type that no node runs.
func startLoad(t *testing.T, c *cluster, seed uint64, clients, workers int) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{c: c, oracle: newOracle(), stop: stop}
	declare(t, c)
	for i := range clients {
		one := &client{load: l, random: rand.New(rand.NewPCG(seed, uint64(i)+1)), name: fmt.Sprintf("client%d", i)}
		l.all.Go(func() { one.run(ctx) })
	}
	for i := range workers {
		one := &worker{load: l, random: rand.New(rand.NewPCG(seed, uint64(i)+1001)), name: fmt.Sprintf("worker%d", i)}
		l.all.Go(func() { one.run(ctx) })
	}
	t.Cleanup(func() {
		stop()
		l.all.Wait()
		calls.CloseIdleConnections()
	})
	return l
}

// declare makes the task type of the outside workers known.
func declare(t *testing.T, c *cluster) {
	t.Helper()
	answer, err := c.nodes["a"].call(t.Context(), http.MethodPut, "/api/task-types/WORK", map[string]any{"title": "Work"}, patience)
	if err != nil || answer.status >= 300 {
		t.Fatalf("declare a task type: %v, %+v", err, answer)
	}
}

// anyNode is a node at random, also one that does not run.
func anyNode(c *cluster, random *rand.Rand) *node { return c.nodes[names[random.IntN(len(names))]] }

// pause waits for a random time: people and programs do.
func pause(ctx context.Context, random *rand.Rand, most time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(random.Int64N(int64(most)))):
	}
}

// client does random things and tells the oracle what was acknowledged.
type client struct {
	*load
	random *rand.Rand
	name   string
	n      int
}

func (l *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		l.n++
		switch dice := l.random.IntN(20); {
		case dice < 7:
			l.submit(ctx, 1000) // until it is acknowledged
		case dice < 11:
			l.submit(ctx, 1)
		case dice < 12:
			l.table(ctx)
		case dice < 13:
			l.workflow(ctx)
		case dice < 14:
			l.erase(ctx)
		case dice < 17:
			l.cancel(ctx)
		default:
			l.retry(ctx)
		}
		pause(ctx, l.random, 100*time.Millisecond)
	}
}

// send sends a write to a random node.
func (l *load) send(random *rand.Rand, method, path string, body any) (*answer, outcome) {
	return l.sendTo(anyNode(l.c, random), method, path, body)
}

func (l *load) sendTo(n *node, method, path string, body any) (*answer, outcome) {
	began := time.Now()
	a, err := n.call(context.Background(), method, path, body, requestTime)
	return a, l.oracle.counts(a.outcome(err), began)
}

// submit submits a task, at most as often as tries says, each time at another node.
func (l *client) submit(ctx context.Context, tries int) {
	key := fmt.Sprintf("%s-%d", l.name, l.n)
	body := map[string]any{"task_type": "WORK", "idempotency_key": key, "backoff": map[string]any{"kind": "constant", "base_seconds": 0.02}}
	if l.random.IntN(2) == 0 {
		body["task_type"], body["parameters"] = "SLEEP", map[string]any{"seconds": float64(l.random.IntN(60)) / 1000, "fail_rate": 0.1 * float64(l.random.IntN(3))}
	}
	l.submitBody(ctx, key, body, tries)
}

func (l *client) submitBody(ctx context.Context, key string, body any, tries int) {
	l.oracle.tried(key)
	never := true
	for range tries {
		a, what := l.send(l.random, http.MethodPost, "/api/tasks/submit", body)
		switch {
		case what == done:
			l.accepted(key, a)
			return
		case what == refused && a.status < 500:
			l.oracle.object("submit %s: %d %s", key, a.status, a.body)
			return
		}
		never = never && what == refused
		if ctx.Err() != nil {
			break
		}
		pause(ctx, l.random, 100*time.Millisecond)
	}
	if never {
		l.oracle.never(key)
	}
}

// accepted notes the answer to a submit.
func (l *client) accepted(key string, a *answer) {
	var task struct{ ID string }
	if err := a.into(&task); err != nil || task.ID == "" {
		l.oracle.object("submit %s: %v, %s", key, err, a.body)
		return
	}
	l.oracle.submitted(key, task.ID)
}

// table has a new file profiled. What is done at one node must be seen by all.
func (l *client) table(ctx context.Context) {
	var text strings.Builder
	text.WriteString("name,n\n")
	for i := range 50 {
		fmt.Fprintf(&text, "%s-%d,%d\n", l.name, l.n, i)
	}
	a, what := l.send(l.random, http.MethodPost, "/api/files?name=table.csv", []byte(text.String()))
	if what != done {
		return
	}
	var file struct{ ID string }
	if err := a.into(&file); err != nil || file.ID == "" {
		l.oracle.object("upload: %v, %s", err, a.body)
		return
	}
	key := fmt.Sprintf("%s-%d", l.name, l.n)
	l.submitBody(ctx, key, map[string]any{"task_type": "DATA_PROCESSING", "idempotency_key": key, "parameters": map[string]any{"file": file.ID}}, 1000)
}

// workflow submits a workflow until it is acknowledged.
func (l *client) workflow(ctx context.Context) {
	key := fmt.Sprintf("%s-%d", l.name, l.n)
	l.oracle.tried(key)
	sleep := map[string]any{"task_type": "SLEEP", "parameters": map[string]any{"seconds": 0.02}}
	body := keyed{key, map[string]any{"name": key, "tasks": map[string]any{"a": sleep,
		"b": map[string]any{"task_type": "WORK", "depends_on": []string{"a"}},
		"c": map[string]any{"task_type": "SLEEP", "parameters": map[string]any{"seconds": 0.01, "fail_rate": 0.3}, "max_attempts": 1, "depends_on": []string{"a"}},
	}}}
	never := true
	for ctx.Err() == nil {
		a, what := l.send(l.random, http.MethodPost, "/api/workflows", body)
		var made struct{ ID string }
		switch {
		case what == done && a.into(&made) == nil && made.ID != "":
			l.oracle.made(key, made.ID)
			return
		case what == refused && a.status < 500, what == done:
			l.oracle.object("workflow %s: %d %s", key, a.status, a.body)
			return
		}
		never = never && what == refused
		pause(ctx, l.random, 100*time.Millisecond)
	}
	if never {
		l.oracle.never(key)
	}
}

// erase erases a task, which has ended or not.
func (l *client) erase(context.Context) {
	id := l.oracle.anyone(l.random)
	if id == "" {
		return
	}
	a, what := l.send(l.random, http.MethodPost, "/api/tasks/"+id+"/erase", map[string]any{"reason": "it was asked for"})
	switch {
	case what == done:
		l.oracle.about(id, func(s *story) { s.erasures++ })
	case what == refused && a.status == http.StatusNotFound:
		l.oracle.object("erasure of acknowledged task %s: %s", id, a.body)
	}
}

func (l *client) cancel(context.Context) {
	id := l.oracle.anyone(l.random)
	if id == "" {
		return
	}
	a, what := l.send(l.random, http.MethodDelete, "/api/tasks/"+id, nil)
	switch {
	case what == done:
		l.oracle.about(id, func(s *story) { s.cancels++ })
	case what == refused && a.status == http.StatusNotFound:
		l.oracle.object("cancel of acknowledged task %s: %s", id, a.body)
	}
}

func (l *client) retry(context.Context) {
	id := l.oracle.anyone(l.random)
	if id == "" {
		return
	}
	a, what := l.send(l.random, http.MethodPost, "/api/tasks/"+id+"/retry", nil)
	switch {
	case what == done:
		l.oracle.about(id, func(s *story) { s.retries++ })
	case what == refused && a.status == http.StatusNotFound:
		l.oracle.object("retry of acknowledged task %s: %s", id, a.body)
	}
}

// worker leases tasks through one node and reports on them through others.
type worker struct {
	*load
	random *rand.Rand
	name   string
	n      int
}

type lease struct {
	Token string
	Task  struct{ ID string }
}

func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		w.once(ctx)
		pause(ctx, w.random, 50*time.Millisecond)
	}
}

// once leases tasks and reports on them.
func (w *worker) once(ctx context.Context) { w.onceAt(ctx, anyNode(w.c, w.random)) }

// onceAt leases tasks at a node, and reports on them anywhere.
func (w *worker) onceAt(ctx context.Context, n *node) {
	w.n++
	a, what := w.sendTo(n, http.MethodPost, "/api/leases", map[string]any{"worker": w.name, "task_types": []string{"WORK"}, "max": 3,
		"wait_seconds": 1, "lease_seconds": 6, "poll_id": fmt.Sprintf("%s-%d", w.name, w.n)})
	var got struct{ Leases []lease }
	if what == done {
		if err := a.into(&got); err != nil {
			w.oracle.object("lease: %v, %s", err, a.body)
		}
	}
	for _, one := range got.Leases {
		w.oracle.leased(one)
		w.report(ctx, one)
	}
}

func (w *worker) report(ctx context.Context, one lease) {
	if w.random.IntN(10) == 0 {
		if _, what := w.send(w.random, http.MethodPost, "/api/leases/"+one.Token+"/fail", map[string]any{"error": "it did not work"}); what == done {
			w.oracle.about(one.Task.ID, func(s *story) { s.fails++ })
		}
		return
	}
	result := fmt.Sprintf("%s-%d-%s", w.name, w.n, one.Token)
	for range 5 { // the same report again is answered again
		_, what := w.send(w.random, http.MethodPost, "/api/leases/"+one.Token+"/complete", map[string]any{"result": result})
		if what == done {
			w.oracle.completed(one.Task.ID, result)
		}
		if what != unknown || ctx.Err() != nil {
			return
		}
	}
}
