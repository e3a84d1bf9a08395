package client_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"daybook/client"
)

// bubble runs a test of a worker in a bubble of time, once by net/http and once over a wire. stop ends its context
// and returns what Run returned.
func bubble(t *testing.T, o client.WorkerOptions, handlers func(w *client.Worker), do func(t *testing.T, f *fakeServer, stop func() error)) {
	t.Helper()
	for name, connect := range map[string]func(f *fakeServer) (rounds http.RoundTripper, end func()){"by net/http": (*fakeServer).direct, "over a wire": (*fakeServer).wired} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeServer()
				rounds, end := connect(f)
				defer end()
				w := f.worker(t, o, rounds)
				handlers(w)
				ctx, cancel := context.WithCancel(t.Context())
				ran := make(chan error, 1)
				stopped := false
				stop := func() error {
					stopped = true
					cancel()
					return <-ran
				}
				go func() { ran <- w.Run(ctx) }()
				do(t, f, stop)
				if !stopped {
					if err := stop(); err != nil {
						t.Errorf("Run: %v", err)
					}
				}
			})
		})
	}
}

// direct has a client call the server as its http.RoundTripper.
func (f *fakeServer) direct() (http.RoundTripper, func()) { return f, func() {} }

// wired has a client call the server over connections in memory.
func (f *fakeServer) wired() (http.RoundTripper, func()) {
	transport, end := wired(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := f.RoundTrip(r)
		if err != nil {
			panic(http.ErrAbortHandler) // the connection breaks
		}
		defer answer.Body.Close()
		for name, values := range answer.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	}))
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		f.mu.Lock()
		dialed := f.dialed
		f.mu.Unlock()
		if err := dialed(); err != nil {
			return nil, err
		}
		return dial(ctx, network, address)
	}
	return transport, end
}

// wired returns a transport to a server in memory.
func wired(handler http.Handler) (*http.Transport, func()) {
	l := &memoryListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(l) }()
	transport := &http.Transport{DialContext: l.dial}
	return transport, func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	}
}

// memoryListener accepts connections in memory.
type memoryListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *memoryListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memoryListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }
