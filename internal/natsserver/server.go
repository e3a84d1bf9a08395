// Package natsserver runs a NATS server with JetStream inside the process: a node of a cluster that keeps the log of
// Daybook, or a lone one. What it acknowledges is synced on a majority of the replicas.
package natsserver

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Options configure a server. Name and Dir must be set.
type Options struct {
	Name string // of the node, unlike that of any other
	Dir  string // folder of the streams, made if absent
	// Cluster is the name of the cluster; "" = a lone server, which needs nothing below.
	Cluster string
	Listen  string   // address at which the other nodes reach this one, "10.0.0.1:7101"
	Peers   []string // addresses of the other nodes
	Secret  string   // that all nodes know; "" = none
	Log     string   // ID of the log that this node has, "" = none yet; nodes that have another one are refused
	TLS     *tls.Config
	// MaxMessage is the largest message in bytes; 0 = 8 MiB.
	MaxMessage int32
	Logger     *slog.Logger // nil = slog.Default()
}

// Server is one running server.
type Server struct {
	nats     *server.Server
	password string // of clients
	streams  server.JetStreamConfig
	settings *server.Options
	door     *door
}

const (
	// user is the name that clients and other nodes give.
	user = "daybook"
	// systemUser may change which servers there are.
	systemUser = "system"
)

// Start starts a server. It listens at o.Listen for other nodes. Clients are of this process: see Connect. Errors: a wrong option,
// an address that is taken, a folder that cannot be used.
func Start(o Options) (*Server, error) {
	settings := &server.Options{
		ServerName: o.Name, JetStream: true, StoreDir: o.Dir, SyncAlways: true,
		NoSigs: true, NoLog: true, MaxPayload: o.MaxMessage, JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 50,
		DisableJetStreamBanner: true,
	}
	password := ""
	logger := o.Logger
	if logger == nil {
		logger = slog.Default()
	}
	door := newDoor(&o, logger)
	if settings.MaxPayload == 0 {
		settings.MaxPayload = 8 << 20
	}
	if o.Cluster == "" {
		settings.DontListen = true
	} else {
		// A NATS server that listens for no clients does not listen for other servers either. Nobody but this process knows
		// the password.
		password = rand.Text()
		settings.Host, settings.Port = "127.0.0.1", server.RANDOM_PORT
		all := server.NewAccount(server.DEFAULT_SYSTEM_ACCOUNT)
		settings.Accounts, settings.SystemAccount = []*server.Account{all}, all.Name
		settings.Users = []*server.User{{Username: user, Password: password}, {Username: systemUser, Password: password, Account: all}}
		if err := o.join(settings); err != nil {
			return nil, err
		}
		settings.CustomRouterAuthentication = door
	}
	s, err := server.NewServer(settings)
	if err != nil {
		return nil, fmt.Errorf("start the log server: %w", err)
	}
	said := &logs{to: logger}
	s.SetLoggerV2(said, false, false, false)
	s.Start()
	if !s.ReadyForConnections(readyTime) {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, said.whyNotReady(&o)
	}
	return &Server{nats: s, password: password, door: door, settings: settings, streams: server.JetStreamConfig{
		MaxMemory: settings.JetStreamMaxMemory, MaxStore: settings.JetStreamMaxStore, StoreDir: o.Dir, SyncAlways: true,
	}}, nil
}

const readyTime = 10 * time.Second

// join makes the server one of a cluster.
func (o *Options) join(settings *server.Options) error {
	if o.Secret == "" && o.TLS == nil {
		return errors.New("start the log server: the nodes have no secret and no certificates, so anybody could join them: give all nodes the same secret, or certificates")
	}
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return fmt.Errorf("the address %q of node %s is not HOST:PORT: %w", o.Listen, o.Name, err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("the address %q of node %s has no number as its port: %w", o.Listen, o.Name, err)
	}
	if wasAlone(o.Dir) {
		return fmt.Errorf("%w: move its folder of streams, cluster, away, and start it once with --cluster-import, which brings its log into the cluster", ErrWasAlone)
	}
	listener, err := net.Listen("tcp", o.Listen) // NATS tries for a long time
	if err != nil {
		return fmt.Errorf("start the log server: node %s cannot listen at %s: give it an address of this machine that no other program has: %w", o.Name, o.Listen, err)
	}
	if err := listener.Close(); err != nil {
		return fmt.Errorf("start the log server: %w", err)
	}
	settings.Cluster = server.ClusterOpts{
		Name: o.Cluster, Host: host, Port: number, NoAdvertise: true, TLSConfig: o.TLS, PoolSize: -1,
		Username: userOf(o.Log), Password: o.Secret, AuthTimeout: 5, TLSTimeout: 5, // of routes to nodes that others tell of
	}
	for _, peer := range o.Peers {
		settings.Routes = append(settings.Routes, &url.URL{Scheme: "nats-route", Host: peer, User: url.UserPassword(userOf(o.Log), o.Secret)})
	}
	// A reload of the settings sorts those that are in use, where goroutines of the server read them: what is sorted stays as it is.
	slices.SortFunc(settings.Routes, func(a, b *url.URL) int { return strings.Compare(a.String(), b.String()) })
	return nil
}

// ErrWasAlone: the folder has streams of a server that was alone. In a cluster they would be mixed up with those of the others.
var ErrWasAlone = errors.New("node was the only one of its cluster before")

// wasAlone reports whether a folder has streams, and nothing that servers agree on.
func wasAlone(dir string) bool {
	streams, err := os.ReadDir(filepath.Join(dir, server.JetStreamStoreDir, server.DEFAULT_GLOBAL_ACCOUNT, "streams"))
	if err != nil || len(streams) == 0 {
		return false
	}
	_, err = os.Stat(filepath.Join(dir, server.JetStreamStoreDir, server.DEFAULT_SYSTEM_ACCOUNT))
	return errors.Is(err, fs.ErrNotExist)
}

// Connect connects to the server without a network.
func (s *Server) Connect(name string) (*nats.Conn, error) {
	return nats.Connect("", nats.InProcessServer(s.nats), nats.Name(name), nats.UserInfo(user, s.password), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
}

// Revive opens the streams again if the server has closed them because its disk was full or failed. It reports whether it has.
func (s *Server) Revive() (revived bool, err error) {
	if s.nats.JetStreamEnabled() || !s.nats.Running() {
		return false, nil
	}
	again := s.streams
	if err := s.nats.EnableJetStream(&again); err != nil {
		return false, fmt.Errorf("open the streams of this node again: %w", err)
	}
	return true, nil
}

// Peers are the names of the servers that this one is connected to.
func (s *Server) Peers() int { return s.nats.NumRoutes() }

// Stop stops the server and waits for it.
func (s *Server) Stop() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// logs gives what the NATS server logs to slog: what an operator should know as it is, and the rest for debugging.
type logs struct {
	to    *slog.Logger
	fatal atomic.Pointer[string] // the last reason for which the server does not start

	refused atomic.Int64 // when a refused node was named last, in Unix nanoseconds
}

// sayRefused reports whether a node that is refused is to be named: it tries again once a second.
func (l *logs) sayRefused() bool {
	last, now := l.refused.Load(), time.Now().UnixNano()
	return now-last >= int64(sayStranger) && l.refused.CompareAndSwap(last, now)
}

// whyNotReady is the error of a server that has not started.
func (l *logs) whyNotReady(o *Options) error {
	fatal := l.fatal.Load()
	switch {
	case fatal != nil && strings.Contains(*fatal, syscall.ENOSPC.Error()):
		return errors.New("start the log server: the disk of the data folder is full: free some space, and start the node again")
	case fatal == nil && o.Listen != "":
		return fmt.Errorf("start the log server: it does not get ready: is %s an address of this machine, and free?", o.Listen)
	}
	return errors.New("start the log server: it does not get ready; see the log")
}

// quiet are the beginnings of messages that repeat, or are of no use to an operator of Daybook.
var quiet = []string{"Plaintext passwords detected", "Waiting for routing", "Error trying to connect to route", "Metalayer blocking snapshot",
	"JetStream has not established contact", "Error trying to lookup route"}

func (l *logs) say(level slog.Level, format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if slices.ContainsFunc(quiet, func(begin string) bool { return strings.HasPrefix(text, begin) }) {
		level = slog.LevelDebug
	}
	l.to.Log(context.Background(), level, "log server: "+text)
}

func (l *logs) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v...) }
func (l *logs) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v...) }
func (l *logs) Fatalf(format string, v ...any)  { l.say(slog.LevelError, format, v...) }
func (l *logs) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if strings.Contains(text, server.ErrAuthentication.Error()) || strings.Contains(text, "Authorization Violation") {
		if !l.sayRefused() {
			return
		}
		l.to.Error("a node is refused: its secret is not that of this node, or it has another log; give all nodes the same secret, and each cluster a name of its own", "error", text)
		return
	}
	if strings.Contains(text, "duplicate name") {
		l.to.Error("two nodes have the same name, and one of them does not get in: give each node a different one", "error", text)
		return
	}
	l.say(slog.LevelWarn, "%s", text)
}
func (l *logs) Debugf(format string, v ...any) { l.say(slog.LevelDebug, format, v...) }
func (l *logs) Tracef(format string, v ...any) { l.say(slog.LevelDebug, format, v...) }
