package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

type healthcheckCmd struct {
	Addr    string        `default:"127.0.0.1:8000" placeholder:"HOST:PORT" help:"Address that the server listens on, as for serve; 0.0.0.0 and :: mean this machine (${default})."`
	TLSCert string        `name:"tls-cert" placeholder:"FILE" help:"Certificate of the server, as for serve: it must be the one that the server uses."`
	Live    bool          `help:"Check only that the server answers, not that it accepts writes."`
	Timeout time.Duration `env:"DAYBOOK_HEALTHCHECK_TIMEOUT" default:"5s" help:"How long the answer may take (${default})."`
}

func (healthcheckCmd) Help() string {
	return `For containers and monitors: prints one line, and exits with 0 if the server is healthy, else with 1. It needs no
token. It reads DAYBOOK_ADDR and DAYBOOK_TLS_CERT as serve does, so that in a container it needs no flag.

Examples:

    daybook healthcheck
    daybook healthcheck --addr 127.0.0.1:9000 --live`
}

// answerLimit is the most bytes of the answer that are read.
const answerLimit = 4 << 10

func (c *healthcheckCmd) Run(ctx context.Context, s *stdio) error {
	url, err := c.url()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	line, err := c.check(ctx, url)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s", c.Timeout)
	}
	if err != nil {
		return fmt.Errorf("unhealthy: %w", err)
	}
	fmt.Fprintf(s.out, "healthy: %s\n", line)
	return nil
}

// url is what to ask for.
func (c *healthcheckCmd) url() (string, error) {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return "", misuse("--addr %s: it must be HOST:PORT, such as 127.0.0.1:8000", c.Addr)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	scheme, path := "http://", "/readyz"
	if c.TLSCert != "" {
		scheme = "https://"
	}
	if c.Live {
		path = "/healthz"
	}
	return scheme + net.JoinHostPort(host, port) + path, nil
}

// check asks the server, and returns the first line of its answer.
func (c *healthcheckCmd) check(ctx context.Context, url string) (line string, err error) {
	transport := &http.Transport{DisableKeepAlives: true}
	if c.TLSCert != "" {
		if transport.TLSClientConfig, err = onlyCertificate(c.TLSCert); err != nil {
			return "", err
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		var problem struct{ Detail string }
		if json.Unmarshal(body, &problem) == nil && problem.Detail != "" {
			return "", fmt.Errorf("%s: %s", resp.Status, problem.Detail)
		}
		return "", fmt.Errorf("%s: is that a Daybook?", resp.Status)
	}
	line, _, _ = strings.Cut(strings.TrimSpace(string(body)), "\n")
	return line, nil
}

// onlyCertificate trusts one certificate, whatever names it has: the server is asked by its address.
func onlyCertificate(file string) (*tls.Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s has no certificate in PEM", file)
	}
	return &tls.Config{
		InsecureSkipVerify: true, // the certificate is compared below instead
		VerifyConnection: func(state tls.ConnectionState) error {
			if !bytes.Equal(state.PeerCertificates[0].Raw, block.Bytes) {
				return errors.New("the server uses another certificate than --tls-cert")
			}
			return nil
		},
	}, nil
}

// rootsWith are the roots that the system trusts, and those of a file in PEM.
func rootsWith(file string) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, misuse("--ca: %w", err)
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, misuse("--ca %s has no certificate in PEM", file)
	}
	return roots, nil
}
