package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
)

// spoilt is a log of which some payloads do not fit their hash.
type spoilt struct {
	eventlog.Log
	bad []int64
}

func (l *spoilt) Payload(ctx context.Context, seq int64) ([]byte, error) {
	if slices.Contains(l.bad, seq) {
		return nil, fmt.Errorf("read payload of event %d: %w", seq, eventlog.ErrDamaged)
	}
	return l.Log.Payload(ctx, seq)
}

func (l *spoilt) Payloads(ctx context.Context, seqs []int64, fn func(i int, body []byte, err error) error) error {
	return l.Log.Payloads(ctx, seqs, func(i int, body []byte, err error) error {
		if _, bad := l.Payload(ctx, seqs[i]); bad != nil {
			return fn(i, nil, bad)
		}
		return fn(i, body, err)
	})
}

// spoil makes three tasks and then a log of them in which the result of the second is
// damaged, and the parameters of the third, which has failed.
func spoil(t *testing.T) (log *spoilt, ids []string) {
	memory := eventlogtest.NewMemory()
	t.Run("before the damage", func(t *testing.T) {
		h := open(t, memory)
		for i, kind := range []string{"ECHO", "ECHO", "FAIL"} {
			id := h.submit(fmt.Sprintf(`{"task_type":%q,"parameters":{"n":%d}}`, kind, i))
			h.until(id, []string{"SUCCESS", "SUCCESS", "FAILED"}[i])
			ids = append(ids, id)
		}
	})
	log = &spoilt{Log: memory}
	page, err := memory.Read(t.Context(), 0, eventlog.Filter{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Events {
		if e.Stream == "task:"+ids[1] && e.Type == "task.succeeded" || e.Stream == "task:"+ids[2] && e.Type == "task.submitted" {
			log.bad = append(log.bad, e.Seq)
		}
	}
	return log, ids
}

func TestADamagedPayloadIsToldOfItsTaskAndTheRestIsShown(t *testing.T) {
	log, ids := spoil(t)
	h := open(t, log)
	if body := h.want("GET", "/readyz", "").body; body != "ready\n" {
		t.Errorf("before the damage is met: %q", body)
	}
	rows := h.want("GET", "/api/tasks/", "").list(t)
	if len(rows) != 3 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, want := range []struct{ damaged, parameters, result string }{
		{"[parameters]", "<nil>", "<nil>"},
		{"[result_data]", "map[made:true n:1]", "<nil>"},
		{"<nil>", "map[made:true n:0]", "map[made:true n:0]"},
	} {
		for _, row := range []map[string]any{rows[i], h.want("GET", "/api/tasks/"+ids[2-i], "").object(t)} {
			if d, p, r := fmt.Sprint(row["damaged"]), fmt.Sprint(row["parameters"]), fmt.Sprint(row["result_data"]); d != want.damaged || p != want.parameters || r != want.result {
				t.Errorf("row %d: damaged %s, parameters %s, result %s", i, d, p, r)
			}
		}
	}
	if row := h.want("GET", "/api/tasks/?fields=summary", "").list(t)[0]; row["damaged"] != nil {
		t.Errorf("what a summary does not show is called damaged: %v", row)
	}
	for path, want := range map[string]string{
		"/api/tasks/?format=csv":                         "result_data\r\n",
		"/api/tasks/?format=ndjson":                      `"damaged":["result_data"]`,
		"/api/tasks/?q=made":                             `"n":0`,
		"/api/log?payload=1":                             `"payload":null,"damaged":["payload"]}`,
		"/api/log?payload=1&format=ndjson":               `"payload":null,"damaged":["payload"]}`,
		"/api/tasks/" + ids[1] + "/events?payload=1":     `"payload":null,"damaged":["payload"]}`,
		"/api/stats":                                     `"damaged_payloads":2`,
		"/readyz":                                        "damaged payloads: 2",
		"/api/tasks/" + ids[1] + "/events?payload=texts": `"type":"task.succeeded"`,
	} {
		if body := h.want("GET", path, "").body; !strings.Contains(body, want) {
			t.Errorf("%s: %.2000s", path, body)
		}
	}
}

func TestATaskWhoseParametersAreDamagedFailsForGood(t *testing.T) {
	log, ids := spoil(t)
	h := open(t, log)
	h.want("POST", "/api/tasks/"+ids[2]+"/retry", "")
	row := h.until(ids[2], "FAILED")
	if text := fmt.Sprint(row["error_message"]); !strings.Contains(text, "its parameters are damaged in the log") || row["attempt"] != 2.0 {
		t.Errorf("attempt %v: %s", row["attempt"], text)
	}
	id := h.submit(`{"task_type":"ECHO"}`)
	h.until(id, "SUCCESS")
}
