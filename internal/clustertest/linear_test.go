//go:build linux

package clustertest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// What clients do with one task in a history. Each task has an idempotency key and a queue of its own.
const (
	doSubmit   = "submit"
	doLease    = "lease"
	doComplete = "complete"
	doCancel   = "cancel"
	doGiveBack = "give back" // the server does it, with a lease whose answer nobody gets
)

// input is what a client asks.
type input struct {
	do     string
	task   int    // which task
	token  string // complete: of the lease; lease and give back: of the call, while the token is not known
	result string
}

// output is what it is told. Of an unknown outcome nothing is known.
type output struct {
	unknown  bool
	ok       bool
	replayed bool   // submit: the task was there
	token    string // lease: what was leased, "" = nothing
	kind     string // of a refusal
}

// Phases of a task.
const (
	absent = iota
	pending
	leased
	cancelling // leased, and cancelled
	completed
	cancelled
)

// taskState is one task.
type taskState struct {
	phase  int
	token  string // of its latest lease
	result string
}

// taskModel is what Daybook promises about one task, for porcupine. An operation of an unknown outcome is open until the end of
// the history: when it did not happen, it is as if it happened then.
var taskModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		by := map[int][]porcupine.Operation{}
		for _, o := range history {
			task := o.Input.(input).task
			by[task] = append(by[task], o)
		}
		var parts [][]porcupine.Operation
		for _, part := range by {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return taskState{} },
	Step: func(state, in, out any) (bool, any) {
		may, next := step(state.(taskState), in.(input), out.(output))
		return may, next
	},
	DescribeOperation: describe,
}

// step reports whether the answer may be given in that state, and the state after it.
func step(s taskState, in input, out output) (may bool, next taskState) {
	switch in.do {
	case doSubmit:
		if s.phase == absent {
			return out.unknown || out.ok && !out.replayed, taskState{phase: pending}
		}
		return out.unknown || out.ok && out.replayed, s
	case doLease:
		if s.phase != pending {
			return out.unknown || out.ok && out.token == "", s
		}
		if out.unknown {
			return true, taskState{phase: leased, token: in.token}
		}
		return out.ok && out.token != "", taskState{phase: leased, token: out.token}
	case doGiveBack:
		if s.token == in.token && s.phase == leased {
			return true, taskState{phase: pending}
		}
		if s.token == in.token && s.phase == cancelling {
			return true, taskState{phase: cancelled}
		}
		return true, s
	case doComplete:
		holds := s.token == in.token
		switch {
		case holds && s.phase == leased:
			return out.unknown || out.ok, taskState{completed, in.token, in.result}
		case holds && s.phase == cancelling:
			return out.unknown || out.kind == "cancelled", taskState{phase: cancelled, token: s.token}
		case holds && s.phase == completed:
			return out.unknown || out.ok == (s.result == in.result), s
		}
		return out.unknown || !out.ok, s
	case doCancel:
		switch s.phase {
		case pending:
			return out.unknown || out.ok, taskState{phase: cancelled}
		case leased:
			s.phase = cancelling
			return out.unknown || out.ok, s
		case cancelling:
			return true, s // it is cancelled already, or says so
		}
		return out.unknown || !out.ok, s
	}
	return false, s
}

// history is what several clients see.
type history struct {
	c     *cluster
	name  string
	began time.Time

	mu     sync.Mutex
	done   []porcupine.Operation // guarded by mu
	ids    map[int]string        // guarded by mu; of the tasks
	tokens map[int][]string      // guarded by mu; of the leases of each task
	newest int                   // guarded by mu; task
	sent   int                   // guarded by mu; requests
}

// add notes an operation.
func (h *history) add(client int, in input, out output, call time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	end := int64(math.MaxInt64)
	if !out.unknown {
		end = int64(time.Since(h.began))
	}
	h.done = append(h.done, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: int64(call.Sub(h.began)), Return: end})
}

// next decides what a client does.
func (h *history) next(random *rand.Rand) (in input, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent++
	if h.sent%60 == 0 { // a history of a task that is too long takes long to check
		h.newest++
	}
	in.task = h.newest + random.IntN(4)
	id = h.ids[in.task]
	tokens := h.tokens[in.task]
	switch dice := random.IntN(12); {
	case dice < 3 || id == "":
		in.do = doSubmit
	case dice < 8:
		in.do, in.token = doLease, fmt.Sprintf("call %d", h.sent)
	case dice < 11 && len(tokens) > 0:
		in.do, in.token, in.result = doComplete, tokens[random.IntN(len(tokens))], fmt.Sprint(random.IntN(2))
	case dice == 11:
		in.do = doCancel
	default:
		in.do = doSubmit
	}
	return in, id
}

// impatient is how long every other client waits for an answer.
const impatient = 4 * time.Second

// once has a client do one thing at a node. It reports whether the node is there.
func (h *history) once(client int, n *node, random *rand.Rand) bool {
	in, id := h.next(random)
	queue := fmt.Sprintf("%s-%d", h.name, in.task)
	method, path, body := http.MethodPost, "", any(nil)
	switch in.do {
	case doSubmit:
		path, body = "/api/tasks/submit", map[string]any{"task_type": "WORK", "queue": queue, "idempotency_key": queue}
	case doLease:
		path, body = "/api/leases", map[string]any{"worker": fmt.Sprintf("w%d", client), "task_types": []string{"WORK"}, "queues": []string{queue}, "max": 1,
			"lease_seconds": 3600, "poll_id": queue + in.token}
	case doComplete:
		path, body = "/api/leases/"+in.token+"/complete", map[string]any{"result": in.result}
	case doCancel:
		method, path = http.MethodDelete, "/api/tasks/"+id
	}
	wait := impatient
	if client%2 == 0 {
		wait = 3 * impatient // it hears what the node says when the leader is gone
	}
	call := time.Now()
	a, err := n.call(h.c.t.Context(), method, path, body, wait)
	out := output{}
	switch a.outcome(err) {
	case done:
		out.ok = true
		if time.Since(call) < impatient {
			h.seesOwn(n, in, a)
		}
		out.replayed = a.header.Get("Idempotent-Replayed") == "true"
	case refused:
		if out.kind = a.kind(); a.status >= 500 {
			return out.kind != noServer // nothing has happened
		}
	case unknown:
		out.unknown = true
	}
	if in.do == doSubmit && out.ok {
		h.noteTask(in.task, a)
	}
	if in.do == doLease && out.ok {
		out.token = h.noteLease(in.task, a)
	}
	h.add(client, in, out, call)
	if in.do == doLease && out.unknown {
		h.add(1000+client, input{do: doGiveBack, task: in.task, token: in.token}, output{unknown: true}, call)
	}
	return true
}

// seesOwn wants a node to show what it has just acknowledged: reads of the other nodes may be older, but not of the one that was asked.
// It answers writes when it shows them, or after 5 s.
func (h *history) seesOwn(n *node, in input, write *answer) {
	read, err := get(n, "/api/tasks?limit=1", impatient)
	if err != nil || read.status != http.StatusOK {
		return // it is gone
	}
	wrote, err := strconv.ParseInt(write.header.Get("X-Log-Seq"), 10, 64)
	if err != nil {
		h.c.t.Errorf("history %s: %s at node %s was answered without X-Log-Seq", h.name, in.do, n.name)
		return
	}
	if shows, err := strconv.ParseInt(read.header.Get("X-Log-Seq"), 10, 64); err != nil || shows < wrote {
		h.c.t.Errorf("history %s: node %s has acknowledged a %s with event %d, and shows no more than event %d, %v", h.name, n.name, in.do, wrote, shows, err)
	}
}

func (h *history) noteTask(task int, a *answer) {
	var got struct{ ID string }
	if err := a.into(&got); err != nil {
		h.c.t.Errorf("submit: %v, %s", err, a.body)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if before := h.ids[task]; before != "" && before != got.ID {
		h.c.t.Errorf("task %d was submitted as %s and as %s", task, before, got.ID)
	}
	h.ids[task] = got.ID
}

func (h *history) noteLease(task int, a *answer) string {
	var got struct{ Leases []lease }
	if err := a.into(&got); err != nil {
		h.c.t.Errorf("lease: %v, %s", err, a.body)
	}
	if len(got.Leases) == 0 {
		return ""
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	token := got.Leases[0].Token
	h.tokens[task] = append(h.tokens[task], token)
	return token
}

// see has clients use all nodes while something happens, and returns what they saw.
func see(c *cluster, name string, seed uint64, happens func(random *rand.Rand)) *history {
	h := &history{c: c, name: name, began: time.Now(), ids: map[int]string{}, tokens: map[int][]string{}}
	over := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 16 {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i)+1))
			for {
				select {
				case <-over:
					return
				case <-time.After(time.Duration(random.Int64N(int64(40 * time.Millisecond)))):
				}
				n := c.nodes[names[i%len(names)]]
				if !h.once(i, n, random) {
					time.Sleep(50 * time.Millisecond) // it is not there
				}
			}
		})
	}
	happens(rand.New(rand.NewPCG(seed, 0)))
	close(over)
	clients.Wait()
	return h
}

// check wants what was seen of each task to be what a single queue could have shown.
func (h *history) check() {
	h.c.t.Helper()
	for _, part := range taskModel.Partition(h.done) {
		part = withoutTwins(part)
		result, info := porcupine.CheckOperationsVerbose(taskModel, part, patience)
		if result == porcupine.Ok {
			continue
		}
		slices.SortFunc(part, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
		var lines strings.Builder
		for _, o := range part {
			fmt.Fprintf(&lines, "%9.3f ms to %9.3f: client %d: %s\n", float64(o.Call)/1e6, float64(o.Return)/1e6, o.ClientId, describe(o.Input, o.Output))
		}
		h.c.t.Errorf("history %s: what was seen of task %d is not linearizable (%s):\n%s", h.name, part[0].Input.(input).task, result, &lines)
		if f, err := createKept("history-" + h.name + ".html"); err == nil {
			defer f.Close()
			if err := porcupine.Visualize(taskModel, info, f); err == nil {
				h.c.t.Logf("it is drawn in %s", f.Name())
			}
		}
		return
	}
}

// withoutTwins leaves out what need not be looked at: of operations whose outcome is unknown and that do the same, one at most changes
// something, and the one that was called first may do that at any moment at which the others may. Otherwise the search would take
// exponential time.
func withoutTwins(part []porcupine.Operation) (fewer []porcupine.Operation) {
	slices.SortStableFunc(part, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	first := map[input]string{} // the token of the first of each kind
	for _, o := range part {
		if in := o.Input.(input); o.Output.(output).unknown {
			kind := in
			if in.do != doComplete {
				kind.token = ""
			}
			if in.do == doGiveBack { // of the lease that is looked at
				if first[input{do: doLease, task: in.task}] != in.token {
					continue
				}
			} else if _, ok := first[kind]; ok {
				continue
			}
			first[kind] = in.token
		}
		fewer = append(fewer, o)
	}
	return fewer
}

// describe describes an operation.
func describe(in, out any) string {
	i, o := in.(input), out.(output)
	text := strings.TrimSpace(fmt.Sprintf("%s %s %s", i.do, i.token, i.result))
	switch {
	case o.unknown:
		return text + ": unknown"
	case o.replayed:
		return text + ": replayed"
	case o.ok && i.do == doLease && o.token == "":
		return text + ": none"
	case o.ok:
		return text + ": ok " + o.token
	}
	return text + ": " + o.kind
}

// 16 clients submit, lease, complete and cancel the same tasks at all nodes while nodes fail. What they see could have happened in one queue.
func TestWhatClientsSeeIsOneQueue(t *testing.T) {
	t.Parallel()
	seed := chaosSeed()
	t.Logf("seed %d, %d histories", seed, *histories)
	c := startCluster(t)
	c.awaitLeader("")
	declare(t, c)
	kinds := map[string]int{}
	for i := range *histories {
		h := see(c, fmt.Sprintf("h%d", i), seed+uint64(i), func(random *rand.Rand) {
			time.Sleep(time.Second)
			f, n := faults[i%(len(faults)-1)], c.nodes[c.awaitLeader("")]
			if random.IntN(3) == 0 {
				n = c.nodes[others(n.name)[random.IntN(2)]]
			}
			f.begin(c, n)
			time.Sleep(time.Duration(1+random.IntN(5)) * time.Second)
			f.end(c, n)
			time.Sleep(2 * time.Second)
		})
		c.recover()
		h.check()
		for _, o := range h.done {
			out := o.Output.(output)
			switch {
			case out.unknown:
				kinds["unknown"]++
			case out.ok:
				kinds[o.Input.(input).do]++
			default:
				kinds["refused"]++
			}
		}
	}
	t.Logf("operations: %v", kinds)
	c.sameLogs()
}

// The model finds what must not be.
func TestTheModelFindsWhatMustNotBe(t *testing.T) {
	ok, replayed, none := output{ok: true}, output{ok: true, replayed: true}, output{ok: true}
	stale, lost := output{kind: "stale-lease"}, output{unknown: true}
	submit, take, cancel := input{do: doSubmit}, input{do: doLease, token: "call"}, input{do: doCancel}
	gets := func(token string) output { return output{ok: true, token: token} }
	complete := func(token, result string) input { return input{do: doComplete, token: token, result: result} }
	for name, c := range map[string]struct {
		done []any // inputs and their outputs, one after the other
		want bool
	}{
		"a task":                            {[]any{submit, ok, take, gets("x"), take, none, complete("x", "1"), ok, complete("x", "1"), ok, cancel, output{kind: "invalid"}}, true},
		"a submit that is lost":             {[]any{submit, ok, submit, ok}, false},
		"a replay of nothing":               {[]any{submit, replayed}, false},
		"a lease that is given twice":       {[]any{submit, ok, take, gets("x"), take, gets("y")}, false},
		"a lease of nothing":                {[]any{take, gets("x")}, false},
		"a task that is hidden":             {[]any{submit, ok, take, none}, false},
		"a result of an old lease":          {[]any{submit, ok, take, gets("x"), complete("y", "1"), ok}, false},
		"a result that is lost":             {[]any{submit, ok, take, gets("x"), complete("x", "1"), ok, complete("x", "1"), stale}, false},
		"a result that is replaced":         {[]any{submit, ok, take, gets("x"), complete("x", "1"), ok, complete("x", "2"), ok}, false},
		"a cancel that is lost":             {[]any{submit, ok, cancel, ok, take, gets("x")}, false},
		"a submit that may have happened":   {[]any{submit, lost, take, gets("x")}, true},
		"a submit that has not happened":    {[]any{submit, lost, take, none, submit, ok}, true},
		"a lease that may have been given":  {[]any{submit, ok, take, lost, take, none}, true},
		"a lease that is given once at all": {[]any{submit, ok, take, lost, take, gets("x"), take, gets("y")}, false},
	} {
		var list []porcupine.Operation
		for i := 0; i < len(c.done); i += 2 {
			o := porcupine.Operation{ClientId: i, Input: c.done[i], Output: c.done[i+1], Call: int64(i), Return: int64(i + 1)}
			if o.Output.(output).unknown {
				o.Return = math.MaxInt64
			}
			list = append(list, o)
		}
		if got := porcupine.CheckOperations(taskModel, list); got != c.want {
			t.Errorf("%s: linearizable is %t", name, got)
		}
	}
}
