package queues

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"daybook"
	"daybook/bench/measure"
)

// Serve is Daybook over HTTP until in ends. It writes its address to out, then the
// times of starts of handlers in nanoseconds: the first, or all where the row wants
// them. A line of in opens the gate for tasks.
func Serve(ctx context.Context, j measure.Job, in io.Reader, out io.Writer) error {
	daybook.TuneMemory()
	d, err := daybook.Open(ctx, daybookOptions(j))
	if err != nil {
		return err
	}
	gate := newGate()
	if j.Row == measure.Start {
		gate.open()
	}
	if !hasWorkers(j) {
		if err := d.Register(noop{gate, stamp(out, j.Row == measure.PickUp)}); err != nil {
			return errors.Join(err, d.Close())
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, d.Close())
	}
	fmt.Fprintln(out, listener.Addr())

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	server := &http.Server{Handler: d.Handler()}
	go server.Serve(listener)

	for lines := bufio.NewScanner(in); lines.Scan(); {
		gate.open()
	}
	stop()
	err = <-ran
	d.StopStreams()
	return errors.Join(err, server.Close(), d.Close())
}

// stamp returns what a handler calls at its start: it writes the time of the first
// call, or of each.
func stamp(out io.Writer, each bool) func() {
	var mu sync.Mutex
	if each {
		return func() {
			at := time.Now()
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(out, at.UnixNano())
		}
	}
	var once sync.Once
	return func() {
		once.Do(func() { fmt.Fprintln(out, time.Now().UnixNano()) })
	}
}
