package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// traffic counts what goes over the network.
type traffic struct {
	mu       sync.Mutex
	requests map[network.RequestID]string // guarded by mu; asked of the network
	open     map[network.RequestID]bool   // guarded by mu; not ended yet, but for event streams
	bytes    float64                      // guarded by mu; headers and bodies
}

func (w *traffic) listen(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if strings.HasPrefix(e.Request.URL, "http") {
			w.requests[e.RequestID] = e.Request.URL
			w.open[e.RequestID] = !strings.Contains(e.Request.URL, "/stream")
		}
	case *network.EventRequestServedFromCache:
		delete(w.requests, e.RequestID)
	case *network.EventResponseReceived:
		if e.Response.FromDiskCache {
			delete(w.requests, e.RequestID)
		}
	case *network.EventLoadingFinished:
		w.bytes += e.EncodedDataLength
		delete(w.open, e.RequestID)
	case *network.EventLoadingFailed:
		delete(w.open, e.RequestID)
	}
}

// quiet says whether every request has ended, but for event streams.
func (w *traffic) quiet() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, waits := range w.open {
		if waits {
			return false
		}
	}
	return true
}

// take gives what was counted since it was last called.
func (w *traffic) take() (requests int, bytes float64, urls string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, url := range w.requests {
		all = append(all, url)
	}
	requests, bytes = len(w.requests), w.bytes
	w.requests, w.bytes = map[network.RequestID]string{}, 0
	return requests, bytes, strings.Join(all, "\n")
}

// withoutPrefetch is a script for a page that only prefetches when idle() is called.
const withoutPrefetch = `window.requestIdleCallback = (prefetch) => (window.idle = prefetch)`

func TestPageIsLight(t *testing.T) {
	_, server := openPage(t, 1280, 800)
	b := newTab(t, browser.ctx, chromedp.WithNewBrowserContext())
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: withoutPrefetch})
	w := &traffic{requests: map[network.RequestID]string{}, open: map[network.RequestID]bool{}}
	if err := chromedp.Listen(b.ctx, w.listen); err != nil {
		t.Fatal(err)
	}
	live := func() {
		t.Helper()
		b.until("the page is live", `document.documentElement.dataset.live === "live" && window.idle && document.querySelector("#empty h2, #rows tr.row")`)
		for deadline := time.Now().Add(pagePatience); !w.quiet(); time.Sleep(15 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the page goes on loading")
			}
		}
	}
	b.do(chromedp.EmulateViewport(1280, 800), chromedp.Navigate(server.url))
	live()
	requests, bytes, urls := w.take()
	t.Logf("first load: %d requests, %.0f bytes", requests, bytes)
	if requests > 44 || bytes > 96_000 {
		t.Errorf("the first load takes %d requests and %.0f bytes; the budget is 44 and 96,000:\n%s", requests, bytes, urls)
	}
	for _, later := range []string{"form.js", "detail.js", "timeline.js", "log.js", "csv.js", "actions.js", "exact.js", "form.css", "detail.css", "queues.js", "workers.js", "cluster.js", "approvals.js", "alerts.js", "webhooks.js", "schedules.js", "taskfields.js", "places.css"} {
		if strings.Contains(urls, "/"+later) {
			t.Errorf("the list loads %s", later)
		}
	}
	b.js("window.idle()")
	for _, one := range pageFiles(t) {
		if one == "signin.js" {
			continue // it is of another page
		}
		b.until(one+" is loaded when the browser is idle", fmt.Sprintf(`performance.getEntriesByType("resource").some((e) => e.name.endsWith(%q))`, "/"+one))
	}
	live()
	w.take()
	b.js("window.before = true")
	call(b, page.Reload, page.ReloadParams{})
	b.until("it loads again", `!window.before && document.readyState === "complete"`)
	live()
	requests, bytes, urls = w.take()
	t.Logf("reload: %d requests, %.0f bytes", requests, bytes)
	if requests > 8 || bytes > 12_000 {
		t.Errorf("a reload takes %d requests and %.0f bytes; the budget is 8 and 12,000:\n%s", requests, bytes, urls)
	}
}

// pageFiles are the modules and the style sheets that the page loads one by one.
func pageFiles(t *testing.T) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS("../../ui/page"), ".", func(name string, _ fs.DirEntry, err error) error {
		one := map[string]bool{".js": name != "types.js", ".css": strings.Contains("css/detail.css css/results.css css/form.css css/places.css", name)}
		if one[path.Ext(name)] {
			names = append(names, name)
		}
		return err
	})
	if err != nil || len(names) < 40 {
		t.Fatal(len(names), err)
	}
	return names
}

func TestPageShowsPartialSuccessAndNamesOfFiles(t *testing.T) {
	b, server := openPage(t, 1280, 900)
	dir := t.TempDir()
	const table = "a,b\n1,2\n3,4\n5,6\n7,8\n9,10\n11,12\n13,14,15,16\n"
	var ids []string
	for _, name := range []string{"march.csv", "april.csv"} { // the same bytes
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
		b.form("DATA_PROCESSING")
		b.do(chromedp.SetUploadFiles(chromedp.CSS(`dialog#form [data-pointer="/parameters/file"] input[type=file]`), []string{path}))
		ids = append(ids, b.submit())
		b.untilStatus(ids[len(ids)-1], "SUCCESS")
	}
	for i, name := range []string{"march.csv", "april.csv"} {
		b.until("the row says it", fmt.Sprintf(`%s?.matches("[data-partial]") && /%s.*6 rows, .*1 bad/.test(%s.querySelector(".line").textContent)`, row(ids[i]), name, row(ids[i])))
		b.js(fmt.Sprintf(`location.hash = "#/tasks/%s"`, ids[i]))
		b.until("the parameters name the file", fmt.Sprintf(`document.querySelector("#detail .json-file")?.textContent === %q`, name))
		if words := eval[string](b, `document.querySelector("#detail").innerText`); strings.Contains(words, "seed") || strings.Contains(words, "Success\n") {
			t.Errorf("what a file makes meaningless, or plain success, is shown:\n%s", words)
		}
	}
	if text := getText(t, server.url+"/api/tasks/"+ids[0]); !strings.Contains(text, `"subject":"march.csv","outcome":"6 rows, 2 columns, 1 bad row","partial":true`) {
		t.Error(text)
	}
}
