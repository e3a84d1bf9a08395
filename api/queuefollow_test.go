package api

import (
	"fmt"
	"net"
	"testing"
	"time"

	"daybook/internal/jsontext"
)

// Nobody has to wait for an event to see that a task has become due.
func TestAQueueIsPushedWhenATaskOfItBecomesDueWithoutAnEvent(t *testing.T) {
	bubble(t, func(h *house, _ func() net.Conn) {
		t := h.TB.(*testing.T)
		h.want("POST", "/api/queues/held/pause", "")
		h.submit(`{"task_type":"ECHO","queue":"held","delay_seconds":3}`)
		h.submit(`{"task_type":"ECHO","queue":"held","delay_seconds":13}`)
		l := h.listen("/api/stream?views=queues")
		l.must(t)
		begin := time.Now()
		for i, at := range []float64{3, 13} {
			rows := l.changesOf(t, "queues").Rows
			took := time.Since(begin).Seconds()
			if len(rows) != 1 || rows[0]["name"] != "held" || rows[0]["ready"] != float64(i+1) || rows[0]["oldest_ready_seconds"] != took-3 {
				t.Errorf("after %v s: %v", took, rows)
			}
			if late := took - at; late < 0 || late > 2 {
				t.Errorf("the task that is due after %v s is pushed after %v s, once each", at, took)
			}
		}
		h.want("POST", "/api/queues/held/resume", "")
		for ready := 2.0; ready != 0; {
			for _, row := range l.changesOf(t, "queues").Rows {
				ready = row["ready"].(float64)
			}
		}
	})
}

func TestMoreQueuesWithDueTasksThanAMessageHoldsAreTruncatedOnce(t *testing.T) {
	h := open(t, nil)
	view := &followedQueues{api: h.api}
	for i := range screenRows + 1 {
		h.want("POST", fmt.Sprintf("/api/queues/q%d/pause", i), "")
		h.submit(fmt.Sprintf(`{"task_type":"ECHO","queue":"q%d"}`, i))
	}
	for i, want := range []string{`"queues":{"rows":[],"removed":[],"truncated":true}`, ""} {
		var w jsontext.Writer
		if view.writeIdle(&w, 1); string(w) != want {
			t.Errorf("%d: %s", i, w)
		}
	}
}
