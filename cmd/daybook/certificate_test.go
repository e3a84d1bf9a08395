package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// makePair writes a certificate for this machine, which signs itself, and its key.
func makePair(t *testing.T, dir, name string, until time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestACertificateFollowsItsFiles(t *testing.T) {
	dir, year := t.TempDir(), time.Now().Add(365*24*time.Hour)
	certFile, keyFile := makePair(t, dir, "first", year)
	var logged bytes.Buffer
	c, err := loadCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.now = func() time.Time { return now }
	name := func() string {
		t.Helper()
		pair, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.Subject.CommonName
	}
	expect := func(want string, lines int) {
		t.Helper()
		if got := name(); got != want || strings.Count(logged.String(), "\n") != lines {
			t.Errorf("%s, not %s; %s", got, want, &logged)
		}
	}
	makePair(t, dir, "second", year)
	expect("first", 0) // it has just looked
	now = now.Add(reloadEvery)
	expect("second", 1)

	good, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	for i, broken := range [][]byte{[]byte("half a certif"), nil} { // nil: there is no file
		if err := os.Remove(certFile); err != nil && i == 0 {
			t.Fatal(err)
		}
		if broken != nil {
			if err := os.WriteFile(certFile, broken, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 { // it is said once
			now = now.Add(reloadEvery)
			expect("second", 2+min(i, 1))
		}
		if broken == nil {
			break
		}
	}
	if err := os.WriteFile(certFile, good, 0o600); err != nil {
		t.Fatal(err)
	}
	makePair(t, dir, "third", year)
	now = now.Add(reloadEvery)
	expect("third", 4)
	makePair(t, dir, "over", now.Add(-time.Hour))
	now = now.Add(reloadEvery)
	expect("third", 5)
}

func TestServeRefusesACertificateThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := makePair(t, dir, "x", time.Now().Add(-time.Hour))
	_, otherKey := makePair(t, t.TempDir(), "y", time.Now().Add(time.Hour))
	for want, files := range map[string][2]string{
		"expired":           {certFile, keyFile},
		"match":             {certFile, otherKey},
		"no such file":      {filepath.Join(dir, "none"), keyFile},
		"go together":       {certFile, ""},
		"--tls-key go with": {"", keyFile},
	} {
		args := []string{"serve", "--data", filepath.Join(dir, "data"), "--addr", "127.0.0.1:0"}
		if files[0] != "" {
			args = append(args, "--tls-cert", files[0])
		}
		if files[1] != "" {
			args = append(args, "--tls-key", files[1])
		}
		if want == "--tls-key go with" {
			want = "go together"
		}
		var errs bytes.Buffer
		s := &stdio{out: &bytes.Buffer{}, err: &errs, size: func() (int, int) { return 80, 24 }}
		if code := run(t.Context(), args, s); code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("%v: exit %d, %s", args, code, &errs)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		t.Error("a data folder was made")
	}
}

// TestAServerWithACertificate starts the program and talks to it as clients do.
func TestAServerWithACertificate(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := makePair(t, dir, "first", time.Now().Add(time.Hour))
	server := startReady(t, dir, "--addr", "127.0.0.1:0", "--data", "data", "--tls-cert", certFile, "--tls-key", keyFile)
	if !strings.HasPrefix(server.url, "https://127.0.0.1:") {
		t.Fatal(server.url)
	}
	addr := strings.TrimPrefix(server.url, "https://")
	command := func(args ...string) (string, error) {
		out, err := exec.Command(server.cmd.Path, args...).CombinedOutput()
		return string(out), err
	}
	if out, err := command("healthcheck", "--addr", addr, "--tls-cert", certFile); err != nil || out != "healthy: ready\n" {
		t.Error(out, err)
	}
	if out, err := command("submit", "SLEEP", "--wait", "-p", "seconds=0", "--server", server.url, "--ca", certFile); err != nil {
		t.Error(out, err)
	}
	if out, err := command("tasks", "--server", server.url); err == nil || !strings.Contains(out, "certificate") {
		t.Error("a certificate that nobody trusts was accepted: ", out, err)
	}
	for _, proto := range []int{1, 2} {
		var protocols http.Protocols
		protocols.SetHTTP1(proto == 1)
		protocols.SetHTTP2(proto == 2)
		roots, err := rootsWith(certFile)
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, Protocols: &protocols}
		resp, err := (&http.Client{Transport: transport}).Get(server.url + "/api/stream")
		if err != nil {
			t.Fatal(err)
		}
		var first [4]byte
		if _, err := resp.Body.Read(first[:]); err != nil || resp.ProtoMajor != proto || resp.StatusCode != 200 {
			t.Error(resp.Proto, resp.Status, err)
		}
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
	}
	if resp, err := http.Get("http://" + addr + "/healthz"); err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Error(resp, err)
	} else {
		_ = resp.Body.Close()
	}
	other, _ := makePair(t, t.TempDir(), "other", time.Now().Add(time.Hour))
	if out, err := command("healthcheck", "--addr", addr, "--tls-cert", other); err == nil || !strings.Contains(out, "another certificate") {
		t.Error(out, err)
	}
}
