package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"daybook/internal/logline"
	"daybook/tasklog"
)

// leased submits a task of a type that a worker runs, and leases it.
func (h *house) leased(worker string) (id, token string) {
	h.Helper()
	lease := `{"worker":"` + worker + `","task_types":["REMOTE"],"max":`
	h.want("POST", "/api/leases", lease+`0}`)
	id = h.submit(`{"task_type":"REMOTE"}`)
	got := h.want("POST", "/api/leases", lease+`1,"wait_seconds":30}`).object(h)["leases"].([]any)
	return id, got[0].(map[string]any)["token"].(string)
}

const asLines = "Content-Type: application/x-ndjson"

// texts are the texts of an answer with lines.
func texts(t testing.TB, a answer) (list []string) {
	t.Helper()
	for _, l := range a.list(t) {
		list = append(list, l["text"].(string))
	}
	return list
}

func TestAWorkerWritesIntoTheLogOfItsTask(t *testing.T) {
	h := open(t, nil)
	id, token := h.leased("w")
	sent := `{"at":"2026-11-24T12:00:00.5Z","level":"error","text":"a\nb","attributes":{"n":1}}` + "\n\n" + `{"text":""}`
	if a := h.want("POST", "/api/leases/"+token+"/log", sent, asLines); a.body != `{"lines":2}` {
		t.Error(a.body)
	}
	h.want("POST", "/api/leases/"+token+"/heartbeat", `{"progress":10,"log":[{"text":"beat"}]}`)
	h.want("POST", "/api/leases", `{"worker":"w","max":0,"reports":[{"token":"`+token+`","do":"progress","progress":20,"log":[{"text":"report","level":"debug"}]}]}`)
	h.want("POST", "/api/leases/"+token+"/complete", `{"result":1,"log":[{"text":"last"}]}`)
	a := h.want("GET", "/api/tasks/"+strings.ToLower(id)+"/log", "")
	got := a.list(t)
	if len(got) != 5 {
		t.Fatal(a.body)
	}
	first := got[0]
	if first["at"] != "2026-11-24T12:00:00.500000Z" || first["level"] != "error" || first["text"] != "a\nb" || first["attempt"] != 1.0 || fmt.Sprint(first["attributes"]) != "map[n:1]" {
		t.Error(first)
	}
	if got[1]["level"] != "info" || got[1]["attributes"] != nil || got[3]["level"] != "debug" || got[4]["text"] != "last" {
		t.Error(a.body)
	}
	if a.header.Get("X-Log-Seq") == "" || a.header.Get("Link") != "" || a.header.Get("Cache-Control") != "no-store" {
		t.Error(a.header)
	}
	for _, path := range []string{"/log", "/heartbeat"} {
		if a := h.do("POST", "/api/leases/"+token+path, `{"log":[{"text":"late"}]}`); a.status != 409 || !strings.Contains(a.body, "stale-lease") {
			t.Error(path, a)
		}
	}
	if a := h.want("GET", "/api/tasks/"+id+"/log?level=warn", "", "Accept: application/x-ndjson"); strings.Count(a.body, "\n") != 1 {
		t.Error(a.body)
	}
	if a := h.want("GET", "/api/tasks/"+id+"/log?attempt=2", ""); a.body != "[]" {
		t.Error(a.body)
	}
}

// The clock of a small machine may not have been set.
func TestALineMayBeFromTheBeginOf1970(t *testing.T) {
	h := open(t, nil)
	id, token := h.leased("w")
	h.want("POST", "/api/leases/"+token+"/log", `{"at":"1970-01-01T00:00:00Z","text":"a"}`+"\n"+`{"at":"1970-01-01T01:00:00+01:00","text":"b"}`, asLines)
	for _, line := range h.want("GET", "/api/tasks/"+id+"/log", "").list(t) {
		if line["at"] != "1970-01-01T00:00:00.000000Z" {
			t.Error(line)
		}
	}
	if a := h.do("POST", "/api/leases/"+token+"/log", `{"at":"1969-12-31T23:59:59Z","text":"a"}`, asLines); a.status != 400 || !strings.Contains(a.body, "/0/at") {
		t.Error(a)
	}
}

func TestALineThatIsWrongIsNamedAndTheLeaseGoesOn(t *testing.T) {
	h := open(t, nil)
	id, token := h.leased("w")
	half := strings.Repeat("x", logline.MaxBytes/2)
	for body, want := range map[string]string{
		`{"text":"a"}` + "\n" + `{"text":1}`:                             "/1/text",
		`{"text":"a","level":"loud"}`:                                    "/0/level",
		`{"level":"info"}`:                                               "/0/text",
		`{"text":"a","at":"yesterday"}`:                                  "/0/at",
		`{"text":"a","attributes":[1]}`:                                  "/0/attributes",
		`{"text":"a","colour":1}`:                                        "/0/colour",
		`{"text":"` + half + half + `x"}`:                                "/0/text",
		`{"text":"` + half + `","attributes":{"a":"` + half + `"}}`:      "/0",
		`{"text":"\ud800"}`:                                              "/0/text",
		"{\"text\":\"\xff\"}":                                            "/0/text",
		`{"text":"a","attributes":` + strings.Repeat(`{"a":`, 40) + `1}`: "/0/attributes",
		`7`: "/0",
		``:  `"pointer":""`,
		strings.Repeat(`{"text":""}`+"\n", maxLogLines+1): `"pointer":""`,
	} {
		if a := h.do("POST", "/api/leases/"+token+"/log", body, asLines); a.status != 400 || !strings.Contains(a.body, want) {
			t.Errorf("%.80s: %d %s, want %s", body, a.status, a.body, want)
		}
	}
	if a := h.do("POST", "/api/leases/"+token+"/log", "text", "Content-Type: text/plain"); a.status != 415 {
		t.Error(a)
	}
	if a := h.do("POST", "/api/leases/"+token+"/complete", `{"log":[{"text":2}]}`); a.status != 400 || !strings.Contains(a.body, "/log/0/text") {
		t.Error(a)
	}
	if a := h.want("GET", "/api/tasks/"+id+"/log", ""); a.body != "[]" {
		t.Error("lines of refused calls were kept: ", a.body)
	}
	h.want("POST", "/api/leases/"+token+"/complete", `{}`)
}

func TestPagesOfATaskLogAreLinkedInBothDirections(t *testing.T) {
	h := open(t, nil)
	id, token := h.leased("w")
	other, otherToken := h.leased("v")
	var want []string
	for i := range 10 {
		want = append(want, fmt.Sprint(i))
		h.want("POST", "/api/leases/"+token+"/log", fmt.Sprintf(`{"text":"%d"}`, i), asLines)
		h.want("POST", "/api/leases/"+otherToken+"/log", `{"text":"other"}`, asLines)
	}
	var up, down []string
	for path := "/api/tasks/" + id + "/log?limit=4"; path != ""; {
		a := h.want("GET", path, "")
		up, path = append(up, texts(t, a)...), nextOf(a)
	}
	for path := "/api/tasks/" + id + "/log?tail=4"; path != ""; {
		a := h.want("GET", path, "")
		down, path = append(texts(t, a), down...), nextOf(a)
	}
	all := strings.Join(want, " ")
	if strings.Join(up, " ") != all || strings.Join(down, " ") != all {
		t.Error(up, down)
	}
	for _, query := range []string{"tail=1001", "limit=0", "tail=1&limit=1", "before=5", "level=LOUD", "attempt=0", "after=x", "colour=1", "format=csv"} {
		if a := h.do("GET", "/api/tasks/"+other+"/log?"+query, ""); a.status != 400 {
			t.Error(query, a)
		}
	}
	if a := h.do("GET", "/api/tasks/01M8KEZ4B0J9F945DX2CYP3BH2/log", ""); a.status != 404 {
		t.Error(a)
	}
}

// nextOf is the path of the next page, "" without one.
func nextOf(a answer) string {
	link, _, _ := strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
	return link
}

func TestATaskLogIsFollowedFromAnyLine(t *testing.T) {
	h := open(t, nil)
	id, token := h.leased("w")
	_, other := h.leased("v")
	write := func(token, text string) {
		h.want("POST", "/api/leases/"+token+"/log", `{"text":"`+text+`"}`, asLines)
	}
	for _, text := range []string{"a", "b", "c"} {
		write(token, text)
		write(other, "noise")
	}
	path := "/api/tasks/" + id + "/log"
	all, last := h.listen(path, "Accept: text/event-stream"), h.listen(path+"?tail=1&level=info", "Accept: text/event-stream")
	expect := func(l *listener, want string) heard {
		t.Helper()
		for {
			m := l.must(t)
			var line struct{ Text, Level string }
			if err := json.Unmarshal([]byte(m.data), &line); err != nil {
				t.Fatal(err)
			}
			if line.Level == "" { // an announcement
				continue
			}
			if line.Text != want {
				t.Fatalf("got %s, want %s", m.data, want)
			}
			return m
		}
	}
	expect(all, "a")
	second := expect(all, "b")
	expect(all, "c")
	expect(last, "c")
	write(other, "noise")
	write(token, "d")
	expect(all, "d")
	expect(last, "d")
	again := h.listen(path, "Accept: text/event-stream", "Last-Event-ID: "+second.id+"@"+second.epoch)
	expect(again, "c")
	expect(again, "d")
	later := h.listen(path+"?after="+second.id, "Accept: text/event-stream")
	expect(later, "c")
	if a := h.do("GET", path+"?limit=1", "", "Accept: text/event-stream"); a.status != http.StatusBadRequest {
		t.Error(a)
	}
}

func TestALogThatWasRemovedIsSaidToBe(t *testing.T) {
	small, err := tasklog.Open(tasklog.Options{Dir: t.TempDir(), MaxTask: 1000, MaxTotal: 2000})
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, nil, func(o *Options) {
		if err := o.TaskLogs.Close(); err != nil {
			t.Error(err)
		}
		o.TaskLogs = small
	})
	t.Cleanup(func() {
		if err := small.Close(); err != nil {
			t.Error(err)
		}
	})
	var ids []string
	for range 3 {
		id, token := h.leased("w")
		ids = append(ids, id)
		for range 20 {
			h.want("POST", "/api/leases/"+token+"/log", `{"text":"`+strings.Repeat("x", 36)+`"}`, asLines) // 100 bytes
		}
		h.want("POST", "/api/leases/"+token+"/complete", `{}`)
	}
	if got := texts(t, h.want("GET", "/api/tasks/"+ids[0]+"/log", "")); len(got) != 1 || !strings.Contains(got[0], "may have been removed") {
		t.Error(got)
	}
	for _, query := range []string{"?after=1", "?attempt=7"} { // of these nothing was asked that may have been there
		if got := texts(t, h.want("GET", "/api/tasks/"+ids[2]+"/log"+query, "")); len(got) > 11 || len(got) > 0 && strings.Contains(got[0], "may have been") {
			t.Error(query, got)
		}
	}
	last := texts(t, h.want("GET", "/api/tasks/"+ids[2]+"/log", ""))
	if len(last) != 11 || !strings.HasPrefix(last[0], "10 older lines were removed") {
		t.Error(last)
	}
}
