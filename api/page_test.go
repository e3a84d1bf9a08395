package api

import (
	"bytes"
	"io"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// unpack is the body of an answer that is compressed as it says.
func unpack(t *testing.T, a answer) string {
	t.Helper()
	var r io.Reader = strings.NewReader(a.body)
	var err error
	switch a.header.Get("Content-Encoding") {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "zstd":
		r, err = zstd.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// parts are the addresses of the page's files by their names.
func parts(h *house) map[string]string {
	all := map[string]string{}
	for _, page := range []string{"/", "/docs"} {
		for _, at := range regexp.MustCompile(`"(static/[0-9a-f]+/([^"]+))"`).FindAllStringSubmatch(h.want("GET", page, "").body, -1) {
			all[at[2]] = "/" + at[1]
		}
	}
	return all
}

func TestThePageIsServedUnderItsPolicy(t *testing.T) {
	h := open(t, nil)
	at := parts(h)
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", at["app/main.js"]: "text/javascript; charset=utf-8", at["css/page.css"]: "text/css; charset=utf-8",
		"/docs": "text/html; charset=utf-8", "/docs/": "text/html; charset=utf-8", at["docs/docs.js"]: "text/javascript; charset=utf-8",
	} {
		a := h.want("GET", path, "")
		policy := ""
		if strings.HasPrefix(kind, "text/html") {
			policy = contentPolicy
		}
		if a.header.Get("Content-Type") != kind || a.header.Get("Content-Security-Policy") != policy || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Error(path, a.header)
		}
		if again := h.do("GET", path, "", "If-None-Match: "+a.header.Get("Etag")); again.status != 304 {
			t.Error(path, again.status)
		}
	}
	if strings.Contains(h.want("GET", "/docs", "").body, "<style") {
		t.Error("the reference has a style that its policy forbids")
	}
}

func TestThePageNamesAllThatItNeedsAtOnceByRelativeAddressesThatNeverChange(t *testing.T) {
	h := open(t, nil)
	index := h.want("GET", "/", "")
	got := regexp.MustCompile(`static/[0-9a-f]{16}/`).ReplaceAllString(index.body, "V/")
	want := "<!doctype html>\n<title>Daybook</title>\n  <link rel=\"stylesheet\" href=\"V/css/page.css\">\n" +
		"  <link rel=\"modulepreload\" href=\"V/app/part.js\">\n  <link rel=\"modulepreload\" href=\"V/c.js\">\n" +
		"<script type=\"module\" src=\"V/app/main.js\"></script>\n<a href=\"docs\">API</a>\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if keep := index.header.Get("Cache-Control"); keep != "no-cache" {
		t.Error("/ may be kept:", keep)
	}
	at := parts(h)
	for _, name := range []string{"css/page.css", "c.js", "docs/docs.css"} {
		if keep := h.want("GET", at[name], "").header.Get("Cache-Control"); keep != "public, max-age=31536000, immutable" {
			t.Error(name, "may not be kept:", keep)
		}
	}
	if later := strings.Replace(at["c.js"], "c.js", "app/later.js", 1); h.want("GET", later, "").body != "export {};\n" {
		t.Error("what is imported later is not there")
	}
	if css := h.want("GET", at["css/page.css"], "").body; css != "a {}\nb {}\n" {
		t.Errorf("the style is %q", css)
	}
	if gone := h.do("GET", "/static/0123456789abcdef/c.js", ""); gone.status != 404 {
		t.Error("a file of another version is", gone.status)
	}
	for page, prefix := range map[string]string{"/docs": `"static/`, "/docs/": `"../static/`} {
		if body := h.want("GET", page, "").body; !strings.Contains(body, `src=`+prefix) || strings.Contains(body, `="/`) {
			t.Error(page, "does not name its parts by", prefix, body)
		}
	}
}

func TestAnswersAreCompressedAsTheClientAsksForIt(t *testing.T) {
	h := open(t, nil)
	for range 20 {
		h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	}
	h.submit(`{"task_type":"ECHO","delay_seconds":3600,"parameters":{"text":"` + strings.Repeat("long ", 20_000) + `"}}`)
	at := parts(h)
	for _, path := range []string{"/api/tasks/", "/api/tasks/?format=csv", "/api/tasks/?format=ndjson", "/api/log", "/api/log?payload=1&format=ndjson",
		at["app/main.js"], "/openapi.json"} {
		plain := h.want("GET", path, "", "Accept-Encoding: identity")
		if plain.header.Get("Content-Encoding") != "" || !strings.Contains(strings.Join(plain.header["Vary"], ","), "Accept-Encoding") {
			t.Error(path, "without compression:", plain.header)
		}
		tags := map[string]bool{plain.header.Get("Etag"): true}
		for accept, want := range map[string]string{
			"gzip": "gzip", "zstd": "zstd", "gzip, deflate, br, zstd": "zstd", "GZIP;q=0.9, zstd;q=0.1": "gzip", "*": "zstd", "*, zstd;q=0": "gzip",
			"gzip;q=0": "", "br": "", "gzip;q=0.2, identity;q=0.8": "", "x-nonsense;q=zero, gzip;q=bad": "", "identity;q=0, gzip": "gzip",
		} {
			if plain.header.Get("Etag") != "" && want == "zstd" { // the page's files are in gzip alone
				if want = "gzip"; accept == "zstd" {
					want = ""
				}
			}
			a := h.want("GET", path, "", "Accept-Encoding: "+accept)
			if got := a.header.Get("Content-Encoding"); got != want {
				t.Errorf("%s with %q is %q, not %q", path, accept, got, want)
			}
			if unpack(t, a) != plain.body {
				t.Errorf("%s with %q is another text", path, accept)
			}
			if want != "" && len(a.body) > len(plain.body)*2/3 {
				t.Errorf("%s with %q has %d bytes, %d without", path, accept, len(a.body), len(plain.body))
			}
			if tag := a.header.Get("Etag"); tag != "" && want != "" {
				tags[tag] = true
				if again := h.do("GET", path, "", "Accept-Encoding: "+accept, "If-None-Match: "+tag); again.status != 304 || again.body != "" {
					t.Errorf("%s with %q: %d where nothing changed", path, accept, again.status)
				}
			}
		}
		if plain.header.Get("Etag") != "" && len(tags) != 2 {
			t.Errorf("%s has the tags %v, not one for each encoding", path, tags)
		}
	}
}

func TestThePageIsCompressedInLittleMemory(t *testing.T) {
	h := open(t, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var size int
	for _, path := range parts(h) {
		size += len(h.want("GET", path, "", "Accept-Encoding: gzip, deflate, br, zstd").body)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 80<<20 {
		t.Errorf("%d MB were allocated to serve %d KB", used>>20, size>>10)
	}
}

func TestWhatIsNotToBeCompressedIsNot(t *testing.T) {
	h := open(t, nil)
	const all = "Accept-Encoding: gzip, zstd"
	id := h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	at := parts(h)
	csv := strings.Repeat("a,b,c\n", 1000)
	file := h.want("POST", "/api/files?name=a.csv", csv, "Content-Type: text/csv").object(t)["id"].(string)
	for what, a := range map[string]answer{
		"a short answer":    h.want("GET", "/api/tasks/"+id, "", all),
		"a file":            h.want("GET", "/api/files/"+file, "", all),
		"a range of a file": h.do("GET", "/api/files/"+file, "", all, "Range: bytes=0-2999"),
		"a range of a part": h.do("GET", at["app/main.js"], "", all, "Range: bytes=0-1999"),
		"a refusal":         h.do("GET", "/api/tasks/?status="+strings.Repeat("X", 3000), "", all),
	} {
		if e := a.header.Get("Content-Encoding"); e != "" {
			t.Errorf("%s comes in %s", what, e)
		}
	}
	if a := h.do("GET", at["app/main.js"], "", all, "Range: bytes=0-1999"); a.status != 206 || len(a.body) != 2000 {
		t.Error("the range of a part:", a.status, len(a.body))
	}
	for range 20 {
		h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	}
	get, head := h.want("GET", "/openapi.json", "", all), h.want("HEAD", "/openapi.json", "", all)
	for _, name := range []string{"Content-Length", "Content-Encoding", "Etag"} {
		if get.header.Get(name) != head.header.Get(name) || get.header.Get(name) == "" {
			t.Errorf("%s is %q to GET and %q to HEAD", name, get.header.Get(name), head.header.Get(name))
		}
	}
	if a := h.want("HEAD", "/api/tasks/", "", all); a.header.Get("Content-Encoding") != "zstd" || a.body != "" {
		t.Error("HEAD of a list:", a.header)
	}
}

func TestAnAnswerThatIsWrittenPieceByPieceIsCompressedWhole(t *testing.T) {
	log, id := reported(t)
	h := open(t, log)
	for range 3 {
		h.want("POST", "/api/tasks/batch", "["+strings.Repeat(`{"task_type":"ECHO","delay_seconds":3600},`, 999)+`{"task_type":"ECHO","delay_seconds":3600}]`)
	}
	for _, accept := range []string{"gzip", "zstd"} {
		a := h.want("GET", "/api/log?format=ndjson", "", "Accept-Encoding: "+accept)
		if n := bytes.Count([]byte(unpack(t, a)), []byte("\n")); n != 709+1+3000 {
			t.Errorf("%s: %d lines", accept, n)
		}
		if a := h.want("GET", "/api/tasks/"+id.String()+"/events", "", "Accept-Encoding: "+accept); len(unpack(t, a)) < 100_000 {
			t.Errorf("%s: a history of %d bytes", accept, len(unpack(t, a)))
		}
	}
}
