package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"daybook/client"
)

// loud counts the warnings of a worker.
type loud struct {
	slog.Handler
	warnings *atomic.Int64
}

func (l loud) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (l loud) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l loud) Handle(context.Context, slog.Record) error {
	l.warnings.Add(1)
	return nil
}

// runsOver has a worker with one slot run some tasks of a real server that it calls by other, and returns its
// warnings.
func runsOver(t *testing.T, web *httptest.Server, other *client.Client) (warnings int64) {
	t.Helper()
	c, err := client.New(web.URL, web.Client())
	if err != nil {
		t.Fatal(err)
	}
	var count atomic.Int64
	w := client.NewWorker(other, client.WorkerOptions{Slots: 1, Logger: slog.New(loud{slog.DiscardHandler, &count})})
	double(w)
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- w.Run(ctx) }()
	first := known(t, c, client.Submit{TaskType: "double", Parameters: params{1}})
	if done, err := c.Wait(t.Context(), first.ID); err != nil || string(done.ResultData) != "2" {
		t.Errorf("%v: %s", err, done.Raw)
	}
	for n := range 5 {
		done, err := c.SubmitAndWait(t.Context(), client.Submit{TaskType: "double", Parameters: params{n}})
		if err != nil || string(done.ResultData) != fmt.Sprint(2*n) || done.Attempt != 1 {
			t.Errorf("%v: %s", err, done.Raw)
		}
	}
	stop()
	if err := <-ran; err != nil {
		t.Errorf("Run: %v", err)
	}
	return count.Load()
}

// front is a server in front of another; wrap changes what it does.
func front(t *testing.T, web *httptest.Server, wrap func(next http.Handler) http.Handler) *httptest.Server {
	t.Helper()
	to, err := url.Parse(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, Transport: web.Client().Transport, FlushInterval: -1}
	f := httptest.NewServer(wrap(next))
	t.Cleanup(f.Close)
	return f
}

func asItIs(next http.Handler) http.Handler { return next }

// chunked leaves out the length of answers.
type chunked struct{ http.ResponseWriter }

func (c chunked) WriteHeader(status int) {
	c.Header().Del("Content-Length")
	c.ResponseWriter.WriteHeader(status)
	c.ResponseWriter.(http.Flusher).Flush()
}

func TestCallsOfAWorkerArriveByEveryKindOfServer(t *testing.T) {
	web := serve(t)
	var through atomic.Int64
	counted := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/leases" || r.URL.Path == "/base/api/leases" {
				through.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	}
	wraps := map[string]func(next http.Handler) http.Handler{
		"as it is": asItIs,
		"answers in chunks": func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(chunked{w}, r) })
		},
		"closes after each answer": func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Connection", "close")
				next.ServeHTTP(w, r)
			})
		},
		"says first that it works on it": func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusProcessing)
				next.ServeHTTP(w, r)
			})
		},
		"long heads": func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Long", strings.Repeat("x", 10_000))
				next.ServeHTTP(w, r)
			})
		},
		"redirects": func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("again") == "" {
					http.Redirect(w, r, r.URL.Path+"?again=1", http.StatusTemporaryRedirect)
					return
				}
				r.URL.RawQuery = ""
				next.ServeHTTP(w, r)
			})
		},
		"below a path, with a token": func(next http.Handler) http.Handler {
			return http.StripPrefix("/base", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer secret" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				next.ServeHTTP(w, r)
			}))
		},
	}
	for name, wrap := range wraps {
		t.Run(name, func(t *testing.T) {
			through.Store(0)
			base := front(t, web, func(next http.Handler) http.Handler { return counted(wrap(next)) }).URL
			if strings.HasPrefix(name, "below") {
				base += "/base"
			}
			c, err := client.New(base, &http.Client{Transport: &http.Transport{}})
			if err != nil {
				t.Fatal(err)
			}
			c.Token = "secret"
			if n := runsOver(t, web, c); n > 0 || through.Load() < 6 {
				t.Errorf("%d warnings, %d calls", n, through.Load())
			}
		})
	}
}

func TestCallsOfAWorkerGoByTheTransportOfItsClient(t *testing.T) {
	web := serve(t)
	var proxied atomic.Int64
	proxy := front(t, web, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "daybook.example" {
				proxied.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	})
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	secure := httptest.NewTLSServer(web.Config.Handler)
	defer secure.Close()
	trusts := secure.Client().Transport.(*http.Transport).TLSClientConfig
	for name, c := range map[string]struct {
		base      string
		transport *http.Transport
	}{
		"a proxy": {"http://daybook.example", &http.Transport{Proxy: http.ProxyURL(at)}},
		"TLS":     {secure.URL, &http.Transport{TLSClientConfig: trusts}},
		"HTTP/2":  {secure.URL, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusts.RootCAs, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}},
	} {
		t.Run(name, func(t *testing.T) {
			defer c.transport.CloseIdleConnections()
			to, err := client.New(c.base, &http.Client{Transport: c.transport})
			if err != nil {
				t.Fatal(err)
			}
			if n := runsOver(t, web, to); n > 0 {
				t.Errorf("%d warnings", n)
			}
		})
	}
	if proxied.Load() < 6 {
		t.Errorf("%d calls went by the proxy", proxied.Load())
	}
}

// cutting is a connection to a server that closes it, without a word, after each answer.
type cutting struct {
	net.Conn
	reads atomic.Int64
}

func (c *cutting) Write(b []byte) (int, error) {
	if c.reads.Load() > 0 {
		_ = c.Conn.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

func (c *cutting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.reads.Add(1)
	return n, err
}

func TestAConnectionThatTheServerHasClosedIsReplacedWithoutAWord(t *testing.T) {
	web := serve(t)
	var dialed atomic.Int64
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed.Add(1)
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &cutting{Conn: conn}, nil
	}}
	c, err := client.New(web.URL, &http.Client{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	if n := runsOver(t, web, c); n > 0 || dialed.Load() < 6 {
		t.Errorf("%d warnings, %d connections", n, dialed.Load())
	}
}

func TestAWorkerKeepsItsConnection(t *testing.T) {
	web := serve(t)
	var mu sync.Mutex
	ports := map[string]bool{}
	f := front(t, web, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			ports[r.RemoteAddr] = true
			mu.Unlock()
			next.ServeHTTP(w, r)
		})
	})
	c, err := client.New(f.URL, &http.Client{Transport: &http.Transport{}})
	if err != nil {
		t.Fatal(err)
	}
	if n := runsOver(t, web, c); n > 0 || len(ports) > 2 { // one for polls, one for what cannot wait for the poll
		t.Errorf("%d warnings, %d connections", n, len(ports))
	}
}

func TestARefusalOverAWireIsAProblem(t *testing.T) {
	for name, answer := range map[string]string{
		"with a length":  "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/problem+json\r\nContent-Length: 31\r\n\r\n" + `{"title":"no","detail":"never"}`,
		"without a word": "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go func() {
					defer theirs.Close()
					_, _ = theirs.Read(make([]byte, 1<<16))
					_, _ = io.WriteString(theirs, answer)
				}()
				return ours, nil
			}}
			c, err := client.New("http://fake", &http.Client{Transport: transport})
			if err != nil {
				t.Fatal(err)
			}
			w := client.NewWorker(c, client.WorkerOptions{Logger: slog.New(slog.DiscardHandler)})
			double(w)
			var problem *client.Problem
			if err := w.Run(t.Context()); !errors.As(err, &problem) || problem.Status != http.StatusUnauthorized {
				t.Errorf("%v", err)
			}
		})
	}
}
