package api

import (
	"fmt"
	"strings"
	"testing"
)

func TestReportsOfOneCallAreCarriedOutInOrderWhileItWaitsForWork(t *testing.T) {
	h := open(t, nil)
	first, one := h.leased("w")
	second, two := h.leased("w")
	reports := fmt.Sprintf(`[{"token":%q,"do":"progress","progress":40},{"token":%[1]q,"do":"complete","result":{"n":1}},`+
		`{"token":%[1]q,"do":"complete","result":{"n":1}},{"token":%q,"do":"progress","progress":50},{"token":%[2]q,"do":"fail","error":"broken","retryable":false}]`, one, two)
	waiting := make(chan answer, 1)
	go func() {
		waiting <- h.do("POST", "/api/leases", `{"worker":"w","task_types":["REMOTE"],"max":5,"wait_seconds":60,"reports":`+reports+`}`)
	}()
	h.until(first, "SUCCESS") // while the call waits
	h.until(second, "FAILED")
	next := h.submit(`{"task_type":"REMOTE"}`)
	a := <-waiting
	leases := a.object(h)["leases"].([]any)
	if len(leases) != 1 || leases[0].(map[string]any)["task"].(map[string]any)["id"] != next {
		t.Errorf("leases: %s", a.body)
	}
	if got := a.statuses(h); got != "200 200 200 200 200" {
		t.Errorf("results: %s", a.body)
	}
}

// statuses are those of the results of reports.
func (a answer) statuses(h *house) string {
	var list []string
	for _, r := range a.object(h)["results"].([]any) {
		list = append(list, fmt.Sprint(r.(map[string]any)["status"]))
	}
	return strings.Join(list, " ")
}

func TestARefusedReportOfACallAffectsNoOther(t *testing.T) {
	h := open(t, nil)
	_, one := h.leased("w")
	second, two := h.leased("w")
	a := h.want("POST", "/api/leases", fmt.Sprintf(`{"worker":"w","max":0,"reports":[{"token":%q,"do":"complete","result":{"n":1}},`+
		`{"token":%[1]q,"do":"complete","result":{"n":2}},{"token":%q,"do":"complete","result":{"n":3},"files":["0000"]},`+
		`{"token":%[2]q,"do":"fail","error":"broken","retryable":false}]}`, one, two))
	if got := a.statuses(h); got != "200 409 400 200" {
		t.Errorf("results: %s", a.body)
	}
	h.until(second, "FAILED")
}
