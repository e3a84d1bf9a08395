package api

import (
	"strings"
	"testing"
)

// everywhere checks that all rows of a task say the same of a field.
func (h *house) everywhere(id, field string, want any) {
	h.Helper()
	for from, row := range map[string]map[string]any{
		"get":     h.want("GET", "/api/tasks/"+id, "").object(h),
		"list":    h.want("GET", "/api/tasks/?q="+id, "").list(h)[0],
		"summary": h.want("GET", "/api/tasks/?fields=summary&q="+id, "").list(h)[0],
		"ndjson":  h.want("GET", "/api/tasks/?q="+id, "", "Accept: application/x-ndjson").object(h),
	} {
		if row[field] != want {
			h.Errorf("%s says %s %v, not %v", from, field, row[field], want)
		}
	}
	text, _ := want.(string)
	if csv := h.want("GET", "/api/tasks/?format=csv&q="+id, "").body; !strings.Contains(csv, ","+text+",") {
		h.Errorf("no %s in %s", text, csv)
	}
}

func TestASubjectIsAsGivenOrElseAsTheTypeMakesIt(t *testing.T) {
	h := open(t, nil)
	for _, test := range []struct {
		more string
		want any
	}{
		{`,"subject":"March: all shops"`, "March: all shops"}, {`,"subject":null`, "number 7"}, {``, "number 7"},
		{`,"subject":"` + strings.Repeat("ü", 200) + `"`, strings.Repeat("ü", 200)},
	} {
		submit := `{"task_type":"ECHO","delay_seconds":3600,"parameters":{"n":7}` + test.more + `}`
		h.everywhere(h.submit(submit), "subject", test.want)
		batch := h.want("POST", "/api/tasks/batch", "["+submit+"]").list(t)
		if batch[0]["subject"] != test.want {
			t.Errorf("a batch answers %v", batch[0]["subject"])
		}
		h.everywhere(batch[0]["id"].(string), "subject", test.want)
	}
	h.everywhere(h.submit(`{"task_type":"ECHO","delay_seconds":3600}`), "subject", nil)
	for _, bad := range []string{`""`, `" "`, `"a\nb"`, `"\u001b[31m"`, `"pay\u202efdp.exe"`, `"` + strings.Repeat("x", 201) + `"`, `7`, `[]`} {
		submit := `{"task_type":"ECHO","parameters":{"n":7},"subject":` + bad + `}`
		if a := h.do("POST", "/api/tasks/submit", submit); a.status != 400 || !strings.Contains(a.body, `"pointer":"/subject"`) {
			t.Errorf("%s: %d %s", bad, a.status, a.body)
		}
		if a := h.do("POST", "/api/tasks/batch", "["+submit+"]"); a.status != 400 || !strings.Contains(a.body, `"pointer":"/0/subject"`) {
			t.Errorf("%s in a batch: %d %s", bad, a.status, a.body)
		}
	}
}

func TestASubjectIsPartOfTheRequest(t *testing.T) {
	h := open(t, nil)
	submit := func(subject string, status int) {
		t.Helper()
		body := `{"task_type":"ECHO","delay_seconds":3600,"parameters":{"n":7},"idempotency_key":"k"` + subject + `}`
		if a := h.do("POST", "/api/tasks/submit", body); a.status != status {
			t.Errorf("%s: %d %s", subject, a.status, a.body)
		}
	}
	submit(``, 200)
	submit(`,"subject":null`, 200)
	submit(`,"subject":"number 7"`, 409) // the type made the same, but nobody asked for it
}

func TestARetryKeepsASubjectThatWasGiven(t *testing.T) {
	h := open(t, nil)
	for _, test := range []struct{ old, change, want string }{
		{``, `{"parameters":{"n":8}}`, "number 8"},
		{``, `{"parameters":{"n":8},"subject":"eight"}`, "eight"},
		{`,"subject":"March"`, `{"parameters":{"n":8}}`, "March"},
		{`,"subject":"March"`, `{"parameters":{"n":8},"subject":null}`, "March"},
		{`,"subject":"March"`, `{"subject":"April","parameters":{"n":8}}`, "April"},
	} {
		old := h.submit(`{"task_type":"FAIL","parameters":{"n":7}` + test.old + `}`)
		h.until(old, "FAILED")
		made := h.want("POST", "/api/tasks/"+old+"/retry", test.change).object(t)
		if made["subject"] != test.want {
			t.Errorf("%s retried with %s is %v, not %s", test.old, test.change, made["subject"], test.want)
		}
		again := h.want("POST", "/api/tasks/"+old+"/retry", "").object(t)
		if again["subject"] != map[bool]string{true: "number 7", false: "March"}[test.old == ""] {
			t.Errorf("%s sent round again is %v", test.old, again["subject"])
		}
	}
	old := h.submit(`{"task_type":"FAIL"}`)
	h.until(old, "FAILED")
	for body, pointer := range map[string]string{
		`{"subject":"x"}`: "/subject", `{"parameters":{},"subject":"a\nb"}`: "/subject", `{"parameters":{},"subject":""}`: "/subject",
	} {
		if a := h.do("POST", "/api/tasks/"+old+"/retry", body); a.status != 400 || !strings.Contains(a.body, `"pointer":"`+pointer+`"`) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	key := "Idempotency-Key: k"
	h.want("POST", "/api/tasks/"+old+"/retry", `{"parameters":{}}`, key)
	if a := h.do("POST", "/api/tasks/"+old+"/retry", `{"parameters":{},"subject":"x"}`, key); a.status != 409 {
		t.Errorf("another subject under its key: %d %s", a.status, a.body)
	}
}

func TestASearchFindsWordsOfSubjectAndOutcome(t *testing.T) {
	h := open(t, nil)
	id := h.submit(`{"task_type":"ECHO","parameters":{"outcome":"3 verschickt"},"subject":"Grüße \"aus\" Łódź"}`)
	h.until(id, "SUCCESS")
	h.submit(`{"task_type":"ECHO"}`)
	for _, q := range []string{"grüße", "łódź", "verschickt", "aus+3"} {
		if rows := h.want("GET", "/api/tasks/?q="+q, "").list(t); len(rows) != 1 || rows[0]["id"] != id {
			t.Errorf("%s finds %v", q, rows)
		}
	}
}
