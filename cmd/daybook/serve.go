package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"daybook"
)

type serveCmd struct {
	Config         string            `placeholder:"FILE" help:"Configuration file, see docs/configuration.md. Flags and the environment take precedence over its section [server]."`
	Addr           string            `default:"127.0.0.1:8000" placeholder:"HOST:PORT" help:"Address to listen on (${default})."`
	Data           string            `default:"./daybook-data" placeholder:"DIR" help:"Folder for the log and the files; created if missing (${default})."`
	Concurrency    int               `default:"8" help:"Tasks that run at the same time, 1 to 10,000; 0 = none, for a node of a cluster (${default})."`
	Grace          time.Duration     `default:"20s" help:"Time for running tasks to finish when the server is stopped; 0s = none (${default})."`
	DefaultTimeout time.Duration     `default:"30m" placeholder:"TIME" help:"Time limit of an attempt of a task without a timeout; 0s = no limit (${default})."`
	MaxFile        byteSize          `default:"2GiB" help:"Largest file that can be uploaded (${default})."`
	Insecure       bool              `help:"Allow an address that other machines can reach without a token. Anyone who can reach it can read everything and submit tasks."`
	PublicURL      string            `placeholder:"URL" help:"Public URL of this server behind a proxy, such as https://tasks.example or https://tasks.example/daybook."`
	Host           []string          `placeholder:"NAME" help:"Another host name that this server answers to; may be repeated."`
	BasePath       string            `placeholder:"PATH" help:"Path prefix of every URL of this server, such as /daybook; by default from --public-url."`
	TLSCert        string            `name:"tls-cert" placeholder:"FILE" help:"Certificate in PEM, with its chain: serve https. Read again when the file changes."`
	TLSKey         string            `name:"tls-key" placeholder:"FILE" help:"Private key of --tls-cert, in PEM."`
	CORSOrigin     []string          `name:"cors-origin" placeholder:"ORIGIN" help:"Origin of another front end that gets full access, such as https://app.example; may be repeated."`
	MaxStreams     int               `placeholder:"N" help:"Maximum number of open event streams; by default as many as memory and open files allow, at most 10,000."`
	MaxTaskLogs    byteSize          `default:"1GiB" help:"Maximum size of the logs of all tasks together; then those of the tasks that are silent for longest are removed (${default})."`
	OTLPEndpoint   string            `name:"otlp-endpoint" placeholder:"URL" help:"OpenTelemetry collector that gets the spans of tasks, such as http://127.0.0.1:4318."`
	OTLPHeader     map[string]string `name:"otlp-header" placeholder:"NAME=VALUE" help:"Header of every call to --otlp-endpoint; may be repeated. Secrets are better in DAYBOOK_OTLP_HEADER."`
	clusterFlags   `embed:"" group:"Cluster"`
	AcceptLoss     bool          `help:"Start on a log that has lost acknowledged events, and record the loss in it."`
	Quiet          bool          `short:"q" help:"Print only warnings and errors."`
	loaded         *loadedConfig // the file of Config at the start; nil = none
	LogFormat      string        `enum:"text,json" default:"text" help:"Format of the server output on standard error: text or json (${default})."`
}

func (serveCmd) Help() string {
	return `Everything is stored in one folder. The server can be killed at any time: after a restart, everything it
acknowledged is still there. Ctrl-C or SIGTERM stops it gracefully: it starts no new task, gives running tasks the
time of --grace to finish, then requeues them without using an attempt. A second signal ends the grace period. A
third ends the process at once; tasks still running are then treated as after a crash. SIGHUP reloads the file of
--config; closing the terminal does not stop the server.

Examples:

    daybook serve
    daybook serve --config /etc/daybook.toml
    daybook serve --public-url https://tasks.example/daybook
    daybook serve --addr 127.0.0.1:9000 --data /var/lib/daybook --concurrency 32
    DAYBOOK_ADDR=127.0.0.1:9000 daybook serve --quiet --log-format json`
}

// AfterApply checks what the flags' types do not.
func (c *serveCmd) AfterApply() error { return asUsage(c.faults()) }

func (c *serveCmd) Run(ctx context.Context, s *stdio) error {
	open, err := c.checkAddr(ctx)
	if err != nil {
		return err
	}
	daybook.TuneMemory()
	logger := c.logger(s)
	hangups := noticeHangups()
	settings, err := c.settings()
	if err != nil {
		return err
	}
	c.loaded.warn(logger)
	var tlsConfig *tls.Config
	if c.TLSCert != "" {
		pair, err := loadCertificate(c.TLSCert, c.TLSKey, logger)
		if err != nil {
			return err
		}
		tlsConfig = pair.config()
	}
	node, err := c.clusterFlags.options()
	if err != nil {
		return err
	}
	concurrency := c.Concurrency
	if node != nil && concurrency == 0 {
		concurrency = -1
	}
	bar := newRebuildBar(s)
	server, err := openServer(ctx, serverOptions{
		Addr:   c.Addr,
		Open:   open,
		Logger: logger,
		TLS:    tlsConfig,
		Daybook: daybook.Options{
			Data:           c.Data,
			Concurrency:    concurrency,
			Cluster:        node,
			Grace:          noneIfZero(c.Grace),
			DefaultTimeout: noneIfZero(c.DefaultTimeout),
			MaxFile:        int64(c.MaxFile),
			MaxTaskLogs:    int64(c.MaxTaskLogs),
			AnyHost:        c.Insecure,
			LocalOnly:      !c.Insecure,
			PublicURL:      c.PublicURL,
			Hosts:          c.Host,
			BasePath:       c.BasePath,
			CORSOrigins:    c.CORSOrigin,
			MaxStreams:     c.MaxStreams,
			AcceptLoss:     c.AcceptLoss,
			OTLPEndpoint:   c.OTLPEndpoint,
			OTLPHeaders:    c.OTLPHeader,
			Logger:         logger,
			Settings:       settings,
			Rebuilding:     bar.Set,
			Indexing:       bar.SetIndexing,
		},
	})
	bar.Done()
	if err != nil {
		return err
	}
	defer c.onHangups(ctx, hangups, logger, server)()
	onHurry(ctx, server.EndGrace)
	c.greet(s, server.URL())
	err = server.Run(ctx)
	return errors.Join(err, server.Close())
}

// noneIfZero turns a 0 of the command line, which means none, into that of daybook.Options.
func noneIfZero(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// checkAddr reports whether the address can be reached from other machines. Such a one needs a token, or
// --insecure: without a token, everyone who reaches the server may do everything.
func (c *serveCmd) checkAddr(ctx context.Context) (open bool, err error) {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return false, err // faults has refused it
	}
	if c.Insecure || isLoopback(ctx, host) {
		return false, nil
	}
	if c.inCluster() { // a new node cannot know yet that there is a token: while there is none it answers this machine alone
		return false, nil
	}
	if isNew(c.Data) {
		return false, usageError{errOpenToAll(c.Addr)}
	}
	return true, nil
}

// errOpenToAll refuses an address that other machines can reach while there is no token.
func errOpenToAll(addr string) error {
	return faultOf("addr", "%s can be reached from other machines, and anyone who reaches it can read everything and submit tasks;\n"+
		"use a loopback address such as 127.0.0.1:8000, or start there and create a token first (daybook token create NAME --role admin),\n"+
		"or add --insecure if only trusted users can reach the network", addr)
}

// isLoopback reports whether all that host stands for is this machine alone.
func isLoopback(ctx context.Context, host string) bool {
	if host == "" {
		return false
	}
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	addrs, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil || len(addrs) == 0 {
		return false
	}
	for _, addr := range addrs {
		if !addr.IP.IsLoopback() {
			return false
		}
	}
	return true
}

func (c *serveCmd) logger(s *stdio) *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if c.Quiet {
		o.Level = slog.LevelWarn
	}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(s.err, o))
	}
	return slog.New(slog.NewTextHandler(s.err, o))
}

// greet says where the page is. Scripts may read the address from the first line.
func (c *serveCmd) greet(s *stdio, url string) {
	if !s.outTerminal {
		fmt.Fprintf(s.out, "Daybook %s serves %s\n", daybook.Version, url)
		return
	}
	data, err := filepath.Abs(c.Data)
	if err != nil {
		data = c.Data
	}
	fmt.Fprintf(s.out, "\n  %s %s\n\n", s.bold("Daybook"), s.dim(daybook.Version))
	fmt.Fprintf(s.out, "  %s %s\n", s.dim("page"), s.link(url+"/"))
	fmt.Fprintf(s.out, "  %s %s\n", s.dim("api "), s.link(url+"/docs"))
	fmt.Fprintf(s.out, "  %s %s\n\n", s.dim("data"), data)
	fmt.Fprintf(s.out, "  %s\n\n", s.dim("Ctrl-C stops the server gracefully."))
}
