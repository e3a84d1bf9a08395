package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daybook/client"
)

// address is one of several addresses of a real server.
type address struct {
	*httptest.Server
	fault atomic.Pointer[http.HandlerFunc] // answers in place of the server; nil = nothing is wrong
	calls atomic.Int64
}

// addresses returns n addresses of a real server, a client of the server itself, and one of all addresses.
func addresses(t *testing.T, n int) (all []*address, direct, c *client.Client) {
	t.Helper()
	web := serve(t)
	var list []string
	for range n {
		a := &address{}
		a.Server = front(t, web, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a.calls.Add(1)
				if fault := a.fault.Load(); fault != nil {
					(*fault)(w, r)
					return
				}
				next.ServeHTTP(w, r)
			})
		})
		all, list = append(all, a), append(list, a.URL)
	}
	direct = clientOf(t, web.URL)
	return all, direct, clientOf(t, strings.Join(list, ","))
}

// clientOf returns a client with connections of its own.
func clientOf(t *testing.T, list string) *client.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := client.New(list, &http.Client{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// kill ends the address as SIGKILL ends a server.
func (a *address) kill() {
	_ = a.Listener.Close()
	a.CloseClientConnections()
}

// does sets what the address does in place of the server.
func (a *address) does(fault http.HandlerFunc) { a.fault.Store(&fault) }

// reset breaks the connection before an answer.
func reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// says answers with a problem.
func says(status int, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"type":"http://x/docs#%s","title":"x","status":%d,"detail":"x"}`, kind, status)
	}
}

// once is a reader that cannot go back.
type once struct{ io.Reader }

// Whatever the first address does, a call that can be repeated, or that has certainly not reached a server, is answered by
// the second one. Any other is not repeated.
func TestACallGoesOnAtTheNextAddress(t *testing.T) {
	submits := func(key string) func(*client.Client) error {
		return func(c *client.Client) error {
			s := sleep(1)
			s.IdempotencyKey = key
			_, err := c.Submit(t.Context(), s)
			return err
		}
	}
	calls := []struct {
		name     string
		harmless bool
		do       func(*client.Client) error
	}{
		{"read", true, func(c *client.Client) error { _, err := c.ListPage(t.Context(), client.Filter{}); return err }},
		{"read in pieces", true, func(c *client.Client) error {
			for _, err := range c.Log(t.Context(), client.LogQuery{Limit: 1}) {
				return err
			}
			return nil
		}},
		{"submit with a key", true, submits("k")},
		{"submit", false, submits("")},
		{"submitter with a key", true, func(c *client.Client) error {
			s := sleep(1)
			s.IdempotencyKey = "s"
			_, err := c.NewSubmitter().Submit(t.Context(), s)
			return err
		}},
		{"submitter", false, func(c *client.Client) error { _, err := c.NewSubmitter().Submit(t.Context(), sleep(1)); return err }},
		{"batch with a key", true, func(c *client.Client) error {
			_, _, err := c.SubmitBatchWithKey(t.Context(), "b", []client.Submit{sleep(1)})
			return err
		}},
		{"batch", false, func(c *client.Client) error {
			_, err := c.SubmitBatch(t.Context(), []client.Submit{sleep(1)})
			return err
		}},
		{"pause", false, func(c *client.Client) error { _, err := c.PauseQueue(t.Context(), "q", ""); return err }},
		{"upload", true, func(c *client.Client) error {
			f, err := c.Upload(t.Context(), "n", "text/plain", strings.NewReader("text"))
			if err == nil && f.Size != 4 {
				err = fmt.Errorf("%d bytes", f.Size)
			}
			return err
		}},
	}
	faults := []struct {
		name     string
		nothing  bool // the client knows that nothing happened
		elsehelp bool // the next address may help
		make     func(*address)
	}{
		{"refused", true, true, (*address).kill},
		{"reset", false, true, func(a *address) { a.does(reset) }},
		{"not-leader", true, true, func(a *address) { a.does(says(503, "not-leader")) }},
		{"no-majority", true, true, func(a *address) { a.does(says(503, "no-majority")) }},
		{"outcome-unknown", false, true, func(a *address) { a.does(says(503, "outcome-unknown")) }},
		{"bad gateway", false, true, func(a *address) { a.does(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }) }},
		{"busy", true, false, func(a *address) { a.does(says(503, "busy")) }},
		{"invalid", true, false, func(a *address) { a.does(says(400, "invalid")) }},
	}
	for _, fault := range faults {
		all, _, c := addresses(t, 3)
		for _, call := range calls {
			t.Run(fault.name+", "+call.name, func(t *testing.T) {
				c := clientOf(t, all[0].URL+", "+all[1].URL+","+all[2].URL)
				fault.make(all[0])
				before := all[1].calls.Load()
				err := call.do(c)
				goesOn := fault.elsehelp && (fault.nothing || call.harmless)
				if (err == nil) != goesOn {
					t.Errorf("error %v, want one: %t", err, !goesOn)
				}
				if unknown := fault.elsehelp && !goesOn; errors.Is(err, client.ErrOutcomeUnknown) != unknown {
					t.Errorf("%v is that the outcome is unknown: %t", err, !unknown)
				}
				if went := all[1].calls.Load() > before; went != goesOn {
					t.Errorf("the second address was asked: %t", went)
				}
			})
		}
		if fault.elsehelp { // c is still at the first one
			if _, err := c.ListPage(t.Context(), client.Filter{}); err != nil || c.URL() != all[1].URL {
				t.Errorf("%s: %v at %s", fault.name, err, c.URL())
			}
		}
	}
}

// A body that can be read only once goes on if none of it was read.
func TestAnUploadThatCannotBeReadAgain(t *testing.T) {
	all, _, _ := addresses(t, 2)
	c := clientOf(t, all[0].URL+","+all[1].URL)
	all[0].does(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		reset(w, r)
	})
	if _, err := c.Upload(t.Context(), "n", "", once{strings.NewReader("text")}); err == nil {
		t.Error("an upload whose body was gone had an answer")
	}
	c = clientOf(t, all[0].URL+","+all[1].URL)
	all[0].kill()
	f, err := c.Upload(t.Context(), "n", "", once{strings.NewReader("text")})
	if err != nil || f.Size != 4 {
		t.Errorf("%v: %+v", err, f)
	}
}

// When no address answers, the error is the one that says most.
func TestNoAddressAnswers(t *testing.T) {
	all, _, c := addresses(t, 3)
	all[0].does(says(503, "not-leader"))
	all[1].kill()
	all[2].does(reset)
	if _, err := c.ListPage(t.Context(), client.Filter{}); client.StatusOf(err) != 503 {
		t.Errorf("error %v", err)
	}
	if all[0].calls.Load() != 1 || all[2].calls.Load() == 0 {
		t.Errorf("%d and %d calls", all[0].calls.Load(), all[2].calls.Load())
	}
}

func TestAddressesOfAClient(t *testing.T) {
	for list, want := range map[string]string{
		"":                                 client.DefaultURL,
		"http://a:1":                       "http://a:1",
		" http://a:1/x/ , http://b ,":      "http://a:1/x",
		"http://a:1,http://a:1":            "http://a:1",
		"https://a,http://b,http://c:8000": "https://a",
	} {
		c, err := client.New(list, nil)
		if err != nil || c.URL() != want {
			t.Errorf("%q: %v", list, err)
		}
	}
	for _, list := range []string{",", "a:1", "http://a,b", "ftp://a", "http://"} {
		if _, err := client.New(list, nil); err == nil {
			t.Errorf("%q is taken", list)
		}
	}
}

// A stream goes on at the next address from its position: nothing is missing, nothing comes twice.
func TestAStreamGoesOnAtTheNextAddress(t *testing.T) {
	all, direct, c := addresses(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	known(t, direct, sleep(0))
	last, n := int64(0), 0
	for e, err := range c.Follow(ctx, client.FollowQuery{Types: []string{"task.submitted"}}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq <= last {
			t.Errorf("event %d after %d", e.Seq, last)
		}
		last = e.Seq
		if n++; n == 4 {
			break
		}
		if n < 3 {
			all[n-1].kill() // the one that is read
		}
		known(t, direct, sleep(n))
	}
	if n != 4 || c.URL() != all[2].URL {
		t.Errorf("%d events, at %s", n, c.URL())
	}
}

// A lease that came from one address is reported to another when the first one is gone.
func TestAWorkerGoesOnAtTheNextAddress(t *testing.T) {
	for name, change := range map[string]func(*http.Transport) http.RoundTripper{
		"over a wire": func(t *http.Transport) http.RoundTripper { return t },
		"by net/http": func(t *http.Transport) http.RoundTripper { return struct{ http.RoundTripper }{t} },
	} {
		t.Run(name, func(t *testing.T) {
			all, direct, _ := addresses(t, 3)
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			c, err := client.New(all[0].URL+","+all[1].URL+","+all[2].URL, &http.Client{Transport: change(transport)})
			if err != nil {
				t.Fatal(err)
			}
			w := client.NewWorker(c, client.WorkerOptions{Slots: 2})
			leased, goOn := make(chan struct{}, 2), make(chan struct{})
			client.Handle(w, "held", func(context.Context, client.Lease[struct{}]) (int, error) {
				leased <- struct{}{}
				<-goOn
				return 7, nil
			})
			ctx, stop := context.WithCancel(t.Context())
			ran := make(chan error, 1)
			go func() { ran <- w.Run(ctx) }()
			held := known(t, direct, client.Submit{TaskType: "held"})
			<-leased
			all[0].kill()
			all[1].does(says(503, "not-running"))
			close(goOn)
			for _, id := range []string{held.ID, known(t, direct, client.Submit{TaskType: "held"}).ID} {
				done, err := direct.Wait(t.Context(), id)
				if err != nil || string(done.ResultData) != "7" || done.Attempt != 1 {
					t.Errorf("%v: %s", err, done.Raw)
				}
			}
			stop()
			if err := <-ran; err != nil {
				t.Error(err)
			}
		})
	}
}

// memory is servers in memory, by host name, in a bubble of time.
type memory struct {
	http.Transport
	mu     sync.Mutex
	dialed map[string]int // guarded by mu
}

func inMemory(hosts map[string]http.HandlerFunc) (m *memory, end func()) {
	m = &memory{dialed: map[string]int{}}
	listeners := map[string]*memoryListener{}
	var servers []*http.Server
	for host, handler := range hosts {
		l := &memoryListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		listeners[host] = l
		if handler == nil {
			continue // a machine that is off: nobody takes the connection
		}
		server := &http.Server{Handler: handler}
		servers = append(servers, server)
		go func() { _ = server.Serve(l) }()
	}
	m.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, _ := net.SplitHostPort(address)
		m.mu.Lock()
		m.dialed[host]++
		m.mu.Unlock()
		if listeners[host] == nil {
			return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
		}
		return listeners[host].dial(ctx, network, address)
	}
	return m, func() {
		m.CloseIdleConnections()
		for _, s := range servers {
			_ = s.Close()
		}
	}
}

func (m *memory) dials(host string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dialed[host]
}

func oneTask(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"id":"T1","task_type":"x","status":"PENDING"}`)
}

// stands never answers, as a process that was stopped.
func stands(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// A server that is silent, or a machine that is off, is left after some seconds. One that is slow is waited for.
func TestASilentServerIsLeft(t *testing.T) {
	slow := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			time.Sleep(time.Minute)
		}
		oneTask(w, r)
	}
	keyed := client.Submit{TaskType: "x", IdempotencyKey: "k"}
	for _, c := range []struct {
		name    string
		first   http.HandlerFunc
		submit  client.Submit
		at      string
		after   time.Duration
		unknown bool
	}{
		{"silent", stands, keyed, "http://b", 4 * time.Second, false},
		{"silent, a write without a key", stands, client.Submit{TaskType: "x"}, "", 4 * time.Second, true},
		{"off", nil, client.Submit{TaskType: "x"}, "http://b", 4 * time.Second, false},
		{"slow", slow, client.Submit{TaskType: "x"}, "http://a", time.Minute, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, end := inMemory(map[string]http.HandlerFunc{"a": c.first, "b": oneTask})
				defer end()
				server, err := client.New("http://a,http://b", &http.Client{Transport: m})
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				_, err = server.Submit(t.Context(), c.submit)
				if errors.Is(err, client.ErrOutcomeUnknown) != c.unknown || (err == nil) == c.unknown {
					t.Errorf("error %v", err)
				}
				if took := time.Since(began); took != c.after {
					t.Errorf("after %s, not %s", took, c.after)
				}
				if err == nil && server.URL() != c.at {
					t.Errorf("at %s, not %s", server.URL(), c.at)
				}
			})
		})
	}
}

// The lease calls of a worker leave a silent server too.
func TestAWorkerLeavesASilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan time.Time, 1)
		m, end := inMemory(map[string]http.HandlerFunc{"a": stands, "b": func(w http.ResponseWriter, r *http.Request) {
			select {
			case asked <- time.Now():
			default:
			}
			stands(w, r)
		}})
		defer end()
		server, err := client.New("http://a,http://b", &http.Client{Transport: &m.Transport})
		if err != nil {
			t.Fatal(err)
		}
		w := client.NewWorker(server, client.WorkerOptions{Slots: 1, Grace: -1})
		double(w)
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		began := time.Now()
		go func() { ran <- w.Run(ctx) }()
		if at := <-asked; at.Sub(began) != 4*time.Second {
			t.Errorf("after %s", at.Sub(began))
		}
		stop()
		<-ran
	})
}

// The next server may not have yet what the first one has said before it ended: a task is waited for.
func TestATaskIsNotYetAtTheNextServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		m, end := inMemory(map[string]http.HandlerFunc{"a": func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				reset(w, r)
			}
			oneTask(w, r)
		}, "b": func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) < 5 {
				says(404, "not-found")(w, r)
				return
			}
			_, _ = io.WriteString(w, `{"id":"T1","task_type":"x","status":"SUCCESS"}`)
		}})
		defer end()
		server, err := client.New("http://a,http://b", &http.Client{Transport: m})
		if err != nil {
			t.Fatal(err)
		}
		done, err := server.SubmitAndWait(t.Context(), client.Submit{TaskType: "x"})
		if err != nil || done.Status != client.Success || asked.Load() != 5 {
			t.Errorf("%v after %d calls: %s", err, asked.Load(), done.Status)
		}
		time.Sleep(time.Minute)
		asked.Store(0)
		if _, err := server.Wait(t.Context(), "T2"); client.StatusOf(err) != 404 || asked.Load() != 1 {
			t.Errorf("%v after %d calls", err, asked.Load())
		}
	})
}

// A server whose certificate is not trusted has got nothing: that is no unknown outcome.
func TestAServerThatIsNotTrustedGetsNothing(t *testing.T) {
	web := httptest.NewUnstartedServer(http.HandlerFunc(oneTask))
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	defer web.Close()
	plain := httptest.NewServer(http.HandlerFunc(oneTask))
	defer plain.Close()
	for _, url := range []string{web.URL, strings.Replace(plain.URL, "http:", "https:", 1)} {
		if _, err := clientOf(t, url).Submit(t.Context(), client.Submit{TaskType: "x"}); err == nil || errors.Is(err, client.ErrOutcomeUnknown) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := clientOf(t, web.URL+","+plain.URL).Submit(t.Context(), client.Submit{TaskType: "x"}); err != nil {
		t.Error(err)
	}
}

// A server that does not answer is passed over for ten seconds.
func TestADeadServerIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bIs atomic.Bool
		bIs.Store(true)
		m, end := inMemory(map[string]http.HandlerFunc{"b": func(w http.ResponseWriter, r *http.Request) {
			if !bIs.Load() {
				reset(w, r)
			}
			oneTask(w, r)
		}, "c": func(w http.ResponseWriter, r *http.Request) { reset(w, r) }})
		defer end()
		server, err := client.New("http://a,http://b,http://c", &http.Client{Transport: m})
		if err != nil {
			t.Fatal(err)
		}
		get := func(want bool) {
			t.Helper()
			if _, err := server.Get(t.Context(), "T1"); (err == nil) != want {
				t.Errorf("error %v", err)
			}
		}
		for range 5 {
			get(true)
		}
		if m.dials("a") != 1 || m.dials("c") != 0 {
			t.Errorf("%d and %d connections", m.dials("a"), m.dials("c"))
		}
		bIs.Store(false)
		get(false) // c, then a, which was left alone for longest
		if a := m.dials("a"); a != 2 {
			t.Errorf("%d connections to a", a)
		}
		bIs.Store(true)
		time.Sleep(11 * time.Second)
		get(true)
	})
}
