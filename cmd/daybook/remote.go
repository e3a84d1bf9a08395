package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"daybook/client"
)

// remote is what all commands share that talk to a server.
type remote struct {
	Server string `default:"http://127.0.0.1:8000" placeholder:"URL" help:"The server to talk to (${default}). Several nodes of a cluster have commas between them: the next one is asked when one does not answer."`
	CA     string `name:"ca" placeholder:"FILE" help:"Certificates in PEM to trust beside those of the system, for a server with https."`
	JSON   bool   `help:"Print JSON, for scripts."`
}

// connect returns a client of the server. Nothing is sent yet.
func (r *remote) connect(s *stdio) (*client.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	if r.CA != "" {
		roots, err := rootsWith(r.CA)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	r.Server = serverURL(r.Server)
	c, err := client.New(r.Server, &http.Client{Transport: transport})
	if err != nil {
		return nil, misuse("--server: %w", err)
	}
	c.Token = os.Getenv("DAYBOOK_TOKEN") // no flag: other users of a machine see the arguments of a process
	told := false
	c.Reconnecting = func(error) {
		if !told {
			told = true
			fmt.Fprintf(s.err, "%s the connection was lost; reconnecting\n", s.paintErr("33", "daybook:"))
		}
	}
	return c, nil
}

// serverURL makes addresses out of hosts and ports: localhost:9100 is http://localhost:9100.
func serverURL(list string) string {
	all := strings.Split(list, ",")
	for i, address := range all {
		if address = strings.TrimSpace(address); address != "" && !strings.Contains(address, "://") {
			address = "http://" + address
		}
		all[i] = address
	}
	return strings.Join(all, ",")
}

// explain says what a newcomer may not see in an error: that no server is there.
func (r *remote) explain(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("no server answers at %s: is \"daybook serve\" running there? (choose another address with --server)", r.Server)
	}
	var p *client.Problem
	if errors.As(err, &p) {
		for i := range p.Errors { // this hint is for those who write URLs themselves
			p.Errors[i].Detail = strings.TrimSuffix(p.Errors[i].Detail, "; write + as %2B")
		}
	}
	return err
}

// with connects, runs what a command does, and explains its error.
func (r *remote) with(ctx context.Context, s *stdio, do func(context.Context, *client.Client) error) error {
	c, err := r.connect(s)
	if err != nil {
		return err
	}
	err = do(ctx, c)
	switch {
	case errors.Is(err, errInterrupted):
		return err
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return errSilent // Ctrl-C
	case errors.Is(err, syscall.EPIPE), errors.Is(err, os.ErrClosed):
		return errSilent // the reader of our output has had enough
	}
	return r.explain(err)
}

// endless makes Ctrl-C the end in order of a command that has no other.
func endless(ctx context.Context, isSo bool, err error) error {
	if isSo && ctx.Err() != nil && errors.Is(err, errSilent) {
		return nil
	}
	return err
}
