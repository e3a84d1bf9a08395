package api

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

func TestARefusedReportEndsTheWaitForWork(t *testing.T) {
	bubble(t, func(h *house, _ func() net.Conn) {
		const poll = `{"worker":"w","task_types":["REMOTE"],"max":1,"wait_seconds":20,"reports":[`
		h.want("POST", "/api/leases", `{"worker":"w","task_types":["REMOTE"],"max":0}`)
		h.submit(`{"task_type":"REMOTE"}`)
		token := h.want("POST", "/api/leases", poll+`]}`).object(h)["leases"].([]any)[0].(map[string]any)["token"].(string)
		for report, waits := range map[string]bool{
			`{"token":"` + token + `","do":"complete","files":["none"]}`: false,
			`{"token":"dbl_none","do":"release"}`:                        false,
			`{"token":"` + token + `","do":"progress","progress":1}`:     true,
		} {
			began := time.Now()
			body := h.want("POST", "/api/leases", poll+report+`]}`).body
			if waited := time.Since(began); waits != (waited == 20*time.Second) || !waits && waited != 0 {
				t.Errorf("%s: it waited %s for work", report, waited)
			}
			if refused := !strings.Contains(body, `"results":[{"status":200}]`); refused == waits {
				t.Errorf("%s: %s", report, body)
			}
		}
	})
}

func TestATokenDeclaresOnlyItsTypes(t *testing.T) {
	h := open(t, nil)
	root := h.token("", `{"name":"root","role":"admin"}`)
	for name, test := range map[string]struct {
		token, path, body string
		want              int
	}{
		"a worker":                {`{"name":"w1","role":"worker"}`, "any", `{}`, 201},
		"its type":                {`{"name":"w2","role":"worker","task_types":["mine"]}`, "mine", `{}`, 201},
		"another type":            {`{"name":"w3","role":"worker","task_types":["mine"]}`, "other", `{}`, 403},
		"a queue that is not its": {`{"name":"w4","role":"worker","task_types":["mine"],"queues":["q"]}`, "mine", `{"defaults":{"queue":"r"}}`, 403},
		"a queue that is its":     {`{"name":"w5","role":"worker","task_types":["third"],"queues":["q"]}`, "third", `{"defaults":{"queue":"q"}}`, 201},
		"all types of a queue":    {`{"name":"w6","role":"worker","queues":["q"]}`, "mine", `{}`, 403},
		"a submitter":             {`{"name":"w7","role":"submitter"}`, "mine", `{}`, 403},
	} {
		token := h.token(root, test.token)
		if got := h.do("PUT", "/api/task-types/"+test.path, test.body, bearer(token)); got.status != test.want {
			t.Errorf("%s: %d %s, want %d", name, got.status, got.body, test.want)
		}
	}
}

// The answer to a call of a worker names an event of the log if one was appended for it. In a cluster any other is confirmed before it is given.
func TestTheAnswerToAWorkerSaysWhetherSomethingWasAppended(t *testing.T) {
	h := open(t, nil)
	call := func(max int, reports string) (answer, string) {
		a := h.want("POST", "/api/leases", fmt.Sprintf(`{"worker":"w","task_types":["REMOTE"],"max":%d,"reports":[%s]}`, max, reports))
		return a, a.header.Get("X-Log-Seq")
	}
	if _, seq := call(1, ""); seq != "" {
		t.Errorf("that there is no work is said with event %s", seq)
	}
	h.submit(`{"task_type":"REMOTE"}`)
	got, seq := call(1, "")
	if seq == "" {
		t.Error("a lease is said with no event")
	}
	token := got.object(h)["leases"].([]any)[0].(map[string]any)["token"].(string)
	progress, complete, stale := `{"token":"`+token+`","do":"progress","progress":1}`, `{"token":"`+token+`","do":"complete"}`, `{"token":"dbl_none","do":"release"}`
	for _, c := range []struct {
		reports string
		want    bool
	}{{stale, false}, {progress + "," + stale, false}, {stale + "," + complete, true}, {stale, false}} {
		if _, seq := call(0, c.reports); (seq != "") != c.want {
			t.Errorf("%s is answered with event %q", c.reports, seq)
		}
	}
}
