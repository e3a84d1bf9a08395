package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// updating is a proxy before a server. Once updated, it serves the page as a newer version
// would be: under another address, and the files of the older one are gone.
func updating(t *testing.T, server string) (address string, update func()) {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	var updated atomic.Bool
	version := regexp.MustCompile(`static/[0-9a-f]{16}/`)
	const newer = "static/00000000000000ff/"
	var older atomic.Value
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			if r.In.URL.Path == "/" {
				r.Out.Header.Del("Accept-Encoding")
				r.Out.Header.Del("If-None-Match")
			}
			if updated.Load() {
				r.Out.URL.Path = strings.Replace(r.Out.URL.Path, newer, older.Load().(string), 1)
			}
		},
		ModifyResponse: func(r *http.Response) error {
			if r.Request.URL.Path != "/" {
				return nil
			}
			body, err := io.ReadAll(r.Body)
			older.Store(string(version.Find(body)))
			if updated.Load() {
				body = version.ReplaceAll(body, []byte(newer))
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			return err
		},
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if updated.Load() && strings.Contains(r.URL.Path, older.Load().(string)) {
			http.NotFound(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL, func() { updated.Store(true) }
}

func TestPageLoadsAgainAtTheSamePlaceAfterAnUpdateOfTheServer(t *testing.T) {
	_, server := openPage(t, 1280, 800)
	address, update := updating(t, server.url)
	b := newTab(t, browser.ctx, chromedp.WithNewBrowserContext())
	b.cut = true // files of the older version are gone on purpose
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: withoutPrefetch})
	b.do(chromedp.EmulateViewport(1280, 800), chromedp.Navigate(address+"/#/?status=FAILED"))
	b.until("the page is live", `document.documentElement.dataset.live === "live" && window.idle`)
	b.js("window.before = true")
	update()
	b.click("#new-task")
	b.until("the page is loaded again and says why", `!window.before && allToasts.some((e) => e.textContent.includes("Daybook was updated"))`)
	if hash := eval[string](b, "location.hash"); hash != "#/?status=FAILED" {
		t.Error("it is now at", hash)
	}
	b.form("SLEEP")
	b.js("window.before = true")
	call(b, page.Reload, page.ReloadParams{})
	b.until("it is loaded by hand", `!window.before && document.documentElement.dataset.live === "live"`)
	if words := eval[string](b, `document.querySelector("#toasts").innerText`); words != "" {
		t.Error("it says again:", words)
	}
}
