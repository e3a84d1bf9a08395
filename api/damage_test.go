package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/eventlog/sqlitelog"
	"daybook/files"
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
		"/api/tasks/?format=csv":                         "false,result_data,,,,,,,0,,,,,,0,,false\r\n",
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

// flip changes a bit of a file below dir, in place: at the last place where it holds text.
func flip(t *testing.T, dir, path, text string) {
	t.Helper()
	path = filepath.Join(dir, path)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(b, []byte(text))
	if at < 0 {
		t.Fatalf("there is no %q in %s", text, path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte{b[at] ^ 1}, int64(at))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// withFiles has a server keep its files in dir.
func withFiles(t *testing.T, dir string) func(*Options) {
	store, err := files.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return func(o *Options) { o.Files, o.MaxFile = store, 64<<20 }
}

func TestADamagedFileIsRefusedByNameUntilItIsUploadedAgain(t *testing.T) {
	dir := t.TempDir()
	h := open(t, nil, withFiles(t, dir))
	body := strings.Repeat("some,row,of,a,table\n", 40_000) + "the,last,of,the,rows\n"
	id := h.want("POST", "/api/files?name=a.csv", body).object(t)["id"].(string)
	flip(t, dir, id[:2]+"/"+id[2:], "last")
	for _, headers := range [][]string{nil, {"Range: bytes=0-3"}, {"Range: bytes=-9"}} {
		a := h.do("GET", "/api/files/"+id, "", headers...)
		if a.status != 500 || !strings.Contains(a.body, "/docs#file-damaged") || a.header.Get("Etag") != "" {
			t.Errorf("%v: %d %.300s", headers, a.status, a.body)
		}
	}
	if v := h.want("GET", "/api/log/verify", "").object(t); v["ok"] != false || !strings.Contains(fmt.Sprint(v["damaged_files"]), id) || v["files"] != 0.0 {
		t.Errorf("verify: %v", v)
	}
	h.want("POST", "/api/files?name=b.csv", body)
	if a := h.want("GET", "/api/files/"+id, ""); a.body != body {
		t.Error("it is not mended")
	}
	if v := h.want("GET", "/api/log/verify", "").object(t); v["ok"] != true || v["files"] != 1.0 {
		t.Errorf("verify: %v", v)
	}
	if err := os.Truncate(filepath.Join(dir, id[:2], id[2:]), 0); err != nil {
		t.Fatal(err)
	}
	if a := h.do("GET", "/api/files/"+id, ""); a.status != 500 {
		t.Errorf("emptied: %d", a.status)
	}
	a := h.do("POST", "/api/tasks/submit", `{"task_type":"ECHO","parameters":{"file":"`+id+`"}}`)
	if a.status != 400 || !strings.Contains(a.body, "damaged; upload it again") {
		t.Errorf("submit: %d %s", a.status, a.body)
	}
}

// A file that is too long to be read before the answer is cut where it is damaged.
func TestAnAnswerIsCutWhereALongFileIsDamaged(t *testing.T) {
	dir := t.TempDir()
	h := open(t, nil, withFiles(t, dir))
	body := strings.Repeat("0123456789abcdef", (checkedFirst+1<<20)/16) + "END"
	id := h.want("POST", "/api/files?name=long", body).object(t)["id"].(string)
	flip(t, dir, id[:2]+"/"+id[2:], "END")
	resp, err := h.client.Get(h.url + "/api/files/" + id)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil || len(got) == 0 || !strings.HasPrefix(body, string(got)) {
		t.Errorf("%d of %d bytes, %v", len(got), len(body), err)
	}
	if a := h.do("GET", "/api/files/"+id, "", "Range: bytes=0-15"); a.status != 206 || a.body != body[:16] {
		t.Errorf("a part that is whole: %d", a.status)
	}
}

// The pages that SQLite has in memory are not the proof of what is on disk.
func TestAVerificationReadsTheDiskEachTime(t *testing.T) {
	dir := t.TempDir()
	log, err := sqlitelog.Open(t.Context(), sqlitelog.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	h := open(t, log)
	id := h.submit(`{"task_type":"ECHO","parameters":{"note":"needle"}}`)
	h.until(id, "SUCCESS")
	for range 8 { // until each connection has all pages in memory
		if v := h.want("GET", "/api/log/verify", "").object(t); v["ok"] != true {
			t.Fatalf("before: %v", v)
		}
	}
	flip(t, dir, "log-00000000000000000001.db-wal", "needle")
	v := h.want("GET", "/api/log/verify", "").object(t)
	if v["ok"] != false || !strings.Contains(fmt.Sprint(v["detail"]), "does not fit its hash") {
		t.Errorf("after: %v", v)
	}
	flip(t, dir, "log-00000000000000000001.db-wal", "oeedle") // back: 'n' and 'o' differ in that bit
	if v := h.want("GET", "/api/log/verify", "").object(t); v["ok"] != true {
		t.Errorf("mended: %v", v)
	}
}
