package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// gate is a listener that keeps as many connections as there are file descriptors for. When
// there is one more, the connection that has been idle for longest goes; when none is idle
// the new one is refused with 503. So there are always some left for the log and the files.
type gate struct {
	net.Listener
	most   int
	logger *slog.Logger

	mu     sync.Mutex
	open   map[net.Conn]*guest // guarded by mu
	warned time.Time           // guarded by mu

	refusal  []byte        // what a connection is told for which there is no room; nil = nothing
	refusals chan struct{} // room for each that is being told
}

// guest is one connection. TCP's own methods stay, so that files go out by sendfile.
type guest struct {
	*net.TCPConn
	gate  *gate
	state http.ConnState // guarded by gate.mu
	since time.Time      // guarded by gate.mu; of the state
}

const (
	// mostRefusals is how many refused connections are told why at a time; each has a
	// descriptor meanwhile. Others are closed at once.
	mostRefusals = 2
	// refusalTime is how long telling one may take.
	refusalTime = 300 * time.Millisecond
	// newTime is how long a new connection may say nothing while others wait.
	newTime = time.Second
	// warnEvery is the least time between two warnings.
	warnEvery = time.Minute
)

func newGate(l net.Listener, most int, path string, logger *slog.Logger) *gate {
	return &gate{Listener: l, most: most, logger: logger, open: make(map[net.Conn]*guest),
		refusal: refusalBelow(path), refusals: make(chan struct{}, mostRefusals)}
}

// Accept returns the next connection that there is room for.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return conn, nil
		}
		if one := g.admit(tcp); one != nil {
			return one, nil
		}
		g.refuse(tcp)
	}
}

// admit counts the connection, in the place of an idle one if need be; nil when there is no
// room.
func (g *gate) admit(conn *net.TCPConn) *guest {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if len(g.open) >= g.most && !g.dropIdle(now) {
		if now.Sub(g.warned) >= warnEvery {
			g.warned = now
			g.logger.Warn("as many connections are open as there are file descriptors for: more are refused; raise the limit of open files (ulimit -n)",
				"connections", len(g.open))
		}
		return nil
	}
	one := &guest{TCPConn: conn, gate: g, state: http.StateNew, since: now}
	g.open[one] = one
	return one
}

// dropIdle closes the connection that has been idle for longest. Under the lock.
func (g *gate) dropIdle(now time.Time) bool {
	var longest *guest
	for _, one := range g.open {
		idle := one.state == http.StateIdle || one.state == http.StateNew && now.Sub(one.since) >= newTime
		if idle && (longest == nil || one.since.Before(longest.since)) {
			longest = one
		}
	}
	if longest == nil {
		return false
	}
	delete(g.open, longest)
	_ = longest.TCPConn.Close()
	return true
}

// State is to be called by the server when the state of a connection changes.
func (g *gate) State(conn net.Conn, state http.ConnState) {
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if one := g.open[conn]; one != nil {
		one.state, one.since = state, time.Now()
	}
}

// Close makes room for another one.
func (one *guest) Close() error {
	one.gate.mu.Lock()
	delete(one.gate.open, one)
	one.gate.mu.Unlock()
	return one.TCPConn.Close()
}

// refusalBelow is what a connection is told for which there is no room, by a server below path.
func refusalBelow(path string) []byte {
	body := `{"type":"` + path + `/docs#busy","title":"Service Unavailable","status":503,` +
		`"detail":"Too many connections are open. Nothing was changed; try again in a moment.","instance":"` + path + `/"}` + "\n"
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 2\r\n"+
		"Connection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// refuse tells a connection that there is no room.
func (g *gate) refuse(conn *net.TCPConn) {
	if g.refusal == nil {
		_ = conn.Close()
		return
	}
	select {
	case g.refusals <- struct{}{}:
	default:
		_ = conn.Close()
		return
	}
	go func() { // ends after refusalTime
		defer func() { <-g.refusals }()
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(refusalTime))
		var request [4 << 10]byte
		_, _ = conn.Read(request[:]) // what is not read would reset the connection under the answer
		_, _ = conn.Write(g.refusal)
		_ = conn.CloseWrite()
		_, _ = conn.Read(request[:])
	}()
}
