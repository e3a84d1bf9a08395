package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// reloadEvery is the least time between two looks at the files of a certificate.
const reloadEvery = time.Second

// certificate is the certificate of the server, which follows its files: they are looked at when a client
// connects. A pair that cannot be used changes nothing.
type certificate struct {
	certFile, keyFile string
	logger            *slog.Logger
	now               func() time.Time

	mu      sync.Mutex
	current *tls.Certificate // guarded by mu
	version pairVersion      // guarded by mu; of current
	warned  string           // guarded by mu; of the latest pair, if it cannot be used: the error that was logged
	looked  time.Time        // guarded by mu
}

// pairVersion tells one state of the two files from another.
type pairVersion struct{ cert, key fileVersion }

type fileVersion struct {
	modified time.Time
	size     int64
}

// loadCertificate reads a certificate and its key, both in PEM.
func loadCertificate(certFile, keyFile string, logger *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, logger: logger, now: time.Now}
	version, _ := c.look() // load says what is wrong
	if err := c.load(version); err != nil {
		return nil, err
	}
	c.looked = c.now()
	return c, nil
}

// config is the TLS configuration of the server.
func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}

// get returns the certificate for a new connection.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= reloadEvery {
		c.looked = now
		c.reload()
	}
	return c.current, nil
}

// reload uses the files if they have changed. mu must be held.
func (c *certificate) reload() {
	version, err := c.look()
	if err == nil && version == c.version {
		return
	}
	if err == nil {
		err = c.load(version)
	}
	switch {
	case err == nil:
		c.logger.Info("the certificate was replaced: new connections get the new one", "until", c.current.Leaf.NotAfter)
	case err.Error() != c.warned:
		c.warned = err.Error()
		c.logger.Warn("the new certificate cannot be used: the one before stays", "error", err)
	}
}

// look returns the version of the files.
func (c *certificate) look() (v pairVersion, err error) {
	for _, one := range []struct {
		path string
		into *fileVersion
	}{{c.certFile, &v.cert}, {c.keyFile, &v.key}} {
		info, err := os.Stat(one.path)
		if err != nil {
			return pairVersion{}, err
		}
		*one.into = fileVersion{info.ModTime(), info.Size()}
	}
	return v, nil
}

// load reads the files.
func (c *certificate) load(v pairVersion) error {
	pair, faults := readPair(c.certFile, c.keyFile, c.now())
	if faults != nil {
		return asUsage(faults)
	}
	c.current, c.version, c.warned = pair, v, ""
	return nil
}

// readPair reads a certificate and its key. It returns what is wrong with the flags that name them.
func readPair(certFile, keyFile string, now time.Time) (*tls.Certificate, []flagFault) {
	cert, certErr := os.ReadFile(certFile)
	key, keyErr := os.ReadFile(keyFile)
	var all []flagFault
	if certErr != nil {
		all = append(all, faultOf("tls-cert", "%s cannot be read: %s", certFile, reason(certErr)))
	} else if wrong := checkCertificate(cert, now); wrong != "" {
		all = append(all, faultOf("tls-cert", "%s %s", certFile, wrong))
	}
	if keyErr != nil {
		all = append(all, faultOf("tls-key", "%s cannot be read: %s", keyFile, reason(keyErr)))
	}
	if certErr != nil || keyErr != nil {
		return nil, all
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil && (len(all) == 0 || strings.Contains(err.Error(), "match")) {
		all = append(all, faultOf("tls-key", "%s must be the private key of --tls-cert, in PEM: %s", keyFile, strings.TrimPrefix(err.Error(), "tls: ")))
	}
	if all != nil {
		return nil, all
	}
	return &pair, nil
}

// checkCertificate says what is wrong with a certificate in PEM, "" if nothing is.
func checkCertificate(text []byte, now time.Time) string {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		leaf, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			return "must be a certificate in PEM: " + strings.TrimPrefix(err.Error(), "x509: ")
		case now.After(leaf.NotAfter):
			return "has expired at " + leaf.NotAfter.UTC().Format(time.RFC3339) + "; get a new one"
		}
		return ""
	}
	return "must be a certificate in PEM, which begins with -----BEGIN CERTIFICATE-----"
}
