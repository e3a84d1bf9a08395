package api

import (
	"fmt"
	"strings"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// reported is a log with one task of two attempts: the first reports 700 times and fails,
// the second reports three times, between which its priority changes, and succeeds.
func reported(t *testing.T) (eventlog.Log, ulid.ULID) {
	t.Helper()
	log := eventlogtest.NewMemory()
	id := ulid.MustParse("01ARZ3NDEKTSV4RRFFQ69G5FAV")
	var one task.Task
	now := task.Micros(1_700_000_000_000_000)
	do := func(c task.Command) {
		t.Helper()
		now += task.Second
		decided, err := task.Decide(&one, c, task.Now{Wall: now, At: now})
		if err != nil {
			t.Fatal(err)
		}
		for i := range decided {
			e := &decided[i]
			raw := &eventlog.Event{At: int64(e.At), Stream: task.StreamOf(id), Version: e.Version, Type: e.Type.String(), V: 1,
				Actor: anonymous, Data: task.AppendData(nil, e.Type, &e.Data), Payload: e.Payload, HasPayload: e.HasPayload}
			r := log.Append(t.Context(), []eventlog.Entry{{Events: []*eventlog.Event{raw}}})[0]
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			e.Seq = r.Last
			if err := task.Apply(&one, id, e); err != nil {
				t.Fatal(err)
			}
		}
	}
	do(task.Submit{ID: id, Type: "ECHO", Parameters: []byte(`{"secret":"parameters"}`)})
	do(task.Start{})
	for i := range 700 {
		do(task.Progress{Fence: one.Fence(), Percent: float64(i) / 10, Message: fmt.Sprint("first ", i)})
	}
	do(task.Fail{Fence: one.Fence(), Code: task.CodeError, Error: "broke"})
	now = one.DueAt
	do(task.Start{})
	do(task.Progress{Fence: one.Fence(), Percent: 10, Message: "second 0"})
	do(task.Progress{Fence: one.Fence(), Percent: 20, Message: "second 1"})
	do(task.Reprioritise{Priority: 7})
	do(task.Progress{Fence: one.Fence(), Percent: 30, Message: "second 2"})
	do(task.Succeed{Fence: one.Fence(), Result: []byte(`{"secret":"result"}`)})
	return log, id
}

// typesOf is the types of events, without "task.", each with its message if it has one.
func typesOf(t *testing.T, a answer) string {
	t.Helper()
	var words []string
	for _, e := range a.list(t) {
		word := strings.TrimPrefix(e["type"].(string), "task.")
		if p, ok := e["payload"].(map[string]any); ok && p["message"] != nil {
			word += fmt.Sprintf("(%s)", p["message"])
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestAHistoryKeepsOfEachAttemptTheLatestProgressIfAskedTo(t *testing.T) {
	log, id := reported(t)
	h := open(t, log)
	path := "/api/tasks/" + id.String() + "/events"
	a := h.want("GET", path+"?progress=last&payload=texts", "")
	want := "submitted started progressed(first 699) attempt_failed started reprioritised progressed(second 2) succeeded"
	if got := typesOf(t, a); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if strings.Contains(a.body, "secret") {
		t.Error("parameters or result among the short texts:", a.body)
	}
	if !strings.Contains(a.body, `{"error":"broke"}`) {
		t.Error("no error among the short texts:", a.body)
	}
	if n := len(h.want("GET", path, "").list(t)); n != 709 {
		t.Error(n, "events without the parameter, not all 709")
	}
	if got := typesOf(t, h.want("GET", path+"?progress=last&payload=texts&after=706", "")); got != "reprioritised progressed(second 2) succeeded" {
		t.Error("after 706:", got)
	}
	if got := h.want("GET", path+"?progress=last&after=99999", "").body; got != "[]" {
		t.Error("after the last:", got)
	}
	if bad := h.do("GET", path+"?progress=latest", ""); bad.status != 400 {
		t.Error(bad.status, bad.body)
	}
	if row := h.want("GET", "/api/tasks/"+id.String(), ""); !strings.Contains(row.body, `"version":709,"progress_reports":703,`) {
		t.Error(row.body)
	}
}

func TestAHistoryIsReadInPagesToItsEnd(t *testing.T) {
	log, id := reported(t)
	h := open(t, log)
	for _, test := range []struct {
		query         string
		events, pages int
	}{{"?limit=100", 709, 8}, {"?progress=last&limit=3", 8, 3}, {"?progress=last&limit=8", 8, 1}} {
		seen, pages := map[any]bool{}, 0
		for path := "/api/tasks/" + id.String() + "/events" + test.query; path != ""; pages++ {
			a := h.want("GET", path, "")
			for _, e := range a.list(t) {
				if seen[e["seq"]] {
					t.Error(test.query, "gives twice", e["seq"])
				}
				seen[e["seq"]] = true
			}
			path = next(a)
		}
		if len(seen) != test.events || pages != test.pages {
			t.Errorf("%s: %d events in %d pages, not %d in %d", test.query, len(seen), pages, test.events, test.pages)
		}
	}
}
