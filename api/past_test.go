package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// seen is what reads answered at one moment.
type seen struct {
	seq     string
	at      time.Time
	answers map[string]string // by path
}

// look reads the paths until no event comes between two of them.
func (h *house) look(t *testing.T, paths ...string) seen {
	t.Helper()
	for {
		s := seen{answers: map[string]string{}}
		same := true
		for _, path := range paths {
			a := h.want("GET", path, "")
			if seq := a.header.Get("X-Log-Seq"); s.seq == "" {
				s.seq = seq
			} else if s.seq != seq {
				same = false
			}
			s.answers[path] = a.body
		}
		s.at = time.Now()
		if same && h.want("GET", "/api/stats", "").header.Get("X-Log-Seq") == s.seq {
			return s
		}
	}
}

// withAt is a path with the parameter at.
func withAt(path, at string) string {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return path + separator + "at=" + url.QueryEscape(at)
}

// lasting is what of an answer is the same when it is asked for later: the rates of the last minutes and the state of the
// server go by the clock and by memory.
func lasting(t *testing.T, body string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		t.Fatal(err)
	}
	if stats, ok := value.(map[string]any); ok && stats["totals"] != nil {
		delete(stats, "windows")
		delete(stats, "state")
	}
	return value
}

func TestReadsOfThePastAnswerAsTheyDidThen(t *testing.T) {
	h := open(t, nil)
	planned := h.submit(`{"task_type":"ECHO","delay_seconds":3600,"parameters":{"word":"heron"}}`)
	failed := h.submit(`{"task_type":"FAIL","max_attempts":1,"tags":["x"]}`)
	h.until(failed, "FAILED")
	paths := []string{
		"/api/tasks/?limit=0", "/api/tasks/?status=PENDING", "/api/tasks/?waiting=scheduled", "/api/tasks/?tag=x&fields=summary", "/api/tasks/?q=heron",
		"/api/tasks/?format=csv", "/api/tasks/" + planned, "/api/tasks/" + failed, "/api/stats",
	}
	var all []seen
	next := func() {
		all = append(all, h.look(t, paths...))
		time.Sleep(time.Millisecond) // so that the time after it is before that of the next event
	}
	next()
	h.want("POST", "/api/queues/blue/pause", `{"reason":"a look"}`)
	h.submit(`{"task_type":"ECHO","queue":"blue"}`)
	next()
	h.want("DELETE", "/api/tasks/"+planned, "")
	next()
	h.want("POST", "/api/tasks/"+failed+"/retry", "")
	h.until(failed, "FAILED")
	h.until(h.submit(`{"task_type":"ECHO","parameters":{"word":"a heron"}}`), "SUCCESS")
	next()
	h.want("POST", "/api/tasks/"+planned+"/retry", "")
	for i := range 20 {
		h.submit(fmt.Sprintf(`{"task_type":"ECHO","parameters":{"n":%d}}`, i))
	}
	for _, s := range all {
		for path, want := range s.answers {
			for _, at := range []string{s.seq, s.at.UTC().Format(time.RFC3339Nano)} {
				a := h.want("GET", withAt(path, at), "")
				if a.header.Get("X-Log-Seq") != s.seq {
					t.Errorf("%s at %s shows seq %s", path, at, a.header.Get("X-Log-Seq"))
				}
				if strings.Contains(path, "csv") {
					if a.body != want {
						t.Errorf("%s at %s:\n%s\nthen:\n%s", path, at, a.body, want)
					}
				} else if !reflect.DeepEqual(lasting(t, a.body), lasting(t, want)) {
					t.Errorf("%s at %s:\n%s\nthen:\n%s", path, at, a.body, want)
				}
			}
		}
	}
}

// TestAListOfThePastIsPaged follows the pages while tasks change.
func TestAListOfThePastIsPaged(t *testing.T) {
	h := open(t, nil)
	for i := range 25 {
		h.submit(fmt.Sprintf(`{"task_type":"ECHO","delay_seconds":3600,"parameters":{"n":%d}}`, i))
	}
	then := h.look(t, "/api/tasks/?limit=0&status=PENDING")
	var got []any
	for path := withAt("/api/tasks/?limit=10&status=PENDING", then.seq); path != ""; {
		a := h.want("GET", path, "")
		page := lasting(t, a.body).([]any)
		got = append(got, page...)
		path = next(a)
		h.want("DELETE", "/api/tasks/"+page[0].(map[string]any)["id"].(string), "")
		if other := h.do("GET", strings.ReplaceAll(path, "at="+then.seq, "at=1"), ""); path != "" && other.status != 400 {
			t.Error("the cursor of another moment:", other.status)
		}
	}
	if want := lasting(t, then.answers["/api/tasks/?limit=0&status=PENDING"]); !reflect.DeepEqual(any(got), want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

func TestAMomentThatIsNoneIsRefused(t *testing.T) {
	h := open(t, nil)
	id := h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	for _, path := range []string{"/api/tasks/", "/api/stats", "/api/tasks/" + id} {
		for _, at := range []string{"-1", "1000000", "9223372036854775808", "yesterday", "2026-11-24", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)} {
			if a := h.do("GET", withAt(path, at), ""); a.status != 400 || !strings.Contains(a.body, `"?at"`) {
				t.Errorf("%s at %s: %d %s", path, at, a.status, a.body)
			}
		}
		h.want("GET", path+"?at=", "") // an empty one is an absent one
	}
	for _, at := range []string{"0", "1970-01-01T00:00:01Z"} {
		if a := h.do("GET", withAt("/api/tasks/"+id, at), ""); a.status != 404 || !strings.Contains(a.body, "at that point of the log") {
			t.Errorf("before it was submitted: %d %s", a.status, a.body)
		}
		if a := h.want("GET", withAt("/api/tasks/", at), ""); a.body != "[]" || a.header.Get("X-Total-Count") != "0" {
			t.Errorf("before everything: %s", a.body)
		}
	}
}

func TestThePastShowsNothingThatWasErased(t *testing.T) {
	h := open(t, nil)
	id := h.submit(`{"task_type":"ECHO","subject":"a kingfisher","parameters":{"word":"kingfisher"}}`)
	h.until(id, "SUCCESS")
	then := h.look(t, "/api/tasks/"+id).seq
	h.want("POST", "/api/tasks/"+id+"/erase", `{"reason":"they asked for it"}`)
	for _, path := range []string{"/api/tasks/" + id, "/api/tasks/", "/api/tasks/?format=csv", "/api/tasks/?q=kingfisher"} {
		if a := h.want("GET", withAt(path, then), ""); strings.Contains(a.body, "kingfisher") || !strings.Contains(a.body, id) != strings.Contains(path, "q=") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

func TestWhatNobodyRecordedIsSaidOfThePast(t *testing.T) {
	h := open(t, nil)
	var waiting []string
	for range 4 { // there are two slots
		waiting = append(waiting, h.submit(`{"task_type":"HOLD"}`))
	}
	then := h.look(t, "/api/tasks/?status=PENDING").seq
	var rows []struct {
		WaitingFor struct {
			Reason string
			Ahead  int
		} `json:"waiting_for"`
	}
	if err := json.Unmarshal([]byte(h.want("GET", withAt("/api/tasks/?status=PENDING", then), "").body), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0].WaitingFor.Reason != "turn" || rows[0].WaitingFor.Ahead != 1 || rows[1].WaitingFor.Reason != "unrecorded" {
		t.Errorf("%+v", rows)
	}
	for _, id := range waiting {
		h.do("DELETE", "/api/tasks/"+id, "")
	}
}
