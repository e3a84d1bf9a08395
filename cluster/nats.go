package cluster

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"daybook/eventlog/natslog"

	"github.com/nats-io/nats.go"
)

// NATS are servers that keep the log of the cluster, and that others operate. Its nodes are those that use them.
type NATS struct {
	URLs     []string // "nats://10.0.0.1:4222"
	Creds    string   // file with the credentials of the user; "" = none, or those of the URLs
	Replicas int      // that the log must have at least: 1, 3 or 5
}

// ErrNATS: the NATS servers cannot keep the log. The error says what to change.
var ErrNATS = errors.New("NATS cannot be used")

func (s *NATS) check() error {
	if r := s.Replicas; r != 1 && r != 3 && r != 5 {
		return fmt.Errorf("its log must have 3 or 5 replicas, of which 1 or 2 may fail (or 1, to try it), not %d", r)
	}
	for _, one := range s.URLs {
		u, err := url.Parse(one)
		if err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls" && u.Scheme != "ws" && u.Scheme != "wss" {
			return errors.New("the address of NATS must be nats://HOST:PORT, or tls://HOST:PORT")
		}
	}
	return nil
}

const (
	// natsPing is how often a node looks whether its connection to NATS works; the second ping without an answer ends it.
	natsPing = 2 * time.Second
	// natsRetry is the time between two tries to connect to NATS.
	natsRetry = 250 * time.Millisecond
	// leastPayload is the smallest limit of a message that NATS may have, in bytes; it is the default one.
	leastPayload = 1 << 20
	// withoutJetStream is how long NATS may give no answer about streams until a new node ends.
	withoutJetStream = 5 * time.Second
)

// connectNATS connects to the NATS servers. If none answers, it goes on trying behind the connection that it returns.
func (n *Node) connectNATS() (*nats.Conn, error) {
	options := []nats.Option{
		nats.Name("daybook " + n.o.name() + " " + n.o.Node), nats.MaxReconnects(-1), nats.ReconnectWait(natsRetry), nats.IgnoreAuthErrorAbort(),
		nats.PingInterval(natsPing), nats.MaxPingsOutstanding(2),
		nats.ReconnectBufSize(-1), // what was said while there was no connection is not true any more
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { n.natsSays(err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				n.logger.Warn("the connection to NATS is lost; trying again", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { n.logger.Info("connected to NATS again", "server", c.ConnectedServerName()) }),
	}
	if n.o.NATS.Creds != "" {
		if text, err := os.ReadFile(n.o.NATS.Creds); err != nil || !bytes.Contains(text, []byte("BEGIN NATS USER JWT")) || !bytes.Contains(text, []byte("BEGIN USER NKEY SEED")) {
			return nil, fmt.Errorf("%w: the file of --nats-creds cannot be read, or has no credentials: give one that `nsc generate creds` has written", ErrNATS)
		}
		options = append(options, nats.UserCredentials(n.o.NATS.Creds))
	}
	if n.o.TLS != nil {
		options = append(options, nats.Secure(n.o.TLS))
	}
	urls := strings.Join(n.o.NATS.URLs, ",")
	c, err := nats.Connect(urls, options...)
	if err == nil {
		return c, natsServes(c)
	}
	if err := natsRefusal(err); err != nil {
		return nil, err
	}
	n.logger.Warn("no NATS server of --nats answers; trying again until one does", "error", err)
	return nats.Connect(urls, append(options, nats.RetryOnFailedConnect(true),
		nats.ConnectHandler(func(c *nats.Conn) { n.logger.Info("connected to NATS", "server", c.ConnectedServerName()) }))...)
}

// natsRefusal is the error for a connection that trying again does not help, nil for others.
func natsRefusal(err error) error {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrAccountAuthExpired):
		return fmt.Errorf("%w: it refuses the user (%w): give the credentials of a user of its account by --nats-creds, or in the URL of --nats", ErrNATS, err)
	case errors.Is(err, nats.ErrNkeysNotSupported):
		return fmt.Errorf("%w: it knows no credentials: leave out --nats-creds, and give a name and a password in the URL if it has users", ErrNATS)
	case errors.As(err, &authority), errors.As(err, &host):
		return fmt.Errorf("%w: its certificate is not trusted: give that of its authority by --cluster-ca: %w", ErrNATS, err)
	case errors.Is(err, nats.ErrSecureConnWanted):
		return fmt.Errorf("%w: it does not encrypt: leave out --cluster-ca and the like, and use nats:// in place of tls://", ErrNATS)
	case errors.Is(err, nats.ErrMaxConnectionsExceeded), errors.Is(err, nats.ErrMaxAccountConnectionsExceeded):
		return fmt.Errorf("%w: it takes no more connections: raise its limit: %w", ErrNATS, err)
	}
	return nil
}

// natsServes says what is wrong with the server at the other end, nil if nothing is.
func natsServes(c *nats.Conn) error {
	err := natsFault(c.ConnectedServerVersion(), c.MaxPayload())
	if err != nil {
		c.Close()
	}
	return err
}

func natsFault(version string, most int64) error {
	if !newerThan(version, 2, 12) {
		return fmt.Errorf("%w: its version is %s: upgrade its servers to 2.12 or newer, which can store several messages together or none", ErrNATS, version)
	}
	if most < leastPayload {
		return fmt.Errorf("%w: it takes messages of at most %d bytes: set max_payload to 1MB or more", ErrNATS, most)
	}
	return nil
}

// newerThan reports whether a version such as 2.12.3 is at least major.minor.
func newerThan(version string, major, minor int) bool {
	parts := strings.Split(version, ".")
	if len(parts) < 2 {
		return false
	}
	have, err := strconv.Atoi(parts[0])
	next, err2 := strconv.Atoi(parts[1])
	return err == nil && err2 == nil && (have > major || have == major && next >= minor)
}

// quoted finds the subject in an error about permissions.
var quoted = regexp.MustCompile(`"([^"]*)"`)

// natsSays notes what the NATS server says beside answers.
func (n *Node) natsSays(err error) {
	level := slog.LevelWarn
	if errors.Is(err, nats.ErrPermissionViolation) {
		subject := ""
		if found := quoted.FindStringSubmatch(err.Error()); found != nil {
			subject = found[1]
		}
		denied := fmt.Errorf("%w: its user may not use the subject %s: allow it to publish and subscribe to $JS.>, $O.daybook-%s-files.>, daybook.%s.> and _INBOX.>",
			ErrNATS, subject, n.o.name(), n.o.name())
		n.denied.Store(&denied)
		level = slog.LevelError
	}
	n.logger.Log(context.Background(), level, "NATS", "error", err)
}

// natsProblem is why waiting for the log of a NATS of others does not help, nil if it may.
func (n *Node) natsProblem(err error, began time.Time) error {
	if n.o.NATS == nil {
		return nil
	}
	if denied := n.denied.Load(); denied != nil {
		return *denied
	}
	if !n.conn.IsConnected() {
		return natsRefusal(n.conn.LastError())
	}
	if err := natsFault(n.conn.ConnectedServerVersion(), n.conn.MaxPayload()); err != nil {
		return err
	}
	if errors.Is(err, nats.ErrNoResponders) && time.Since(began) > withoutJetStream {
		return fmt.Errorf("%w: it runs without JetStream: set jetstream in its configuration, with sync_interval: always", ErrNATS)
	}
	return nil
}

// warnOfSync says what cannot be known of a NATS of others.
func (n *Node) warnOfSync() {
	n.logger.Warn("whether the NATS servers sync what they acknowledge cannot be seen from here: set sync_interval: always in their section jetstream, or they may lose it when they lose power together")
	if n.o.NATS.Replicas == 1 {
		n.logger.Warn("the log may have a single replica (--replicas 1): it is lost with that disk", "stream", natslog.StreamName(n.o.name()))
	}
}
