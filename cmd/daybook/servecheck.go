package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"daybook"
	"daybook/trace"
)

// flagFault is what is wrong with a flag of serve, or with the setting that stands for it.
type flagFault struct {
	flag   string
	item   int    // of a list; -1 = the whole
	detail string // "must be …"
}

func (f flagFault) Error() string { return "--" + f.flag + " " + f.detail }

func faultOf(flag, format string, args ...any) flagFault {
	return flagFault{flag, -1, fmt.Sprintf(format, args...)}
}

// asUsage is a usage error with all faults, nil for none.
func asUsage(faults []flagFault) error {
	var all []error
	for _, f := range faults {
		all = append(all, f)
	}
	if all == nil {
		return nil
	}
	return usageError{errors.Join(all...)}
}

// faults lists what is wrong with the values, beyond what their types say.
func (c *serveCmd) faults() (all []flagFault) {
	wrong := func(bad bool, flag, format string, args ...any) {
		if bad {
			all = append(all, faultOf(flag, format, args...))
		}
	}
	_, port, err := net.SplitHostPort(c.Addr)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	wrong(err != nil, "addr", "%s: it must be HOST:PORT, such as 127.0.0.1:8000, with a port from 0 to 65535", c.Addr)
	least := 1
	if c.inCluster() {
		least = 0
	}
	wrong(c.Concurrency < least || c.Concurrency > 10_000, "concurrency", "must be 1 to 10,000, not %d", c.Concurrency)
	wrong(c.Grace < 0, "grace", "must be a time such as 20s; 0s gives none, and it must not be negative")
	wrong(c.DefaultTimeout < 0 || c.DefaultTimeout > 30*24*time.Hour, "default-timeout", "must be a time from 1ms to 720h, such as 30m, or 0s for no limit; it is %v", c.DefaultTimeout)
	wrong(c.MaxStreams < 0, "max-streams", "must be the number of streams, 1 or more; leave it out, or give 0, for the default")
	wrong(c.TLSCert == "" && c.TLSKey != "", "tls-key", "and --tls-cert go together: give both, or none")
	wrong(c.TLSCert != "" && c.TLSKey == "", "tls-cert", "and --tls-key go together: give both, or none")
	wrong(c.MaxTaskLogs < 64<<20, "max-task-logs", "must be at least 64MiB")
	wrong(c.MaxFile < 1, "max-file", "must be at least one byte, such as 2GiB")
	if c.OTLPEndpoint != "" {
		_, err := trace.NewExporter(c.OTLPEndpoint, c.OTLPHeader, daybook.Version, slog.New(slog.DiscardHandler))
		wrong(err != nil, "otlp-endpoint", "%s: it must be the URL of a collector, such as http://127.0.0.1:4318", c.OTLPEndpoint)
	}
	all = append(all, c.clusterFlags.faults()...)
	return append(all, c.addressFaults()...)
}

// addressFaults lists what is wrong with the names under which clients reach the server.
func (c *serveCmd) addressFaults() (all []flagFault) {
	check := func(flag string, item int, o daybook.Options) {
		if err := o.CheckAddress(); err != nil {
			all = append(all, flagFault{flag, item, "cannot be used: " + err.Error()})
		}
	}
	check("public-url", -1, daybook.Options{PublicURL: c.PublicURL})
	check("base-path", -1, daybook.Options{BasePath: c.BasePath})
	if all == nil {
		check("base-path", -1, daybook.Options{PublicURL: c.PublicURL, BasePath: c.BasePath})
	}
	for i, host := range c.Host {
		check("host", i, daybook.Options{Hosts: []string{host}})
	}
	for i, origin := range c.CORSOrigin {
		check("cors-origin", i, daybook.Options{CORSOrigins: []string{origin}})
	}
	return all
}

// startFaults lists what a start on this machine would meet, in the order in which serve looks. It
// writes nothing and listens nowhere.
func (c *serveCmd) startFaults(ctx context.Context) (all []flagFault) {
	if _, err := c.checkAddr(ctx); err != nil {
		if wrong, ok := errors.AsType[flagFault](err); ok {
			all = append(all, wrong)
		}
	} else if wrong := c.notOfThisMachine(ctx); wrong != nil {
		all = append(all, *wrong)
	}
	if c.TLSCert != "" && c.TLSKey != "" {
		_, faults := readPair(c.TLSCert, c.TLSKey, time.Now())
		all = append(all, faults...)
	}
	return append(all, c.dataFaults()...)
}

// notOfThisMachine reports an address that no interface of this machine has.
func (c *serveCmd) notOfThisMachine(ctx context.Context) *flagFault {
	host, _, _ := net.SplitHostPort(c.Addr)
	if host == "" {
		return nil
	}
	found, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		f := faultOf("addr", "%s: the host is not known; give an address of this machine, such as 127.0.0.1", c.Addr)
		return &f
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return nil // the start will tell
	}
	for _, at := range found {
		if at.IP.IsUnspecified() || at.IP.IsLoopback() {
			return nil
		}
		for _, mine := range own {
			if n, ok := mine.(*net.IPNet); ok && n.IP.Equal(at.IP) {
				return nil
			}
		}
	}
	f := faultOf("addr", "%s: it is no address of this machine; give one that it has, or 0.0.0.0 for all of them", c.Addr)
	return &f
}

// dataFaults reports a data folder that cannot be one.
func (c *serveCmd) dataFaults() []flagFault {
	path, err := filepath.Abs(c.Data)
	if err != nil {
		return nil
	}
	for {
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			return nil
		case err == nil:
			return []flagFault{faultOf("data", "must be a folder: %s is a file", strconv.Quote(filepath.Base(path)))}
		case !errors.Is(err, fs.ErrNotExist) || filepath.Dir(path) == path:
			return []flagFault{faultOf("data", "cannot be used: %s", reason(err))}
		}
		path = filepath.Dir(path)
	}
}

// reason is why a file cannot be used, without its path.
func reason(err error) string {
	if wrong, ok := errors.AsType[*fs.PathError](err); ok {
		return wrong.Err.Error()
	}
	return err.Error()
}
