package api

import (
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
