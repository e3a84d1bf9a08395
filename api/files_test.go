package api

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"mime/multipart"
	"strings"
	"testing"
)

func form(t *testing.T, name string, content []byte) (body, kind string) {
	t.Helper()
	var text bytes.Buffer
	w := multipart.NewWriter(&text)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(content)
	_ = w.Close()
	return text.String(), w.FormDataContentType()
}

func TestAFileIsTheSameAsAFormAndAsABody(t *testing.T) {
	h := open(t, nil)
	content := "a,b\n1,2\n"
	body, kind := form(t, "../dir/täble.csv", []byte(content))
	first := h.want("POST", "/api/files/", body, "Content-Type: "+kind).object(t)
	again := h.want("POST", "/api/files?name=other.csv", content, "Content-Type: text/csv").object(t)
	if first["id"] != again["id"] || first["id"] != first["sha256"] || first["size"] != 8.0 || first["name"] != "täble.csv" {
		t.Error(first, again)
	}
	got := h.want("GET", "/api/files/"+first["id"].(string), "")
	if got.body != content {
		t.Errorf("%q", got.body)
	}
	for name, want := range map[string]string{
		"Content-Disposition":     "attachment; filename=other.csv",
		"Etag":                    `"` + first["id"].(string) + `"`,
		"X-Content-Type-Options":  "nosniff",
		"Content-Security-Policy": "default-src 'none'; sandbox",
		"Accept-Ranges":           "bytes",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s: %q, not %q", name, got.header.Get(name), want)
		}
	}
	if a := h.do("GET", "/api/files/"+first["id"].(string), "", "Range: bytes=2-3"); a.status != 206 || a.body != "b\n" {
		t.Error("range:", a)
	}
	if a := h.do("GET", "/api/files/"+first["id"].(string), "", `If-None-Match: "`+first["id"].(string)+`"`); a.status != 304 {
		t.Error("condition:", a)
	}
	id := h.submit(`{"task_type":"ECHO","parameters":{"file":"` + first["id"].(string) + `"}}`)
	h.until(id, "SUCCESS")
}

func TestOnlyPicturesAreShownAndNothingIsRun(t *testing.T) {
	h := open(t, nil)
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ content, said, kind, how string }{
		{picture.String(), "application/octet-stream", "image/png", "inline"},
		{"<script>alert(1)</script>", "text/html", "application/octet-stream", "attachment"},
		{"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml", "application/octet-stream", "attachment"},
		{"<script>alert(2)</script>", "image/png", "application/octet-stream", "attachment"},
		{"alert(1)", "text/javascript", "application/octet-stream", "attachment"},
	} {
		id := h.want("POST", "/api/files?name=x", c.content, "Content-Type: "+c.said).object(t)["id"].(string)
		a := h.want("GET", "/api/files/"+id, "")
		if a.header.Get("Content-Type") != c.kind || !strings.HasPrefix(a.header.Get("Content-Disposition"), c.how) {
			t.Errorf("%s: %v", c.said, a.header)
		}
	}
}

func TestTheLimitOfAnUploadHoldsWithoutALengthToo(t *testing.T) {
	h := open(t, nil)
	body, kind := form(t, "big", bytes.Repeat([]byte("x"), 1<<20+1))
	if a := h.do("POST", "/api/files", body, "Content-Type: "+kind); a.status != 413 {
		t.Error(a)
	}
	body, kind = form(t, "just", bytes.Repeat([]byte("x"), 1<<20))
	h.want("POST", "/api/files", body, "Content-Type: "+kind)
}

func TestTaskTypesAreAsRegistered(t *testing.T) {
	h := open(t, nil)
	var got []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(h.want("GET", "/api/task-types", "").body), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || string(got[0]["name"]) != `"ECHO"` || string(got[0]["parameters_schema"]) != `{"type":"object"}` || string(got[0]["defaults"]) != "{}" {
		t.Error(got)
	}
}

func TestMetricsTellOfTasksStreamsAndRequests(t *testing.T) {
	h := open(t, nil)
	h.until(h.submit(`{"task_type":"ECHO"}`), "SUCCESS")
	h.do("GET", "/nowhere", "")
	text := h.want("GET", "/metrics", "").body
	for _, want := range []string{
		`daybook_tasks{queue="default",status="SUCCESS",task_type="ECHO"} 1`,
		"daybook_attempts_running 0", "daybook_slots 2", "daybook_commands_waiting 0",
		"daybook_log_head_seq 4", "daybook_view_seq 4", "daybook_sse_clients 0",
		`daybook_http_request_duration_seconds_count{code="2xx",path="/api/tasks/submit"} 1`,
		`daybook_http_request_duration_seconds_count{code="4xx",path="other"} 1`,
		`daybook_info{version="test"} 1`, "go_goroutines", "process_open_fds", "daybook_payload_cache_bytes",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}
