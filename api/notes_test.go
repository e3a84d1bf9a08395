package api

import (
	"strings"
	"testing"
)

func TestATaskOfAFileKeepsTheNameOfItsOwnUpload(t *testing.T) {
	h := open(t, nil)
	upload := func(name string) string {
		t.Helper()
		return h.want("POST", "/api/files?name="+name, "a,b\n1,2\n", "Content-Type: text/csv").object(t)["id"].(string)
	}
	submit := func(more string) map[string]any {
		t.Helper()
		id := upload("march.csv")
		upload("april.csv") // the same bytes, by somebody else
		return h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO","delay_seconds":3600,"parameters":{"file":"`+id+`"}`+strings.ReplaceAll(more, "ID", id)+`}`).object(t)
	}
	id := upload("march.csv")
	for _, test := range []struct{ more, want string }{
		{"", "april.csv"},
		{`,"file_names":{"ID":"march.csv"}`, "march.csv"},
		{`,"file_names":{"ID":"../../etc/march.csv\u0007"}`, "march.csv"},
		{`,"file_names":{}`, "april.csv"},
	} {
		made := submit(test.more)
		upload("may.csv")
		for from, row := range map[string]map[string]any{
			"submit": made,
			"get":    h.want("GET", "/api/tasks/"+made["id"].(string), "").object(t),
			"list":   h.want("GET", "/api/tasks/?fields=summary&limit=1", "").list(t)[0],
		} {
			if row["subject"] != test.want {
				t.Errorf("submitted with %q, %s says %v, not %s", test.more, from, row["subject"], test.want)
			}
			names, ok := row["file_names"].(map[string]any)
			if from == "get" && names[id] != test.want || ok != (from == "get") {
				t.Errorf("submitted with %q, %s calls its files %v", test.more, from, row["file_names"])
			}
		}
	}
	for _, bad := range []string{`,"file_names":"march.csv"`, `,"file_names":{"ID":1}`, `,"file_names":{"other":"x"}`} {
		body := `{"task_type":"ECHO","parameters":{"file":"` + id + `"}` + strings.ReplaceAll(bad, "ID", id) + `}`
		if a := h.do("POST", "/api/tasks/submit", body); a.status != 400 || !strings.Contains(a.body, "/file_names") {
			t.Errorf("%s: %d %s", bad, a.status, a.body)
		}
	}
}

func TestARowSaysWhatCameOfItsTask(t *testing.T) {
	h := open(t, nil)
	for parameters, want := range map[string]string{
		`{"outcome":"3 sent, 4 failed"}`: `"outcome":"3 sent, 4 failed","partial":true`,
		`{}`:                             `"outcome":null,"partial":false`,
	} {
		id := h.submit(`{"task_type":"ECHO","parameters":` + parameters + `}`)
		h.until(id, "SUCCESS")
		for _, path := range []string{"/api/tasks/" + id, "/api/tasks/?fields=summary&limit=1"} {
			if a := h.want("GET", path, ""); !strings.Contains(a.body, want) {
				t.Errorf("%s: no %s in %s", path, want, a.body)
			}
		}
	}
}
