package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// faultsOf are the flags that serve would refuse, of a configuration.
func faultsOf(t *testing.T, settings map[string]any) string {
	t.Helper()
	c, err := serveWith(settings)
	if err != nil {
		t.Fatal(err)
	}
	var flags []string
	for _, f := range append(c.faults(), c.startFaults(t.Context())...) {
		flags = append(flags, f.flag)
	}
	return strings.Join(flags, " ")
}

func TestEveryFaultOfAStartIsFoundBeforeIt(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := makePair(t, dir, "x", time.Now().Add(time.Hour))
	oldDir, otherDir := t.TempDir(), t.TempDir()
	oldCert, oldKey := makePair(t, oldDir, "old", time.Now().Add(-time.Hour))
	_, otherKey := makePair(t, otherDir, "other", time.Now().Add(time.Hour))
	for _, c := range []struct {
		want     string
		settings map[string]any
	}{
		{"", map[string]any{"tls-cert": certFile, "tls-key": keyFile}},
		{"tls-key", map[string]any{"tls-cert": certFile, "tls-key": otherKey}},
		{"tls-cert", map[string]any{"tls-cert": oldCert, "tls-key": oldKey}},
		{"tls-cert", map[string]any{"tls-cert": keyFile, "tls-key": keyFile}},
		{"tls-key", map[string]any{"tls-cert": certFile, "tls-key": certFile}},
		{"tls-cert tls-key", map[string]any{"tls-cert": filepath.Join(dir, "a"), "tls-key": filepath.Join(dir, "b")}},
		{"tls-cert", map[string]any{"tls-cert": certFile}},
		{"tls-key", map[string]any{"tls-key": keyFile}},
		{"addr", map[string]any{"addr": "0.0.0.0:80", "data": filepath.Join(dir, "new")}},
		{"", map[string]any{"addr": "0.0.0.0:80", "data": filepath.Join(dir, "new"), "insecure": true}},
		{"addr", map[string]any{"addr": "203.0.113.1:80", "insecure": true}},
		{"data", map[string]any{"data": certFile}},
		{"data", map[string]any{"data": filepath.Join(certFile, "below")}},
		{"", map[string]any{"data": filepath.Join(dir, "new", "newer")}},
		{"concurrency grace max-file base-path host host", map[string]any{"concurrency": int64(0), "grace": "-1s", "max-file": "0", "host": []any{"a b", "ok", "c/d"}, "base-path": "x"}},
	} {
		settings := map[string]any{"data": dir}
		for key, value := range c.settings {
			settings[key] = value
		}
		if got := faultsOf(t, settings); got != c.want {
			t.Errorf("%v: %q, not %q", c.settings, got, c.want)
		}
	}
}
