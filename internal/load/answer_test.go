package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestAnswersOfARealServerAreRead(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 20_000)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case "/length":
			fmt.Fprint(w, "short")
		case "/chunks":
			for i := 0; i < len(large); i += 5000 {
				fmt.Fprint(w, large[i:i+5000])
				w.(http.Flusher).Flush()
			}
		case "/trailer":
			w.Header().Set("Trailer", "X-End")
			fmt.Fprint(w, "with a trailer")
			w.Header().Set("X-End", "yes")
		case "/nothing":
			w.WriteHeader(http.StatusNoContent)
		case "/early":
			w.WriteHeader(http.StatusEarlyHints)
			fmt.Fprint(w, "late")
		case "/close":
			w.Header().Set("Connection", "close")
			fmt.Fprint(w, large)
		case "/refused":
			http.Error(w, "no", http.StatusTeapot)
		}
	}))
	t.Cleanup(web.Close)
	target, err := newTarget(web.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newConn(target)
	t.Cleanup(c.close)
	ask := func(path string, keep bool) answer {
		t.Helper()
		a, err := c.do(t.Context(), fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody", path), keep)
		if err != nil {
			t.Fatal(path, err)
		}
		return a
	}
	for range 2 {
		for path, want := range map[string]string{
			"/length": "short", "/chunks": large, "/trailer": "with a trailer", "/nothing": "", "/early": "late", "/close": large,
		} {
			if a := ask(path, true); string(a.body) != want || a.status/100 != 2 || a.closes != (path == "/close") {
				t.Errorf("%s: %d, closes: %v, %d bytes", path, a.status, a.closes, len(a.body))
			}
			if a := ask(path, false); a.body != nil || a.status/100 != 2 {
				t.Errorf("%s: %d, %d bytes that nobody wants", path, a.status, len(a.body))
			}
		}
		if a := ask("/refused", false); a.status != http.StatusTeapot || string(a.body) != "no\n" {
			t.Errorf("%d %q", a.status, a.body)
		}
	}
}

func TestARefusalBeforeTheRequestIsWrittenIsAnAnswer(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() {
		_, _ = io.ReadFull(theirs, make([]byte, 10))
		go func() {
			_, _ = fmt.Fprint(theirs, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
			theirs.Close()
		}()
		_, _ = io.Copy(io.Discard, theirs)
	}()
	c := newConn(target{dial: func(context.Context) (net.Conn, error) { return ours, nil }})
	a, err := c.do(t.Context(), make([]byte, 1<<20), false)
	if err != nil || a.status != 413 || string(a.body) != "big" {
		t.Errorf("%+v, %v", a, err)
	}
	if c.net != nil {
		t.Error("the connection is kept")
	}
}

func TestAnAnswerThatIsCutShortIsAnError(t *testing.T) {
	for _, text := range []string{
		"", "\r\n\r\n", "HTTP/1.1 20x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	} {
		for _, keep := range []bool{true, false} {
			c := &conn{reader: bufio.NewReader(strings.NewReader(text))}
			if a, err := c.readAnswer(keep); err == nil {
				t.Errorf("%.60q is taken as %d %q", text, a.status, a.body)
			}
		}
	}
}

func TestOnlyATasksOwnIdIsItsId(t *testing.T) {
	for text, want := range map[string][]string{
		`{"id":"A","parameters":{"id":"x"}}`: {"A"},
		`{"parameters":{"id":"x","list":[{"id":"y"}],"s":"\"id\":\"z\" } ]"},"result":"id","id" : "A"}`: {"A"},
		` [{"id":"A","tags":["id","b"]}, {"tags":[],"parameters":{"id":"x"},"id":"B"}]`:                 {"A", "B"},
		`[]`: nil, ``: nil, `{"id":7}`: nil, `{"id":"A`: nil, `{"title":"id"}`: nil, `"id"`: nil, `{"a\\":"\\\"","id":"A"}`: {"A"},
	} {
		if got := ids([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
