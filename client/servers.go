package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrOutcomeUnknown: a write was sent and no clear answer came, so it may or may not have happened. It was not sent again. Look
// whether it happened before you send it again, or give it an idempotency key: then it can be sent any number of times.
var ErrOutcomeUnknown = errors.New("the server gave no clear answer: the write may or may not have happened; look before you send it again, or send it with an idempotency key")

const (
	// skipTime is how long a server that does not answer is passed over while there are others.
	skipTime = 10 * time.Second
	// silentTime is how long one of several servers may be silent before it is asked whether it is there, and has
	// aliveTime to say so.
	silentTime = 2 * time.Second
	aliveTime  = 2 * time.Second
	// newTime is how long a server that is asked in place of another may not know what that one has said.
	newTime = 15 * time.Second
	// mostSilent is how long it is not asked again.
	mostSilent = 10 * time.Second
)

// servers are the addresses at which a queue answers. All calls go to one of them until it does not answer; then to the next.
type servers struct {
	all []*url.URL
	now atomic.Int32 // the one that is asked

	mu      sync.Mutex
	skipped []time.Time // guarded by mu; until when each is passed over
	left    time.Time   // guarded by mu; when one was left last
}

// parseServers reads addresses with commas between them.
func parseServers(list string) (*servers, error) {
	s := &servers{}
	for base := range strings.SplitSeq(list, ",") {
		if base = strings.TrimSpace(base); base == "" {
			continue
		}
		u, err := url.Parse(base)
		if err != nil {
			return nil, fmt.Errorf("parse the server's address: %w", err)
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("%q is not the address of a server, such as %s", base, DefaultURL)
		}
		u.Path, u.RawQuery, u.Fragment = strings.TrimRight(u.Path, "/"), "", ""
		if !slices.ContainsFunc(s.all, func(other *url.URL) bool { return other.String() == u.String() }) {
			s.all = append(s.all, u)
		}
	}
	if len(s.all) == 0 {
		return nil, fmt.Errorf("%q has no address of a server, such as %s", list, DefaultURL)
	}
	s.skipped = make([]time.Time, len(s.all))
	return s, nil
}

// current is the server to ask.
func (s *servers) current() *url.URL { return s.all[s.now.Load()] }

// areSeveral reports whether there is another one.
func (s *servers) areSeveral() bool { return len(s.all) > 1 }

// failed passes a server over for a while.
func (s *servers) failed(server *url.URL) {
	if !s.areSeveral() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	i := slices.Index(s.all, server)
	s.skipped[i], s.left = now.Add(skipTime), now
	if int(s.now.Load()) != i {
		return
	}
	best := (i + 1) % len(s.all)
	for n := 1; n < len(s.all); n++ {
		k := (i + n) % len(s.all)
		if !s.skipped[k].After(now) {
			best = k
			break
		}
		if s.skipped[k].Before(s.skipped[best]) {
			best = k // the one that has been left alone for longest
		}
	}
	s.now.Store(int32(best))
}

// isNew reports whether another server is asked since a moment ago, which may not know yet what the one before has said.
func (s *servers) isNew() bool {
	if !s.areSeveral() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.left.IsZero() && time.Since(s.left) < newTime
}

// elsewhere says what an error of a call means for the other servers: whether one of them may do better, and whether it is sure
// that nothing happened.
func elsewhere(err error) (mayHelp, nothingHappened bool) {
	var p *Problem
	if !errors.As(err, &p) {
		return true, wasNotSent(err)
	}
	switch p.Status {
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return true, false
	case http.StatusServiceUnavailable:
	default:
		return false, true
	}
	_, kind, _ := strings.Cut(p.Type, "#")
	switch kind {
	case "not-leader", "not-running", "no-majority", "behind", "views-rebuilding", "data-moved", "log-damaged":
		return true, true
	case "outcome-unknown", "stopping", "": // without a kind it is a proxy's
		return true, false
	}
	return false, true // the others would say the same
}

// wasNotSent reports whether the call has not reached a server.
func wasNotSent(err error) bool {
	var op *net.OpError
	switch {
	case errors.Is(err, errNoConnection), errors.Is(err, http.ErrSchemeMismatch):
		return true
	case errors.As(err, new(*tls.CertificateVerificationError)), errors.As(err, new(tls.RecordHeaderError)), errors.As(err, new(tls.AlertError)):
		return true
	}
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

// Is makes the answer outcome-unknown, and those of a proxy that had no answer, an ErrOutcomeUnknown.
func (p *Problem) Is(target error) bool {
	if target != ErrOutcomeUnknown { //nolint:errorlint // the contract of Is
		return false
	}
	return p.Status == http.StatusBadGateway || p.Status == http.StatusGatewayTimeout || strings.HasSuffix(p.Type, "#outcome-unknown")
}

// moreTelling returns the error that says more: an answer more than none, and a broken connection more than a refused one.
func moreTelling(before, after error) error {
	rank := func(err error) int {
		var p *Problem
		switch {
		case err == nil:
			return 0
		case errors.As(err, &p):
			return 3
		case errors.Is(err, syscall.ECONNREFUSED):
			return 1
		}
		return 2
	}
	if rank(before) > rank(after) {
		return before
	}
	return after
}

var (
	errGone         = errors.New("the server does not answer any more")
	errNoConnection = errors.New("the server cannot be reached")
)

// guard calls dead when a server, one of several, has been silent and does not say that it is there. Its methods may be called
// on nil: of one server alone nobody asks.
type guard struct {
	timer *time.Timer
	mu    sync.Mutex
	over  bool          // guarded by mu
	wait  time.Duration // until it is asked again; guarded by mu
}

func (c *Client) guard(server *url.URL, dead func()) *guard {
	if !c.servers.areSeveral() {
		return nil
	}
	g := &guard{wait: silentTime}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timer = time.AfterFunc(silentTime, func() {
		alive := c.isAlive(server)
		g.mu.Lock()
		defer g.mu.Unlock()
		switch {
		case g.over:
		case alive:
			g.wait = min(2*g.wait, mostSilent)
			g.timer.Reset(g.wait)
		default:
			g.over = true
			c.servers.failed(server)
			dead()
		}
	})
	return g
}

// hear notes that the server has said something.
func (g *guard) hear() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.over {
		g.wait = silentTime
		g.timer.Reset(g.wait)
	}
}

// stop ends the guard. dead is not called any more. It returns whether it was.
func (g *guard) stop() (wasDead bool) {
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	wasDead, g.over = g.over, true
	g.timer.Stop()
	return wasDead
}

// isAlive asks a server whether it is there. Any answer will do.
func (c *Client) isAlive(server *url.URL) bool {
	ctx, cancel := context.WithTimeout(context.Background(), aliveTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.String()+"/healthz", nil)
	if err != nil {
		return false
	}
	resp, err := c.streams.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return true
}

// connecting follows how far a request has come.
type connecting struct {
	asked, got atomic.Bool // for a connection; one was there
}

func (t *connecting) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { t.asked.Store(true); t.got.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { t.got.Store(true) },
	})
}

// isNotThere reports whether the request waits for a connection.
func (t *connecting) isNotThere() bool { return t.asked.Load() && !t.got.Load() }
