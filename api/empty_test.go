package api

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

func TestAnEmptyFileIsRefusedWhicheverWayItComes(t *testing.T) {
	h := open(t, nil)
	whole, kind := form(t, "empty.csv", nil)
	var nothing bytes.Buffer
	w := multipart.NewWriter(&nothing)
	_ = w.Close()
	send := func(name string, body io.Reader, headers map[string]string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), "POST", h.url+"/api/files?name=empty.csv", body)
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range headers {
			r.Header.Set(key, value)
		}
		if name != "chunked form" && strings.HasPrefix(name, "chunked") {
			r.ContentLength = -1
		}
		resp, err := h.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	hidden := func(s string) io.Reader { return io.MultiReader(strings.NewReader(s)) } // its length is not known: chunks
	for name, c := range map[string]struct {
		body    io.Reader
		headers map[string]string
	}{
		"body":              {http.NoBody, nil},
		"body with a type":  {strings.NewReader(""), map[string]string{"Content-Type": "text/csv"}},
		"chunked":           {hidden(""), map[string]string{"Content-Type": "text/csv"}},
		"form":              {strings.NewReader(whole), map[string]string{"Content-Type": kind}},
		"chunked form":      {hidden(whole), map[string]string{"Content-Type": kind}},
		"gzip of nothing":   {strings.NewReader(zipped(t, "")), map[string]string{"Content-Encoding": "gzip"}},
		"form without body": {http.NoBody, map[string]string{"Content-Type": kind}},
	} {
		if status, text := send(name, c.body, c.headers); status != 400 || !strings.Contains(text, "/docs#empty-file") || !strings.Contains(text, "0 bytes") {
			t.Error(name, status, text)
		}
	}
	if status, text := send("form of no file", &nothing, map[string]string{"Content-Type": w.FormDataContentType()}); status != 400 || !strings.Contains(text, "no file") {
		t.Error(status, text)
	}
	for _, body := range []io.Reader{strings.NewReader("a"), hidden("a")} { // one byte is a file
		if status, text := send("one byte", body, nil); status != 200 || !strings.Contains(text, `"size":1`) {
			t.Error(status, text)
		}
	}
	if sum := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; h.do("GET", "/api/files/"+sum, "").status != 404 {
		t.Error("an empty file is kept")
	}
}

func TestAnEmptyBodyChangesNothing(t *testing.T) {
	h := open(t, nil)
	if got := h.do("PUT", "/api/task-types/resize", `{"title":"Old"}`); got.status != http.StatusCreated {
		t.Fatal(got.body)
	}
	h.want("POST", "/api/schedules", `{"name":"s","cron":"0 0 1 1 *","task":{"task_type":"ECHO"}}`)
	id := h.submit(`{"task_type":"ECHO","run_at":"2099-01-01T00:00:00Z"}`)
	before := h.want("GET", "/api/stats", "").header.Get("X-Log-Seq")
	for _, call := range []string{"PUT /api/task-types/resize", "PUT /api/task-types/new", "PATCH /api/queues/q", "PATCH /api/tasks/" + id,
		"POST /api/leases", "POST /api/tokens", "POST /api/schedules", "PUT /api/schedules/s", "PATCH /api/schedules/s", "POST /api/schedules/s/backfill",
		"POST /api/schedules/preview"} {
		method, path, _ := strings.Cut(call, " ")
		if got := h.do(method, path, ""); got.status != http.StatusBadRequest || !strings.Contains(got.body, "must not be empty: send a JSON object") {
			t.Errorf("%s: %d %s", call, got.status, got.body)
		}
	}
	if now := h.want("GET", "/api/stats", "").header.Get("X-Log-Seq"); now != before || now == "" {
		t.Errorf("the log went from %s to %s", before, now)
	}
	for _, path := range []string{"/api/queues/q/pause", "/api/schedules/s/pause", "/api/workers/w/beat"} { // these need none
		h.want("POST", path, "")
	}
}
