package httprequest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"daybook/files"
	"daybook/handler"
	"daybook/handler/handlertest"

	"github.com/google/go-cmp/cmp"
)

// target is a server on the loopback of this machine.
func target(t *testing.T, answer http.HandlerFunc) (address string) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func typeFor(t *testing.T, allow ...string) *Type {
	t.Helper()
	h, err := New(allow...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func run(t *testing.T, h *Type, parameters map[string]any) (result, *files.Store, error) {
	t.Helper()
	store := handlertest.Store(t)
	value, err := h.Run(t.Context(), handler.Call{TaskID: "01JX", Files: store, Parameters: handlertest.Prepare(t, h, parameters),
		Report: func(float64, string) {}})
	if err != nil {
		return result{}, store, err
	}
	handlertest.CheckResult(t, h, value)
	return value.(result), store, nil
}

func TestARequestIsSentAsItIsDescribedAndItsResponseIsTheResult(t *testing.T) {
	address := target(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got := []string{r.Method, r.URL.String(), string(body), r.Header.Get("Content-Type"), r.Header.Get("X-Api-Key"), r.Header.Get("Idempotency-Key"), r.Header.Get("User-Agent")}
		want := []string{"POST", "/hook?a=1", `{"order":17}`, "application/json", "k1", "01JX", "Daybook"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Set-Cookie", "id=secret")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "grüezi")
	})
	r, _, err := run(t, typeFor(t, address), map[string]any{"url": "http://" + address + "/hook?a=1", "method": "POST",
		"headers": map[string]string{"X-Api-Key": "k1"}, "body": map[string]int{"order": 17}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != 201 || r.Body == nil || *r.Body != "grüezi" || r.File != nil || r.Headers["Content-Type"] != "text/plain" ||
		r.Headers["Set-Cookie"] != "" || r.URL != "http://"+address+"/hook" {
		t.Errorf("%+v", r)
	}
	if text, partial := r.Outcome(); text != "201 Created, 7 B" || partial {
		t.Error(text, partial)
	}
}

func TestABodyOfTextIsSentAsItIs(t *testing.T) {
	address := target(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
		if got := r.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Error(got)
		}
	})
	r, _, err := run(t, typeFor(t, address), map[string]any{"url": "http://" + address, "method": "PUT", "body": "a\"b"})
	if err != nil || *r.Body != `a"b` {
		t.Error(r, err)
	}
}

// Every address that is not on the public internet is refused when it is dialled, before a byte is sent.
func TestOnlyThePublicInternetIsReached(t *testing.T) {
	var connected atomic.Int64
	address := target(t, func(http.ResponseWriter, *http.Request) { connected.Add(1) })
	_, port, _ := strings.Cut(address, ":")
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "127.1.2.3", "LOCALHOST"} {
		_, _, err := run(t, typeFor(t, "10.0.0.0/8", "db.example"), map[string]any{"url": "http://" + host + ":" + port + "/"})
		if err == nil || !handler.IsPermanent(err) || !strings.Contains(err.Error(), "[http_request]") {
			t.Errorf("%s: %v", host, err)
		}
	}
	if n := connected.Load(); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

// An error names the host that a redirect has led to, without the rest of its URL.
func TestErrorsNameTheHostOfARedirect(t *testing.T) {
	for to, want := range map[string]string{
		"http://user:word@127.0.0.2:1/private?key=hidden#part": "127.0.0.2:1 (redirected from HOST) is not on the public internet",
		"http://user:word@no-such.invalid/private?key=hidden":  "no-such.invalid (redirected from HOST): ",
		"http://token-7531.invalid/":                           "[…].invalid (redirected from HOST): ",
		"/again":                                               "HOST: more than 10 redirects",
	} {
		address := target(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		})
		_, _, err := run(t, typeFor(t, address), map[string]any{"url": "http://" + address + "/from?q=1", "headers": map[string]string{"X-Key": "token-7531"}})
		if err == nil {
			t.Errorf("%s is followed", to)
			continue
		}
		if want := strings.ReplaceAll(want, "HOST", address); !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s…", to, err, want)
		}
		for _, secret := range []string{"word", "private", "hidden", "token-7531"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v has %s", to, err, secret)
			}
		}
	}
}

func TestSpecialAddressesAreNotPublic(t *testing.T) {
	reach, err := newReach([]string{"10.1.0.0/16", "[fd00::1]:8080", "192.168.7.7"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"93.184.216.34:80": true, "[2606:2800:220:1::1]:443": true, "[2001:4860:4860::8888]:443": true,
		"10.1.2.3:80": true, "192.168.7.7:1": true, "[fd00::1]:8080": true, "[::ffff:10.1.2.3]:80": true,
		"10.2.0.1:80": false, "192.168.7.8:80": false, "[fd00::1]:8081": false, "169.254.169.254:80": false,
		"[fd00:ec2::254]:80": false, "100.100.100.200:80": false, "172.31.255.255:80": false, "172.32.0.1:80": true,
		"127.0.0.1:80": false, "[::1]:80": false, "0.0.0.0:80": false, "[::]:80": false, "224.0.0.1:80": false, "[ff02::1]:80": false,
		"255.255.255.255:80": false, "[fe80::1%eth0]:80": false, "[::ffff:169.254.169.254]:80": false, "[64:ff9b::a9fe:a9fe]:80": false,
		"[2002:7f00:1::]:80": false, "[::127.0.0.1]:80": false, "[2001:0:1::1]:80": false, "198.18.0.1:80": false, "[fec0::1]:80": false,
	} {
		if got := reach.has(netip.MustParseAddrPort(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for _, wrong := range []string{"", "10.0.0.0/33", "http://db.example", "db.example:0", "db.example:x", "a b", "user@db.example", "*.example"} {
		if _, err := New(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

func TestARedirectIsCheckedAndTakesNoHeadersToAnotherHost(t *testing.T) {
	var seen atomic.Value
	other := target(t, func(w http.ResponseWriter, r *http.Request) { seen.Store(r.Header.Clone()) })
	_, otherPort, _ := strings.Cut(other, ":")
	address := target(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "http://user:pass@"+other+"/", http.StatusFound)
		case "/name":
			http.Redirect(w, r, "http://localhost:"+otherPort+"/", http.StatusFound)
		case "/here":
			http.Redirect(w, r, "/there", http.StatusFound)
		case "/there":
			seen.Store(r.Header.Clone())
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}
	})
	headers := map[string]string{"X-Api-Key": "topsecret", "Authorization": "Bearer topsecret"}
	request := func(h *Type, path string) error {
		seen.Store(http.Header{})
		_, _, err := run(t, h, map[string]any{"url": "http://" + address + path + "?token=topsecret", "headers": headers})
		return err
	}
	if err := request(typeFor(t, address, other), "/away"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"X-Api-Key", "Authorization", "Referer"} {
		if got := seen.Load().(http.Header).Get(name); got != "" {
			t.Errorf("%s went to another host: %s", name, got)
		}
	}
	if err := request(typeFor(t, address), "/here"); err != nil || seen.Load().(http.Header).Get("X-Api-Key") != "topsecret" {
		t.Error(err, seen.Load())
	}
	for _, path := range []string{"/away", "/name", "/loop", "/file"} {
		err := request(typeFor(t, address), path)
		if err == nil || !handler.IsPermanent(err) || strings.Contains(err.Error(), "topsecret") || strings.Contains(err.Error(), "passwd") {
			t.Errorf("%s: %v", path, err)
		}
		if h := seen.Load().(http.Header); len(h) > 0 {
			t.Errorf("%s: the other host was reached", path)
		}
	}
	r, _, err := run(t, typeFor(t, address), map[string]any{"url": "http://" + address + "/here", "follow_redirects": false, "expect_status": []int{302}})
	if err != nil || r.Status != 302 || r.Headers["Location"] != "/there" {
		t.Error(r, err)
	}
}

func TestTheStatusDecidesWhetherAndWhenTheTaskIsRetried(t *testing.T) {
	address := target(t, func(w http.ResponseWriter, r *http.Request) {
		if after := r.URL.Query().Get("after"); after != "" {
			w.Header().Set("Retry-After", after)
		}
		status, err := strconv.Atoi(r.URL.Path[1:])
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "you sent "+r.Header.Get("Authorization")+"\n and "+r.URL.RawQuery)
	})
	date := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
	for _, test := range []struct {
		status    int
		after     string
		permanent bool
		from, to  time.Duration
	}{
		{503, "", false, 0, 0}, {500, "", false, 0, 0}, {429, "120", false, 120 * time.Second, 120 * time.Second},
		{503, "0", false, 0, 0}, {429, "soon", false, 0, 0}, {503, "-5", false, 0, 0}, {502, "9999999999999", false, maxWait, maxWait},
		{503, date, false, 80 * time.Second, 90 * time.Second},
		{404, "", true, 0, 0}, {400, "60", true, 0, 0}, {401, "", true, 0, 0},
	} {
		_, _, err := run(t, typeFor(t, address), map[string]any{
			"url":     "http://" + address + "/" + strconv.Itoa(test.status) + "?after=" + url.QueryEscape(test.after) + "&key=topsecret",
			"headers": map[string]string{"Authorization": "Bearer abc123xyz"},
		})
		var after interface{ RetryAfter() time.Duration }
		got := time.Duration(0)
		if errors.As(err, &after) {
			got = after.RetryAfter()
		}
		if err == nil || handler.IsPermanent(err) != test.permanent || got < test.from || got > test.to {
			t.Errorf("%d, %q: %v, in %v", test.status, test.after, err, got)
		}
		if text := err.Error(); strings.Contains(text, "abc123xyz") || strings.Contains(text, "topsecret") ||
			!strings.Contains(text, address+" answered "+strconv.Itoa(test.status)) {
			t.Error(text)
		}
	}
	if r, _, err := run(t, typeFor(t, address), map[string]any{"url": "http://" + address + "/404", "expect_status": []int{200, 404}}); err != nil || r.Status != 404 {
		t.Error(r, err)
	}
}

func TestABodyThatIsLongOrNoTextIsAFile(t *testing.T) {
	long := strings.Repeat("é", 100_000)
	address := target(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long.txt" {
			_, _ = io.WriteString(w, long)
			return
		}
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write([]byte("\x89PNG\r\n\x1a\n\x00\xff"))
	})
	r, store, err := run(t, typeFor(t, address), map[string]any{"url": "http://" + address + "/long.txt"})
	if err != nil || r.File == nil || r.BodyBytes != 200_000 || r.Truncated || *r.Body != long[:maxText] {
		t.Fatal(r.BodyBytes, r.Truncated, err)
	}
	f, info, err := store.Open(*r.File)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if kept, err := io.ReadAll(f); err != nil || string(kept) != long || info.Name != "long.txt" {
		t.Error(len(kept), info, err)
	}
	r, _, err = run(t, typeFor(t, address), map[string]any{"url": "http://" + address + "/long.txt", "max_response_bytes": 65537})
	if text, partial := r.Outcome(); err != nil || r.BodyBytes != 65537 || !r.Truncated || text != "200 OK, 65.5 kB, cut off" || !partial {
		t.Error(r.BodyBytes, text, err)
	}
	r, _, err = run(t, typeFor(t, address), map[string]any{"url": "http://" + address + "/long.txt", "max_response_bytes": 5})
	if err != nil || r.File != nil || r.Body == nil || *r.Body != "éé" || !r.Truncated {
		t.Errorf("cut within a character: %+v, %v", r, err)
	}
	r, _, err = run(t, typeFor(t, address), map[string]any{"url": "http://" + address + "/long.txt", "max_response_bytes": 200_000})
	if err != nil || r.Truncated || r.BodyBytes != 200_000 {
		t.Error(r.BodyBytes, r.Truncated, err)
	}
	r, _, err = run(t, typeFor(t, address), map[string]any{"url": "http://" + address + "/dot.png"})
	if err != nil || r.Body != nil || r.File == nil {
		t.Error(r, err)
	}
}

func TestARequestWithoutAnAnswerSaysWhy(t *testing.T) {
	held := make(chan struct{})
	address := target(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-held:
		case <-r.Context().Done():
		}
	})
	defer close(held)
	closed := httptest.NewServer(nil)
	free := strings.TrimPrefix(closed.URL, "http://")
	closed.Close()
	h := typeFor(t, address, free)
	if _, _, err := run(t, h, map[string]any{"url": "http://" + address + "/?key=topsecret", "timeout_seconds": 0.1}); err == nil ||
		handler.IsPermanent(err) || !strings.Contains(err.Error(), "did not answer within 100ms") {
		t.Error(err)
	}
	if _, _, err := run(t, h, map[string]any{"url": "http://" + free + "/?key=topsecret"}); err == nil ||
		handler.IsPermanent(err) || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "topsecret") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(handler.ErrCancelled)
	_, err := h.Run(ctx, handler.Call{Parameters: handlertest.Prepare(t, h, map[string]any{"url": "http://" + address}), Files: handlertest.Store(t)})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestParametersThatCannotBeSentAreRefused(t *testing.T) {
	h := typeFor(t)
	registry, err := handler.NewRegistry(h)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(parameters, pointer string) {
		t.Helper()
		_, _, fields, err := registry.Prepare("HTTP_REQUEST", []byte(parameters))
		if err != nil || len(fields) == 0 || !strings.HasPrefix(fields[0].Pointer, pointer) {
			t.Errorf("%s: %v %v", parameters, fields, err)
		}
	}
	refused(`{}`, "/parameters/url")
	for _, bad := range []string{"", "ftp://example.com", "//example.com", "http://", "http://user:pass@example.com", "http:example.com",
		"http://example.com:99999/", "http://example.com:/", "http://a b/", "javascript:x", "http://example.com/\r\nX: y"} {
		text, err := json.Marshal(map[string]string{"url": bad})
		if err != nil {
			t.Fatal(err)
		}
		refused(string(text), "/parameters/url")
	}
	for _, bad := range []string{`{"Host":"x"}`, `{"content-length":"1"}`, `{"A B":"x"}`, `{"":"x"}`, `{"Proxy-Authorization":"x"}`,
		`{"A":"x\r\nB: y"}`, `{"A":"x\u0000"}`, `{"transfer-encoding":"chunked"}`} {
		refused(`{"headers":`+bad+`,"url":"http://example.com"}`, "/parameters/headers/")
	}
	refused(`{"expect_status":[99],"url":"http://example.com"}`, "/parameters/expect_status")
}

func TestParametersAreDescribed(t *testing.T) {
	h := typeFor(t)
	handlertest.CheckDescribed(t, h, map[string]any{"url": "http://example.com"})
	handlertest.CheckSubjects(t, h, nil, map[string]string{
		`{"url":"https://example.com/x?token=secret#y"}`:        "GET example.com/x",
		`{"method":"POST","url":"http://example.com:8080/a b"}`: "POST example.com:8080/a%20b",
	})
}

func TestAnAddressThatIsNotReachedIsKnownFromTheURL(t *testing.T) {
	h, err := New("10.1.2.3:8080", "192.168.0.0/16", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]bool{
		"http://127.0.0.1/": false, "http://[::1]:80/": false, "http://[::ffff:127.0.0.1]/": false, "http://169.254.169.254/latest": false, "https://10.1.2.3/": false,
		"http://10.1.2.3:8080/": true, "http://192.168.4.5/": true, "http://8.8.8.8/": true, "http://example.com/": true, "http://localhost/": true, "http://other.local/": true,
	} {
		if got := h.Reaches(url); got != want {
			t.Errorf("%s: %v", url, got)
		}
	}
}
