package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// flipAll changes a bit in each page of a file of the views and of its WAL, but for their heads.
func (a *attacked) flipAll(name string) {
	a.Helper()
	for _, path := range []string{filepath.Join(a.cmd.Dir, "data", name), filepath.Join(a.cmd.Dir, "data", name+"-wal")} {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			a.Fatal(err)
		}
		info, err := file.Stat()
		if err != nil {
			a.Fatal(err)
		}
		var b [1]byte
		for at := int64(4096 + 2000); at < info.Size(); at += 4096 {
			if _, err = file.ReadAt(b[:], at); err == nil {
				b[0] ^= 1
				_, err = file.WriteAt(b[:], at)
			}
			if err != nil {
				a.Fatal(err)
			}
		}
		if err := file.Close(); err != nil {
			a.Fatal(err)
		}
	}
}

// ids are those of a listing, all of its pages. A page that gets 503 is asked for again, and must
// say how far what it waits for is.
func (a *attacked) ids(path string) []string {
	a.Helper()
	var all []string
	for begin := time.Now(); path != ""; {
		resp, err := http.Get(a.url + path)
		if err != nil {
			a.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode == 503 && time.Since(begin) < patience {
			if resp.Header.Get("Retry-After") == "" || !strings.Contains(string(text), "% is done") {
				a.Errorf("%s: %v %s", path, resp.Header, text)
			}
			continue
		}
		var page []struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(text, &page); err != nil || resp.StatusCode != 200 {
			a.Fatalf("%s: %s %.300s\n%s", path, resp.Status, text, a.stderr.String())
		}
		for _, one := range page {
			all = append(all, one.ID)
		}
		path = ""
		for _, link := range resp.Header.Values("Link") {
			if target, ok := strings.CutSuffix(link, `>; rel="next"`); ok {
				path = strings.TrimPrefix(strings.TrimPrefix(target, "<"), a.url)
			}
		}
	}
	return all
}

// metric is the value of a metric without labels.
func (a *attacked) metric(name string) float64 {
	a.Helper()
	resp, err := http.Get(a.url + "/metrics")
	if err != nil {
		a.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			n, _ := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			return n
		}
	}
	a.Fatalf("there is no metric %s", name)
	return 0
}

func (a *attacked) submitMany(n int, word string) {
	a.Helper()
	var batch []string
	for i := range n {
		batch = append(batch, fmt.Sprintf(`{"task_type":"SLEEP","parameters":{"seconds":0,"result":"%s%d"}}`, word, i))
	}
	resp, err := http.Post(a.url+"/api/tasks/batch", "application/json", strings.NewReader("["+strings.Join(batch, ",")+"]"))
	if err != nil {
		a.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 {
		a.Fatalf("%s: %.300s", resp.Status, text)
	}
}

func TestReadsGoOnWhileTheFilesOfTheViewsAreDamaged(t *testing.T) {
	a := attack(t, "true")
	const tasks = 4000
	for range tasks / 1000 {
		a.submitMany(1000, "needle")
	}
	total := func() string {
		resp, err := http.Get(a.url + "/api/tasks/?limit=1&status=SUCCESS")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.Header.Get("X-Total-Count")
	}
	for begin := time.Now(); total() != fmt.Sprint(tasks) || a.metric("daybook_text_lag_tasks") != 0 || a.metric("daybook_text_tasks") == 0; {
		if time.Since(begin) > patience {
			t.Fatal(total(), "tasks have ended, and", a.metric("daybook_text_tasks"), "are indexed")
		}
	}
	for _, file := range []struct{ name, mended string }{
		{"text.db", "the text index was rebuilt"}, {"views.db", "the views were rebuilt"},
	} {
		a.flipAll(file.name)
		for begin := time.Now(); ; {
			// What is written makes the server read the file again. A task is written some thousand events after its
			// end, and among these there may be no end of another: one batch is not always enough.
			a.submitMany(10, "other")
			mended := strings.Contains(a.stderr.String(), file.mended)
			if got := a.ids("/api/tasks/?limit=50&q=needle77"); len(got) != 11*tasks/1000 {
				t.Errorf("%s: %d tasks are found", file.name, len(got))
			}
			if got := len(a.ids("/api/tasks/?limit=1000")); got < tasks {
				t.Errorf("%s: %d tasks are listed", file.name, got)
			}
			if mended || t.Failed() {
				break
			}
			if time.Since(begin) > patience {
				t.Fatalf("%q was not said:\n%s", file.mended, a.stderr.String())
			}
		}
	}
}
