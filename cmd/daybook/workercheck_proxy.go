package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// checkLease is how long leases live under worker-check, in seconds: checks are quick, and the
// server asks for a beat every second.
const checkLease = 3

// checkProxy stands between a worker and its server. It notes every call of the worker, shortens
// leases, and does what a bad network does when a check asks for it.
type checkProxy struct {
	ctx       context.Context
	addr      string
	transport *http.Transport

	mu     sync.Mutex
	target string                // the server; guarded by mu
	web    *http.Server          // nil while nothing listens; guarded by mu
	served chan struct{}         // closed when web has ended; guarded by mu
	fault  func(*seenCall) fault // nil = none; guarded by mu
	loses  func(*seenCall) bool  // whether an answer is lost; nil = none; guarded by mu
	calls  []*seenCall           // guarded by mu
	taskOf map[string]string     // of each token that was leased through it; guarded by mu
}

// fault is what happens to a call.
type fault int

const (
	pass      fault = iota
	cutBefore       // the connection breaks before the server has the call
	cutAfter        // the connection breaks before the worker has the answer
	twice           // the call reaches the server twice
	busy            // 503 with Retry-After: 1
	tooMany         // 429 with Retry-After: 1
)

// seenCall is one call of the worker.
type seenCall struct {
	at      time.Time
	path    string
	Worker  string       `json:"worker"`
	Types   []string     `json:"task_types"`
	Max     int          `json:"max"`
	Wait    float64      `json:"wait_seconds"`
	PollID  string       `json:"poll_id"`
	Reports []seenReport `json:"reports"`
	Tokens  []string     `json:"tokens"`
	status  int          // of the answer; 0 = none yet
	answer  seenAnswer   // once there is one
}

type seenReport struct {
	Token string `json:"token"`
	Do    string `json:"do"`
}

type seenAnswer struct {
	Leases []struct {
		Token string `json:"token"`
		Task  struct {
			ID string `json:"id"`
		} `json:"task"`
	} `json:"leases"`
	Lost      []string `json:"lost"`
	Cancelled []string `json:"cancelled"`
}

func newCheckProxy(ctx context.Context, addr string) (*checkProxy, error) {
	p := &checkProxy{ctx: ctx, addr: addr, transport: &http.Transport{MaxIdleConnsPerHost: 100}, taskOf: map[string]string{}}
	return p, p.open()
}

func (p *checkProxy) url() string { return "http://" + p.addr }

func (p *checkProxy) to(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// open listens.
func (p *checkProxy) open() error {
	l, err := listen(p.ctx, p.addr)
	if err != nil {
		return err
	}
	p.addr = l.Addr().String() // the same again
	web, served := &http.Server{Handler: p, ReadHeaderTimeout: readHeaderTimeout}, make(chan struct{})
	p.mu.Lock()
	p.web, p.served = web, served
	p.mu.Unlock()
	go func() {
		defer close(served)
		_ = web.Serve(l) // until it is closed
	}()
	return nil
}

// close refuses connections, and cuts those that are open.
func (p *checkProxy) close() {
	p.mu.Lock()
	web, served := p.web, p.served
	p.web = nil
	p.mu.Unlock()
	if web != nil {
		_ = web.Close()
		<-served
	}
	p.transport.CloseIdleConnections()
}

// disturb sets what happens to the calls that follow; nil = nothing.
func (p *checkProxy) disturb(f func(*seenCall) fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// lose sets which answers, once they are there, do not reach the worker; nil = none.
func (p *checkProxy) lose(f func(*seenCall) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loses = f
}

// once is a fault for the first call that is meant.
func once(f fault, meant func(*seenCall) bool) func(*seenCall) fault {
	done := false
	return func(c *seenCall) fault {
		if done || !meant(c) {
			return pass
		}
		done = true
		return f
	}
}

func (p *checkProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<20))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	call := &seenCall{at: time.Now(), path: r.URL.Path}
	if isOfWorker(r) {
		_ = json.Unmarshal(body, call) // what is no JSON is for the server to refuse
		body = shorter(body)
	}
	p.mu.Lock()
	p.calls = append(p.calls, call)
	todo := pass
	if p.fault != nil && isOfWorker(r) {
		todo = p.fault(call)
	}
	target := p.target
	p.mu.Unlock()
	switch todo {
	case cutBefore:
		panic(http.ErrAbortHandler)
	case busy, tooMany:
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Content-Type", "application/problem+json")
		status := map[fault]int{busy: http.StatusServiceUnavailable, tooMany: http.StatusTooManyRequests}[todo]
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"type": "/problems/worker-check", "title": http.StatusText(status), "status": status,
			"detail": "worker-check refuses this call. Try it again later."})
		return
	}
	answer, text, err := p.forward(r, target, body)
	if todo == twice && err == nil {
		answer, text, err = p.forward(r, target, body)
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if lost := p.note(call, answer.StatusCode, text); lost || todo == cutAfter {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(text)
}

// isOfWorker reports whether a request is a call of the protocol.
func isOfWorker(r *http.Request) bool {
	return r.Method == http.MethodPost && (strings.HasPrefix(r.URL.Path, "/api/leases") || strings.HasPrefix(r.URL.Path, "/api/workers/"))
}

// shorter is a body with a short lease in it.
func shorter(body []byte) []byte {
	var all map[string]json.RawMessage
	if json.Unmarshal(body, &all) != nil {
		return body
	}
	_, isPoll := all["task_types"]
	if _, is := all["lease_seconds"]; !is && !isPoll {
		return body
	}
	all["lease_seconds"] = json.RawMessage("3")
	text, err := json.Marshal(all)
	if err != nil {
		return body
	}
	return text
}

func (p *checkProxy) forward(r *http.Request, target string, body []byte) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header = r.Header.Clone()
	for _, name := range []string{"Connection", "Content-Length", "Expect", "Accept-Encoding"} {
		req.Header.Del(name)
	}
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := p.transport.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	resp.Header.Del("Content-Length")
	resp.Header.Del("Connection")
	return resp, text, err
}

// note notes the answer to a call, and whether the worker gets it.
func (p *checkProxy) note(c *seenCall, status int, text []byte) (lost bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.status = status
	_ = json.Unmarshal(text, &c.answer) // of what is no JSON nothing is noted
	for _, l := range c.answer.Leases {
		p.taskOf[l.Token] = l.Task.ID
	}
	return p.loses != nil && p.loses(c)
}

// since returns the calls that came after a time and are meant, in order.
func (p *checkProxy) since(at time.Time, meant func(*seenCall) bool) (calls []seenCall) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.calls {
		if !c.at.Before(at) && meant(c) {
			calls = append(calls, *c)
		}
	}
	return calls
}

// tokens are those of a task that were leased through the proxy.
func (p *checkProxy) tokens(task string) map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]bool{}
	for token, id := range p.taskOf {
		if id == task {
			all[token] = true
		}
	}
	return all
}

func isPoll(c *seenCall) bool { return c.path == "/api/leases" && c.Max > 0 }
func isBeat(c *seenCall) bool { return strings.HasSuffix(c.path, "/beat") }
func isAny(*seenCall) bool    { return true }

// ends are the tokens whose leases a call ends, as the worker sees it.
func (c *seenCall) ends() (tokens []string) {
	for _, r := range c.Reports {
		if r.Do != "progress" {
			tokens = append(tokens, r.Token)
		}
	}
	if rest, ok := strings.CutPrefix(c.path, "/api/leases/"); ok {
		if token, do, _ := strings.Cut(rest, "/"); do == "complete" || do == "fail" || do == "release" {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// isFor reports whether an answered call is about one of the tokens.
func (c *seenCall) isFor(tokens map[string]bool) bool {
	if c.status != http.StatusOK {
		return false
	}
	for _, r := range c.Reports {
		if tokens[r.Token] {
			return true
		}
	}
	for _, token := range c.Tokens {
		if tokens[token] {
			return true
		}
	}
	rest, _ := strings.CutPrefix(c.path, "/api/leases/")
	token, _, _ := strings.Cut(rest, "/")
	return tokens[token]
}

func isEnd(c *seenCall) bool { return len(c.ends()) > 0 }
