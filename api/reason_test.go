package api

import (
	"net/url"
	"strings"
	"testing"
)

func TestACancelAndARetryHaveTheirReasonsInTheHistory(t *testing.T) {
	h := open(t, nil)
	id := h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	h.want("DELETE", "/api/tasks/"+id+"?reason="+url.QueryEscape("wrong input"), "")
	h.want("POST", "/api/tasks/"+id+"/retry", `{"reason":"it is there now"}`)
	h.want("DELETE", "/api/tasks/"+id, "")
	h.want("POST", "/api/tasks/"+id+"/retry", `{"reason":"again"}`, "Idempotency-Key: k")
	h.want("POST", "/api/tasks/"+id+"/retry", `{"reason":"again"}`, "Idempotency-Key: k")
	history := h.want("GET", "/api/tasks/"+id+"/events?payload=1", "").body
	for _, want := range []string{`{"reason":"wrong input"}`, `{"reason":"it is there now"}`, `{"reason":"again","idempotency_key":"k"}`} {
		if strings.Count(history, want) != 1 {
			t.Errorf("its history has not %s once: %s", want, history)
		}
	}
	for _, test := range []struct{ method, path, body, want string }{
		{"DELETE", "?reason=" + strings.Repeat("r", 1001), "", "?reason"},
		{"DELETE", "?reason=%E2%80%AE", "", "?reason"},
		{"DELETE", "?why=so", "", "?why"},
		{"POST", "/retry", `{"reason":5}`, "/reason"},
		{"POST", "/retry", `{"reason":"` + strings.Repeat("r", 1001) + `"}`, "/reason"},
		{"POST", "/retry", `{"reason":"so","parameters":{"n":1}}`, "/reason"},
	} {
		if got := h.do(test.method, "/api/tasks/"+id+test.path, test.body); got.status != 400 || !strings.Contains(got.body, `"pointer":"`+test.want+`"`) {
			t.Errorf("%s %.40s %.40s: %d %s", test.method, test.path, test.body, got.status, got.body)
		}
	}
	if h.want("GET", "/api/tasks/"+id, "").object(h)["status"] != "PENDING" {
		t.Error("something that was refused has happened")
	}
}
