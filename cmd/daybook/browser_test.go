package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/freeaddr"

	"github.com/chromedp/cdproto/cdp"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var shots = flag.String("shots", "", "folder for screenshots of the page at the end of each of its tests")

// pagePatience is how long the page may take for one thing. Machines that test are busy.
const pagePatience = 2 * time.Minute

// browser is one real Chromium for all tests of the page; nil until the first of them.
var browser struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

func startBrowser() {
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, browser.err = exec.LookPath(name); browser.err == nil {
			break
		}
	}
	if browser.err != nil {
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(pagePatience))
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	browser.ctx, browser.stop = ctx, func() { stop(); stopAllocator() }
	browser.err = chromedp.Do(ctx)
}

// tab is one page in the browser, and what went wrong on it.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string // guarded by mu; errors of console, network and policy
	requests []string // guarded by mu; "GET /api/tasks/", without the files of the page
	cut      bool     // guarded by mu; the server is down on purpose
}

// openPage opens the page of a new server in a window of its own.
func openPage(t *testing.T, width, height int64) (*tab, *process) {
	t.Helper()
	server, err := startServer(t.TempDir(), os.Environ(), "--addr", freeaddr.Find(t), "--data", "data", "--quiet")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.cmd.Process.Kill(); <-server.done })
	if err := server.ready(patience); err != nil {
		t.Fatal(err)
	}
	return openTab(t, server.url, width, height), server
}

func openTab(t *testing.T, url string, width, height int64) *tab {
	t.Helper()
	needBrowser(t)
	b := newTab(t, browser.ctx, chromedp.WithNewBrowserContext())
	b.do(chromedp.EmulateViewport(width, height), chromedp.Navigate(url))
	b.until("the page is live", `document.documentElement.dataset.live === "live"`)
	return b
}

func needBrowser(t *testing.T) {
	t.Helper()
	browser.once.Do(startBrowser)
	if browser.err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no Chromium: %v", browser.err)
		}
		t.Skipf("no Chromium here, so the page is not looked at: %v", browser.err)
	}
}

// keepToasts has a page list its messages, also those that have gone: they stay for a few seconds, and a busy machine may look later.
const keepToasts = `window.allToasts = []; document.addEventListener("readystatechange", () => {
	const shown = document.getElementById("toasts");
	if (document.readyState === "interactive" && shown) new MutationObserver((changes) => allToasts.push(...changes.flatMap((c) => [...c.addedNodes]))).observe(shown, { childList: true });
})`

// newTab is an empty tab that looks out for mistakes.
func newTab(t *testing.T, parent context.Context, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	b := &tab{t: t, ctx: ctx}
	t.Cleanup(cancel)
	t.Cleanup(b.check)
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, cdplog.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	for _, source := range []string{`addEventListener("securitypolicyviolation", (e) => console.error("policy: " + e.violatedDirective + " " + e.blockedURI))`, keepToasts} {
		call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: source})
	}
	return b
}

func (b *tab) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			words := []string{"console." + string(e.Type)}
			for _, arg := range e.Args {
				words = append(words, string(arg.Value)+arg.Description)
			}
			b.problem(strings.Join(words, " "))
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		b.problem("exception: " + text)
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			b.problem(fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		path := e.Request.URL
		if _, after, ok := strings.Cut(path, "://"); ok {
			_, path, _ = strings.Cut(after, "/")
		}
		if strings.HasPrefix(path, "static/") {
			return // the page prefetches its files when the browser is idle
		}
		b.mu.Lock()
		b.requests = append(b.requests, e.Request.Method+" /"+path)
		b.mu.Unlock()
	}
}

func (b *tab) problem(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cut && (strings.Contains(text, "net::ERR_") || strings.Contains(text, "network:") || strings.Contains(text, "Refused to apply style")) {
		return
	}
	b.problems = append(b.problems, text)
}

// check fails the test for whatever the console has, and takes a picture if asked to.
func (b *tab) check() {
	b.t.Helper()
	if b.t.Failed() || *shots != "" {
		b.shoot()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.problems {
		b.t.Error(p)
	}
}

func (b *tab) shoot() { b.shootAs("") }

// shootAs takes a picture of one state of the page, if asked to.
func (b *tab) shootAs(what string) {
	dir := *shots
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, pagePatience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Logf("screenshot: %v", err)
		return
	}
	name := strings.NewReplacer("/", "-").Replace(strings.TrimSuffix(b.t.Name()+"-"+what, "-")) + ".png"
	if err := os.WriteFile(filepath.Join(dir, name), png, 0o600); err != nil {
		b.t.Error(err)
	}
}

// do does things on the page; any error ends the test.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pagePatience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("%v\n%s", err, b.state())
	}
}

// call runs a command of the protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], parameters P) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pagePatience)
	defer cancel()
	if _, err := chromedp.Call(ctx, command, parameters); err != nil {
		b.t.Fatal(err)
	}
}

// eval is the value of an expression on the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pagePatience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", expression, err, b.state())
	}
	return value
}

// js runs statements on the page.
func (b *tab) js(statements string) {
	b.t.Helper()
	eval[bool](b, "(() => {"+statements+"; return true })()")
}

// holds reports whether an expression is true on the page now. It is not while the page is being left for another.
func (b *tab) holds(expression string) bool {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pagePatience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("(() => { try { return Boolean("+expression+") } catch { return false } })()"))
	if err != nil && !strings.Contains(err.Error(), "navigated or closed") && !strings.Contains(err.Error(), "context was destroyed") {
		b.t.Fatalf("%s: %v\n%s", expression, err, b.state())
	}
	return err == nil && value
}

// until waits until an expression is true on the page.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	deadline := time.Now().Add(pagePatience)
	for {
		if b.holds(expression) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("not within %s: %s\n%s\n%s", pagePatience, what, expression, b.state())
		}
		time.Sleep(15 * time.Millisecond)
	}
}

// state is what is on the page, for a failing test.
func (b *tab) state() string {
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](
		`document.documentElement.dataset.live + " seq " + document.documentElement.dataset.seq + " " + location.hash + "\n" + document.body.innerText`))
	if err != nil {
		text = err.Error()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return text + "\n" + strings.Join(b.problems, "\n")
}

// click clicks what a selector finds first, once it is there and can be seen.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// fill types into the field of the form with that pointer.
func (b *tab) fill(pointer, value string) {
	b.t.Helper()
	selector := chromedp.CSS(fmt.Sprintf(`dialog#form [data-pointer=%q] :is(input, textarea, select)`, pointer))
	b.do(chromedp.WaitVisible(selector), chromedp.SendKeys(selector, value))
}

// form opens the form on a type.
func (b *tab) form(taskType string) {
	b.t.Helper()
	b.click("#new-task")
	b.until("the form is open", `document.querySelector("dialog#form[open] input[name=type]")`)
	b.js(fmt.Sprintf(`document.querySelector('dialog#form input[value=%q]').click()`, taskType))
	b.until("the type is chosen", fmt.Sprintf(`document.querySelector('dialog#form input[value=%q]').checked`, taskType))
}

// submit sends the form and returns the id of the task that it made, which opens.
func (b *tab) submit() string {
	b.t.Helper()
	b.until("the form can be sent", `!document.querySelector("dialog#form button[type=submit]").disabled`)
	b.click("dialog#form button[type=submit]")
	b.until("the form is closed and the task open", `!document.querySelector("dialog#form[open]") && location.hash.startsWith("#/tasks/")`)
	return eval[string](b, `location.hash.slice("#/tasks/".length).split("?")[0]`)
}

// row is a JavaScript expression for the row of a task, undefined when it is not drawn.
func row(id string) string { return fmt.Sprintf(`document.querySelector('#rows tr[data-id=%q]')`, id) }

// untilStatus waits until the row of a task has a status.
func (b *tab) untilStatus(id, status string) {
	b.t.Helper()
	b.until("task is "+status, fmt.Sprintf(`%s?.dataset.status === %q`, row(id), status))
}

// since marks the requests so far, and gives those that came later.
func (b *tab) since() func() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	from := len(b.requests)
	return func() []string {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.requests[from:]
	}
}
