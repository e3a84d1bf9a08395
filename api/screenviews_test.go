package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// viewChanges is what a message has of a view.
type viewChanges struct {
	Rows      []map[string]any
	Removed   []string
	Truncated bool
}

// follower keeps lists by what a stream pushes.
type follower struct {
	*listener
	h     *house
	lists map[string]map[string]map[string]any // by view and by name or id
	seq   int64
}

// viewKeys are the members that name a row.
var viewKeys = map[string]string{"queues": "name", "workers": "name", "schedules": "name", "workflows": "id", "bulks": "id",
	"approvals": "task_id", "alerts": "name", "webhooks": "name"}

// unsteady are members that change with time alone.
var unsteady = []string{"oldest_ready_seconds", "last_seen", "next_runs", "holds", "value"}

// followViews opens a stream with views, and fetches their lists.
func (h *house) followViews(names string) *follower {
	h.Helper()
	f := &follower{listener: h.listen("/api/stream?views=" + names), h: h, lists: map[string]map[string]map[string]any{}}
	f.must(h.TB.(*testing.T))
	for name := range strings.SplitSeq(names, ",") {
		f.lists[name] = h.listOf(name)
	}
	return f
}

// listOf is a list by the names of its rows.
func (h *house) listOf(name string) map[string]map[string]any {
	h.Helper()
	all := map[string]map[string]any{}
	for _, row := range h.want("GET", "/api/"+name, "").list(h) {
		all[row[viewKeys[name]].(string)] = row
	}
	return all
}

// until reads messages up to a seq.
func (f *follower) until(seq int64) {
	f.h.Helper()
	for f.seq < seq {
		var m struct {
			Seq   int64
			Views map[string]viewChanges
		}
		if err := json.Unmarshal([]byte(f.must(f.h.TB.(*testing.T)).data), &m); err != nil {
			f.h.Fatal(err)
		}
		f.seq = m.Seq
		for name, changes := range m.Views {
			f.take(name, changes)
		}
	}
}

func (f *follower) take(name string, changes viewChanges) {
	f.h.Helper()
	if changes.Truncated {
		if len(changes.Rows)+len(changes.Removed) > 0 {
			f.h.Errorf("%s: truncated, and has rows", name)
		}
		f.lists[name] = f.h.listOf(name)
	}
	for _, row := range changes.Rows {
		f.lists[name][row[viewKeys[name]].(string)] = row
	}
	for _, one := range changes.Removed {
		delete(f.lists[name], one)
	}
}

// check compares what was pushed with the lists.
func (f *follower) check() {
	f.h.Helper()
	f.until(f.h.views.Seq())
	for name, got := range f.lists {
		want := f.h.listOf(name)
		for _, list := range []map[string]map[string]any{got, want} {
			for _, row := range list {
				for _, member := range unsteady {
					delete(row, member)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			f.h.Fatalf("%s at %d, list and pushed: %s", name, f.seq, diff)
		}
	}
}

func TestViewsThatAreFollowedAreEqualToTheirLists(t *testing.T) {
	h := open(t, nil)
	h.want("POST", "/api/leases", `{"worker":"w1","task_types":["REMOTE","ASKS"],"max":0}`)
	f := h.followViews("queues,workers,schedules,workflows,bulks,approvals,alerts,webhooks")
	random := rand.New(rand.NewPCG(7, 7))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	queue := func() string { return pick("a", "b", "c") }
	schedule := func() string { return pick("s1", "s2", "s3") }
	var tasks []string
	steps := []func(){
		func() {
			tasks = append(tasks, h.submit(fmt.Sprintf(`{"task_type":%q,"queue":%q}`, pick("ECHO", "FAIL", "REMOTE"), queue())))
		},
		func() {
			tasks = append(tasks, h.submit(fmt.Sprintf(`{"task_type":"ECHO","queue":%q,"delay_seconds":3600}`, queue())))
		},
		func() {
			if len(tasks) > 0 {
				h.do("PATCH", "/api/tasks/"+pick(tasks...), pick(`{"run_at":null}`, `{"priority":7}`))
			}
		},
		func() {
			if len(tasks) > 0 {
				h.do("DELETE", "/api/tasks/"+pick(tasks...), "")
			}
		},
		func() { h.want("PATCH", "/api/queues/"+queue(), `{"concurrency":`+pick("1", "2", "null")+`}`) },
		func() { h.want("POST", "/api/queues/"+queue()+pick("/pause", "/resume"), "") },
		func() {
			h.want("PUT", "/api/schedules/"+schedule(), `{"every_seconds":3600,"task":{"task_type":"ECHO","queue":"`+queue()+`"}}`)
		},
		func() { h.do("DELETE", "/api/schedules/"+schedule(), "") },
		func() { h.do("POST", "/api/schedules/"+schedule()+pick("/run", "/pause", "/resume"), "") },
		func() {
			h.want("POST", "/api/workflows", `{"name":"w","tasks":{"one":{"task_type":"ECHO"},"two":{"task_type":"`+pick("ECHO", "FAIL")+`","depends_on":["one"],"queue":"`+queue()+`"},"three":{"task_type":"ECHO","queue":"`+queue()+`"}}}`)
		},
		func() {
			h.want("POST", "/api/tasks/bulk", `{"action":"`+pick("cancel", "retry")+`","filter":{"queue":"`+queue()+`"}}`)
		},
		func() {
			for _, one := range h.want("GET", "/api/bulks", "").list(h) {
				h.do("POST", "/api/bulks/"+one["id"].(string)+"/undo", "")
				return
			}
		},
		func() {
			h.want("POST", "/api/leases", `{"worker":"`+pick("w1", "w2", "w3")+`","build":"`+pick("x", "y")+`","task_types":["REMOTE"],"max":0}`)
		},
		func() { h.do("POST", "/api/workers/"+pick("w1", "w2")+pick("/quiet", "/resume"), "") },
		func() {
			tasks = append(tasks, h.submit(`{"task_type":"ASKS","queue":"asks"}`))
			h.suspendOne(pick(`{"step":"one","approval":{"title":"Really?"}}`, `{"step":"two","approval":{"role":"admin"}}`))
		},
		func() {
			asked := h.want("GET", "/api/approvals", "").list(h)
			if len(asked) == 0 {
				return
			}
			h.want("POST", fmt.Sprintf("/api/tasks/%s/approvals/%s", asked[0]["task_id"], asked[0]["step"]), `{"approve":true}`)
			if pick("again", "done") == "done" {
				h.reportOne("complete", `{}`)
			} else {
				h.suspendOne(`{"step":"three","approval":{"title":"Once more?"}}`)
			}
		},
		func() {
			name := pick("a1", "a2", "a3")
			if h.do("POST", "/api/alerts", `{"name":"`+name+`","when":"queue_depth","above":2}`).status != 200 {
				h.want("DELETE", "/api/alerts/"+name, "")
			}
		},
		func() {
			if one, _ := h.views.Alert(pick("a1", "a2", "a3")); one != nil {
				if err := h.api.sched().TurnAlert(h.Context(), one, !one.Firing, 3, 1); err != nil {
					t.Fatal(err)
				}
			}
		},
		func() {
			name := pick("h1", "h2", "h3")
			if h.do("POST", "/api/webhooks", `{"name":"`+name+`","url":"https://example.com/`+pick("x", "y")+`","events":["task.failed"]}`).status != 200 {
				h.want("DELETE", "/api/webhooks/"+name, "")
			}
		},
	}
	for i := range 200 {
		steps[random.IntN(len(steps))]()
		if i%5 == 4 {
			h.quiet(t)
			tick := h.submit(`{"task_type":"ECHO","queue":"tick","delay_seconds":3600}`) // an event after the last change of a worker
			f.check()
			h.want("DELETE", "/api/tasks/"+tick, "")
		}
	}
	h.want("POST", "/api/alerts", `{"name":"last","when":"queue_depth","above":2}`)
	h.want("POST", "/api/webhooks", `{"name":"last","url":"https://example.com/","events":["task.failed"]}`)
	h.submit(`{"task_type":"ASKS","queue":"asks"}`)
	h.suspendOne(`{"step":"last","approval":{"title":"Really?"}}`)
	f.check()
	for name, list := range f.lists {
		if len(list) == 0 {
			t.Error("nothing is left of", name)
		}
	}
}

// quiet waits until no task of the process runs or is ready, and no bulk goes on, so that nothing changes by itself.
func (h *house) quiet(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		seq := h.views.Seq()
		open := 0
		for _, row := range h.want("GET", "/api/tasks?status=RUNNING&status=PENDING&limit=1000", "").list(h) {
			wait, _ := row["waiting_for"].(map[string]any)
			if row["task_type"] != "WORKFLOW" && (row["status"] == "RUNNING" || wait["reason"] == "turn" || wait["reason"] == "capacity") {
				open++
			}
		}
		for _, row := range h.want("GET", "/api/bulks", "").list(h) {
			if row["status"] == "RUNNING" {
				open++
			}
		}
		if open == 0 && h.views.Seq() == seq {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(open, "tasks and bulks go on")
		}
		changed := h.views.Changed()
		select {
		case <-changed:
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A workflow has no event of its own when one of its tasks ends.
func TestAWorkflowIsPushedWhenOneOfItsTasksEnds(t *testing.T) {
	h := open(t, nil)
	h.want("POST", "/api/queues/held/pause", "")
	h.want("POST", "/api/queues/shut/pause", "")
	id := h.want("POST", "/api/workflows", `{"name":"w","tasks":{"one":{"task_type":"ECHO","queue":"held"},"two":{"task_type":"ECHO","queue":"shut"}}}`).object(t)["id"].(string)
	f := h.followViews("workflows")
	h.want("POST", "/api/queues/held/resume", "")
	for f.lists["workflows"][id]["open_count"] != 1.0 {
		f.until(f.seq + 1)
	}
}

// A task that becomes due writes no event: its queue is in the next message.
func TestAQueueIsPushedWhenATaskOfItHasBecomeDue(t *testing.T) {
	bubble(t, func(h *house, _ func() net.Conn) {
		t := h.TB.(*testing.T)
		h.want("POST", "/api/queues/held/pause", "")
		h.submit(`{"task_type":"ECHO","queue":"held","delay_seconds":60}`)
		before := h.views.Seq()
		time.Sleep(61 * time.Second)
		l := h.listen(fmt.Sprintf("/api/stream?views=queues&after=%d", before))
		l.must(t)
		h.submit(`{"task_type":"ECHO","queue":"other","delay_seconds":3600}`)
		var m struct{ Views map[string]viewChanges }
		if err := json.Unmarshal([]byte(l.must(t).data), &m); err != nil {
			t.Fatal(err)
		}
		rows := m.Views["queues"].Rows
		if len(rows) != 2 || rows[0]["name"] != "held" || rows[0]["ready"] != 1.0 {
			t.Errorf("%v", rows)
		}
	})
}

func TestOnlyTheViewsThatHaveChangedAreInAMessage(t *testing.T) {
	h := open(t, nil)
	l := h.listen("/api/stream?views=queues,schedules")
	l.must(t)
	h.want("PATCH", "/api/queues/mail", `{"concurrency":2}`)
	var m struct{ Views map[string]viewChanges }
	if err := json.Unmarshal([]byte(l.must(t).data), &m); err != nil {
		t.Fatal(err)
	}
	if got := slices.Collect(maps.Keys(m.Views)); len(got) != 1 || len(m.Views["queues"].Rows) != 1 || m.Views["queues"].Rows[0]["concurrency"] != 2.0 {
		t.Errorf("%+v", m.Views)
	}
	plain := h.listen("/api/stream")
	plain.must(t)
	h.want("PATCH", "/api/queues/mail", `{"concurrency":3}`)
	if m := plain.must(t); strings.Contains(m.data, `"views":{`) {
		t.Error("a stream that names no views has some:", m.data)
	}
}

func TestMoreChangedRowsThanAMessageHoldsAreTruncated(t *testing.T) {
	h := open(t, nil)
	h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	after := h.views.Seq()
	for i := range screenRows + 1 {
		h.want("PATCH", fmt.Sprintf("/api/queues/q%d", i), `{"concurrency":2}`)
	}
	for from, truncated := range map[int64]bool{after: true, after + 1: false} {
		l := h.listen(fmt.Sprintf("/api/stream?views=queues&after=%d", from))
		l.must(t)
		var m struct{ Views map[string]viewChanges }
		if err := json.Unmarshal([]byte(l.must(t).data), &m); err != nil {
			t.Fatal(err)
		}
		got := m.Views["queues"]
		if got.Truncated != truncated || truncated != (len(got.Rows) == 0) || !truncated && len(got.Rows) != screenRows {
			t.Errorf("after %d: truncated is %v, %d rows", from, got.Truncated, len(got.Rows))
		}
	}
}

// A worker that asks and gets nothing writes no event.
func TestWorkersArePushedWithoutEvents(t *testing.T) {
	h := open(t, nil)
	if err := h.views.Await(t.Context(), 1); err != nil { // the start of the server is an event
		t.Fatal(err)
	}
	l := h.listen("/api/stream?views=workers")
	l.must(t)
	h.want("POST", "/api/leases", `{"worker":"w1","task_types":["REMOTE"],"max":0}`)
	seq := h.views.Seq()
	begin := time.Now()
	var m struct {
		Seq   int64
		Views map[string]viewChanges
	}
	if err := json.Unmarshal([]byte(l.must(t).data), &m); err != nil {
		t.Fatal(err)
	}
	if rows := m.Views["workers"].Rows; m.Seq != seq || len(rows) != 1 || rows[0]["name"] != "w1" {
		t.Errorf("after %v: %+v", time.Since(begin), m)
	}
}

// Only the memory of the node that leads a cluster has the workers.
func TestANodeThatDoesNotLeadSaysThatWorkersAreToBeFetched(t *testing.T) {
	for _, leads := range []bool{true, false} {
		h := open(t, nil, func(o *Options) { o.ClusterNumbers = func() ClusterNumbers { return ClusterNumbers{Leads: leads} } })
		l := h.listen("/api/stream?views=workers")
		l.must(t)
		h.want("POST", "/api/leases", `{"worker":"w1","task_types":["REMOTE"],"max":0}`)
		h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
		var m struct{ Views map[string]viewChanges }
		if err := json.Unmarshal([]byte(l.must(t).data), &m); err != nil {
			t.Fatal(err)
		}
		if got := m.Views["workers"]; got.Truncated == leads || leads != (len(got.Rows) == 1) {
			t.Errorf("leads: %v, workers: %+v", leads, got)
		}
	}
}

func TestAViewThatIsUnknownIsRefusedWithTheNamesOfAll(t *testing.T) {
	h := open(t, nil)
	for _, names := range []string{"queue", "queues,nothing", "Queues", "queues, workers"} {
		a := h.do("GET", "/api/stream?views="+strings.ReplaceAll(names, " ", "%20"), "")
		if a.status != 400 || !strings.Contains(a.body, `"?views"`) || !strings.Contains(a.body, "queues, workers, schedules, workflows, bulks, approvals, alerts, webhooks") {
			t.Errorf("%s: %d %s", names, a.status, a.body)
		}
	}
	h.listen("/api/stream?views=").must(t) // none
}

func TestALimitedTokenFollowsNoViews(t *testing.T) {
	h := open(t, nil)
	root := h.token("", `{"name":"root","role":"admin"}`)
	limited := h.token(root, `{"name":"some","role":"viewer","queues":["mail"]}`)
	if a := h.do("GET", "/api/stream?views=queues", "", bearer(limited)); a.status != 403 {
		t.Error(a.status, a.body)
	}
	viewer := h.token(root, `{"name":"all","role":"viewer"}`)
	h.listen("/api/stream?views=queues", bearer(viewer)).must(t)
}
