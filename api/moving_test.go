package api

import (
	"sync"
	"testing"
)

// TestTasksAreReadWholeWhileTheyMove is for the race detector: who lists what workers hold and what schedules ran reads tasks that change.
func TestTasksAreReadWholeWhileTheyMove(t *testing.T) {
	h := open(t, nil)
	h.want("POST", "/api/leases", `{"worker":"w","task_types":["REMOTE"],"max":0}`) // makes the type known
	h.want("PUT", "/api/schedules/s", `{"every_seconds":3600,"task":{"task_type":"REMOTE"}}`)
	ended := make(chan struct{})
	var reading sync.WaitGroup
	for _, path := range []string{"/api/workers", "/api/schedules/s/runs", "/api/schedules"} {
		reading.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					if got := h.do("GET", path, ""); got.status != 200 {
						t.Errorf("%s: %d %s", path, got.status, got.body)
					}
				}
			}
		})
	}
	for range 20 {
		h.want("POST", "/api/schedules/s/run", "")
		one := h.want("POST", "/api/leases", `{"worker":"w","task_types":["REMOTE"],"max":1}`).object(t)["leases"].([]any)[0].(map[string]any)
		h.want("POST", "/api/leases/"+one["token"].(string)+"/complete", "{}")
	}
	close(ended)
	reading.Wait()
}
