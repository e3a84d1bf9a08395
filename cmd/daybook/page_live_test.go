package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// getText is what the server answers a GET with.
func getText(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// streams is how many event streams a server has open.
func streams(t *testing.T, url string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^daybook_sse_clients (\d+)$`).FindStringSubmatch(getText(t, url+"/metrics"))
	if m == nil {
		t.Fatal("no count of streams in the metrics")
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// untilStreams waits until the server has so many event streams open.
func untilStreams(t *testing.T, url string, want int) {
	t.Helper()
	for deadline := time.Now().Add(pagePatience); ; time.Sleep(20 * time.Millisecond) {
		n := streams(t, url)
		if n == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d streams are open, not %d", n, want)
		}
	}
}

// openTabs opens the page of a new server in tabs of one browser, which the server sees as
// one client: they share its connections. first runs in each before the page does.
func openTabs(t *testing.T, n int, first string) ([]*tab, *process) {
	t.Helper()
	b, server := openPage(t, 1000, 700)
	if first != "" {
		call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: first})
		b.do(chromedp.Reload())
		b.until("the page is live", `document.documentElement.dataset.live === "live"`)
	}
	tabs := []*tab{b}
	for len(tabs) < n {
		b := newTab(t, tabs[0].ctx)
		if first != "" {
			call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: first})
		}
		b.do(chromedp.EmulateViewport(1000, 700), chromedp.Navigate(server.url))
		b.until("the page is live", `document.documentElement.dataset.live === "live"`)
		tabs = append(tabs, b)
	}
	return tabs, server
}

// call sends a request from the page and returns a member of the answer.
func (b *tab) call(method, path, body, member string) string {
	b.t.Helper()
	b.js(fmt.Sprintf(`window.answer = ""; fetch(%q, { method: %q, body: %q || null, headers: { "Content-Type": "application/json" } })
		.then((r) => r.json()).then((a) => { window.answer = a[%q] })`, path, method, body, member))
	b.until("the server answers "+method, `window.answer !== ""`)
	return eval[string](b, "window.answer")
}

// everywhere submits from each tab, and waits until all of them show all of it.
func everywhere(t *testing.T, tabs []*tab) {
	t.Helper()
	ids := make([]string, len(tabs))
	for i, b := range tabs {
		ids[i] = b.call("POST", "api/tasks/submit", `{"task_type":"SLEEP","parameters":{"seconds":0}}`, "id")
	}
	list, _ := json.Marshal(ids)
	for i, b := range tabs {
		b.until(fmt.Sprintf("tab %d shows what was submitted from each", i),
			fmt.Sprintf(`%s.every((id) => document.querySelector("#rows tr[data-id='" + id + "']")?.dataset.status === "SUCCESS")`, list))
	}
}

func TestPageInEightTabsHasOneConnection(t *testing.T) {
	tests := []struct{ name, first string }{
		{"locks", ""},
		{"no locks, as over plain HTTP from another machine", "delete Navigator.prototype.locks"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tabs, server := openTabs(t, 8, test.first)
			untilStreams(t, server.url, 1)
			everywhere(t, tabs)
			untilStreams(t, server.url, 1)

			// The one that leads is closed: another takes over, and nothing is missed.
			leader := 0
			submitSome(t, &remote{Server: server.url}, map[string]string{"a": `{"seconds":0}`})
			tabs[leader].do(chromedp.Navigate("about:blank"))
			rest := tabs[1:]
			everywhere(t, rest)
			untilStreams(t, server.url, 1)
			for i, b := range rest {
				b.until(fmt.Sprintf("tab %d lists 16 tasks", i+1), fmt.Sprintf(`document.querySelectorAll("#rows tr[data-id]").length === %d`, 8+1+7))
			}
		})
	}
}

func TestPageHasNoConnectionWhileNoTabIsVisible(t *testing.T) {
	tabs, server := openTabs(t, 2, `
		let hidden = false;
		Object.defineProperty(Document.prototype, "hidden", { get: () => hidden });
		window.hide = (h) => { hidden = h; document.dispatchEvent(new Event("visibilitychange")); };`)
	untilStreams(t, server.url, 1)
	tabs[0].js(`hide(true)`)
	untilStreams(t, server.url, 1)
	everywhere(t, tabs)
	tabs[1].js(`hide(true)`)
	untilStreams(t, server.url, 0)
	ids := submitSome(t, &remote{Server: server.url}, map[string]string{"a": `{"seconds":0}`})
	tabs[0].js(`hide(false)`)
	for _, b := range tabs {
		b.untilStatus(ids["a"], "SUCCESS")
	}
	untilStreams(t, server.url, 1)
	running := submitSome(t, &remote{Server: server.url}, map[string]string{"b": `{"seconds":3600}`})["b"]
	tabs[0].js(fmt.Sprintf(`location.hash = "#/tasks/%s"`, running))
	untilStreams(t, server.url, 2) // the lines of the task have one
	tabs[0].js(`hide(true)`)
	untilStreams(t, server.url, 0)
	tabs[0].js(`hide(false)`)
	untilStreams(t, server.url, 2)
}

func TestPageWithAnOpenTaskAsksForNothingWhileItReports(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	ids := submitSome(t, &remote{Server: server.url}, map[string]string{"a": `{"seconds":3600}`})
	b.untilStatus(ids["a"], "RUNNING")
	b.js(fmt.Sprintf(`location.hash = "#/tasks/%s"`, ids["a"]))
	reports := `Number(/(\d+) reports/.exec(document.querySelector('#detail .entry[data-type="task.progressed"] .entry-seq')?.textContent)?.[1])`
	b.until("it has reported", reports+` >= 3`)
	untilStreams(t, server.url, 2) // the lines of the task have one, which is opened last
	later := b.since()
	b.until("it has reported often", reports+` >= 20`)
	if asked := later(); len(asked) > 0 {
		t.Errorf("asked while only progress was reported: %s", strings.Join(asked, ", "))
	}
	b.until("the count of events goes on", `parseInt([...document.querySelectorAll("#detail .section-head")].find((e) => e.textContent.startsWith("History")).querySelector(".dim.num").textContent) >= 22`)
	cancelled := b.call("DELETE", "api/tasks/"+ids["a"], "", "task_id")
	b.until("its end is in the history", `document.querySelector('#detail .entry[data-type="task.cancelled"]')`)
	b.until("with one report of progress", `document.querySelectorAll('#detail .entry[data-type="task.progressed"]').length === 1`)
	if cancelled != ids["a"] {
		t.Error(cancelled)
	}
}
