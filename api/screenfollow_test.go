package api

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// suspendOne suspends a task of the type ASKS.
func (h *house) suspendOne(by string) {
	h.Helper()
	h.reportOne("suspend", by)
}

// reportOne reports something of a task of the type ASKS.
func (h *house) reportOne(what, report string) {
	h.Helper()
	leases := h.want("POST", "/api/leases", `{"worker":"w0","task_types":["ASKS"],"max":1}`).object(h)["leases"]
	for _, one := range leases.([]any) {
		h.want("POST", "/api/leases/"+one.(map[string]any)["token"].(string)+"/"+what, report)
	}
}

// changesOf reads messages until one has changes of a view, at most ten.
func (l *listener) changesOf(t *testing.T, view string) viewChanges {
	t.Helper()
	for range 10 {
		var m struct{ Views map[string]viewChanges }
		if err := json.Unmarshal([]byte(l.must(t).data), &m); err != nil {
			t.Fatal(err)
		}
		if changes, ok := m.Views[view]; ok {
			return changes
		}
	}
	t.Fatal("no message has changes of", view)
	return viewChanges{}
}

// A stream that goes on from a seq has what has left the lists since then.
func TestAStreamThatGoesOnSaysWhatHasLeftTheListsMeanwhile(t *testing.T) {
	h := open(t, nil)
	h.want("POST", "/api/leases", `{"worker":"w0","task_types":["ASKS"],"max":0}`)
	var asked []string
	for range 2 {
		asked = append(asked, h.submit(`{"task_type":"ASKS"}`))
		h.suspendOne(`{"step":"s","approval":{"title":"Really?"}}`)
	}
	for _, name := range []string{"gone", "stays", "made-again"} {
		h.want("POST", "/api/alerts", `{"name":"`+name+`","when":"queue_depth","above":2}`)
		h.want("POST", "/api/webhooks", `{"name":"`+name+`","url":"https://example.com/","events":["task.failed"]}`)
	}
	after := h.views.Seq()
	h.want("POST", "/api/tasks/"+asked[0]+"/approvals/s", `{"approve":true}`)
	asked = append(asked, h.submit(`{"task_type":"ASKS"}`), h.submit(`{"task_type":"ASKS"}`))
	for range 3 { // one of them is the one that was answered
		h.suspendOne(`{"step":"t","approval":{"title":"Really?"}}`)
	}
	h.want("POST", "/api/tasks/"+asked[0]+"/approvals/t", `{"approve":true}`)
	for _, list := range []string{"alerts", "webhooks"} {
		h.want("DELETE", "/api/"+list+"/gone", "")
		h.want("DELETE", "/api/"+list+"/made-again", "")
	}
	h.want("POST", "/api/alerts", `{"name":"made-again","when":"queue_depth","above":3}`)
	h.want("POST", "/api/webhooks", `{"name":"made-again","url":"https://example.com/","events":["task.succeeded"]}`)
	for view, want := range map[string][2][]string{
		"approvals": {asked[2:], {asked[0]}},
		"alerts":    {{"made-again", "stays"}, {"gone"}},
		"webhooks":  {{"made-again", "stays"}, {"gone"}},
	} {
		l := h.listen(fmt.Sprintf("/api/stream?views=%s&after=%d", view, after))
		l.must(t)
		got := l.changesOf(t, view)
		var rows []string
		for _, row := range got.Rows {
			rows = append(rows, row[viewKeys[view]].(string))
		}
		if !slices.Equal(rows, want[0]) || !slices.Equal(got.Removed, want[1]) || got.Truncated {
			t.Errorf("%s: rows %v, removed %v, truncated %v; want %v", view, rows, got.Removed, got.Truncated, want)
		}
	}
}

// What an alert measures changes without events.
func TestWhatAnAlertMeasuresIsPushedAsTimePasses(t *testing.T) {
	bubble(t, func(h *house, _ func() net.Conn) {
		t := h.TB.(*testing.T)
		h.want("POST", "/api/queues/held/pause", "")
		h.want("POST", "/api/alerts", `{"name":"long","when":"oldest_ready_seconds","above":1e6}`)
		h.want("POST", "/api/alerts", `{"name":"steady","when":"queue_depth","above":1e6}`)
		id := h.submit(`{"task_type":"ECHO","queue":"held"}`)
		l := h.listen("/api/stream?views=alerts")
		l.must(t)
		if first := l.changesOf(t, "alerts").Rows; len(first) != 2 || first[0]["value"] != 2.0 {
			t.Errorf("at first it has all of them: %v", first)
		}
		if rows := l.changesOf(t, "alerts").Rows; len(rows) != 1 || rows[0]["name"] != "long" || rows[0]["value"] != 4.0 {
			t.Errorf("then those that have changed: %v", rows)
		}
		h.want("DELETE", "/api/tasks/"+id, "")
		if rows := l.changesOf(t, "alerts").Rows; len(rows) != 2 || rows[0]["value"] != 0.0 || rows[1]["value"] != 0.0 {
			t.Errorf("what a task has changed comes at the next look: %v", rows)
		}
		begin := time.Now()
		h.want("DELETE", "/api/alerts/steady", "")
		if got := l.changesOf(t, "alerts"); len(got.Rows) != 0 || !slices.Equal(got.Removed, []string{"steady"}) || time.Since(begin) >= time.Second {
			t.Errorf("an event comes at once: %+v after %v", got, time.Since(begin))
		}
	})
}

func TestAViewNeedsTheRoleOfItsList(t *testing.T) {
	h := open(t, nil)
	root := h.token("", `{"name":"root","role":"admin"}`)
	for role, refused := range map[string]bool{"viewer": true, "operator": true, "admin": false} {
		token := bearer(h.token(root, `{"name":"some-`+role+`","role":"`+role+`"}`))
		h.listen("/api/stream?views=queues,approvals,alerts", token).must(t)
		if !refused {
			h.listen("/api/stream?views=alerts,webhooks", token).must(t)
		} else if a := h.do("GET", "/api/stream?views=alerts,webhooks", "", token); a.status != 403 || !strings.Contains(a.body, "The view webhooks needs the role admin") {
			t.Error(role, a.status, a.body)
		}
	}
}
