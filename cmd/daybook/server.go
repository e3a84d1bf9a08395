package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"daybook"
)

// Limits of the HTTP server against clients that are slow on purpose. There is no limit
// on writing an answer, and uploads and streams move the one on reading: they have
// their own deadlines.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	shutdownTimeout   = 5 * time.Second

	fewFiles = 1024 // below it the server says how many connections it keeps
)

type serverOptions struct {
	Addr    string
	Open    bool // other machines can reach the address: a token is needed
	Logger  *slog.Logger
	TLS     *tls.Config // nil = plain HTTP
	Daybook daybook.Options
}

// server is one Daybook that listens: open it, run it, close it.
type server struct {
	logger   *slog.Logger
	daybook  *daybook.Daybook
	listener net.Listener
	http     *http.Server
}

// openServer opens the queue and its address. The queue comes first: a second server on the same
// folder is told that the folder is taken, not that the port is, and nobody connects while views
// are rebuilt. A folder that is new has neither: there the address comes first, so that none is
// made for a server that cannot listen.
func openServer(ctx context.Context, o serverOptions) (*server, error) {
	if err := o.Daybook.CheckAddress(); err != nil {
		return nil, usageError{err}
	}
	var listener net.Listener
	if isNew(o.Daybook.Data) && o.Daybook.Cluster == nil { // a new node answers nothing until it has found the others
		var err error
		if listener, err = listen(ctx, o.Addr); err != nil {
			return nil, err
		}
	}
	d, err := daybook.Open(ctx, o.Daybook)
	if err != nil {
		if listener != nil {
			_ = listener.Close()
		}
		return nil, refusedStart(ctx, err, o.Daybook.Data)
	}
	if o.Open && !d.NeedsToken() {
		if listener != nil {
			_ = listener.Close()
		}
		return nil, errors.Join(usageError{errOpenToAll(o.Addr)}, d.Close())
	}
	if listener == nil {
		if listener, err = listen(ctx, o.Addr); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	files := daybook.OpenFiles()
	gate := newGate(listener, daybook.Connections(files, o.Daybook.Concurrency), o.Daybook.Path(), o.Logger)
	if o.TLS != nil {
		gate.refusal = nil // a client would not understand it
	}
	if files < fewFiles {
		o.Logger.Warn("few files may be open: few connections are kept; raise the limit of open files (ulimit -n)",
			"open_files", files, "connections", gate.most)
	}
	return &server{
		logger:   o.Logger,
		daybook:  d,
		listener: gate,
		http: &http.Server{
			Handler:           d.Handler(),
			TLSConfig:         o.TLS,
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ConnState:         gate.State,
			ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
		},
	}, nil
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("another program listens on %s; choose another address with --addr", addr)
	}
	return listener, err
}

// isNew reports whether the data folder is not there yet, or has nothing in it.
func isNew(data string) bool {
	entries, err := os.ReadDir(data)
	return errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0
}

// refusedStart says who explains the refusal of a data folder.
func refusedStart(ctx context.Context, err error, data string) error {
	if ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("%w\nTo find out what is wrong and how to repair it: daybook doctor --data %s", err, daybook.ShellQuoted(data))
}

// URL is where the server listens.
func (m *server) URL() string {
	if m.http.TLSConfig != nil {
		return "https://" + m.listener.Addr().String()
	}
	return "http://" + m.listener.Addr().String()
}

// serve answers requests until the server is shut down.
func (m *server) serve() error {
	if m.http.TLSConfig != nil {
		return m.http.ServeTLS(m.listener, "", "") // the certificate is in TLSConfig
	}
	return m.http.Serve(m.listener)
}

// Run runs tasks and answers requests until ctx ends, then stops in order: tasks get
// their grace while reads and streams go on, then streams end, then connections. An
// error means that it stopped by itself; after it nothing is served any more either.
func (m *server) Run(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	queue := make(chan error, 1)
	go func() { queue <- m.daybook.Run(running) }()
	web := make(chan error, 1)
	go func() { web <- m.serve() }()

	var queueErr, webErr error
	select {
	case queueErr = <-queue:
		if queueErr == nil && ctx.Err() == nil {
			queueErr = errors.New("scheduler stopped without being asked to")
		}
		webErr = m.shutdown(web)
	case webErr = <-web: // it never ends by itself without an error
		stop()
		queueErr = <-queue
		m.daybook.StopStreams()
		_ = m.http.Close()
	}
	if queueErr != nil {
		m.logger.Error("queue has stopped", "err", queueErr)
	}
	return errors.Join(queueErr, webErr)
}

// EndGrace ends the grace of running tasks at a stop.
func (m *server) EndGrace() {
	m.logger.Info("second signal: running tasks are stopped now and requeued")
	m.daybook.EndGrace()
}

// shutdown ends the streams, lets requests finish, and waits for Serve to return.
func (m *server) shutdown(web <-chan error) error {
	m.daybook.StopStreams()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := m.http.Shutdown(ctx); err != nil {
		m.logger.Warn("connections were cut off", "err", err)
		_ = m.http.Close()
	}
	if err := <-web; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close closes the log. Call it after Run has returned.
func (m *server) Close() error { return m.daybook.Close() }
