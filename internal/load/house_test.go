package load

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"

	"daybook/handler"
	"daybook/internal/testserver"
	"daybook/task"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipes is a listener whose connections are pipes in memory, so that a server can live in
// a bubble of testing/synctest.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial(context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// bubbled returns options for a server in this bubble.
func bubbled(t *testing.T, handle http.HandlerFunc) (Options, *http.Server) {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: handle}
	served := make(chan error, 1)
	go func() { served <- server.Serve(p) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	return Options{
		URL: "http://daybook", Type: "SLEEP",
		dial: p.dial, sleep: func() sleeper { return plainSleeper{} },
	}, server
}

// refusing is a task type whose every attempt fails for good.
type refusing struct{}

func (refusing) Spec() task.TypeSpec { return task.TypeSpec{Name: "REFUSING"} }

func (refusing) Run(context.Context, handler.Call) (any, error) {
	return nil, handler.Permanent(errors.New("refused"))
}

// realServer runs Daybook itself and returns where.
func realServer(t *testing.T) string {
	t.Helper()
	return testserver.Start(t, nil, refusing{}).URL
}
