package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"daybook/cluster"
)

type clusterInitCmd struct {
	Nodes []string `arg:"" name:"NAME=HOST" help:"The nodes, with the host name or IP address at which the others reach each."`
	Out   string   `default:"cluster-certs" placeholder:"DIR" help:"Folder for the certificates, which must not exist (${default})."`
}

func (clusterInitCmd) Help() string {
	return `Makes certificates with which nodes encrypt what they tell each other, and check each other: an authority in ca.pem
and ca-key.pem, and NAME.pem with NAME-key.pem for each node. Copy ca.pem and its own two files to each node; keep ca-key.pem
offline, for further nodes.

Examples:

    daybook cluster init a=10.0.0.1 b=10.0.0.2 c=10.0.0.3
    daybook serve --node a --cluster a=10.0.0.1:7101,b=10.0.0.2:7101,c=10.0.0.3:7101 \
        --cluster-cert a.pem --cluster-key a-key.pem --cluster-ca ca.pem`
}

// How long certificates are valid.
const (
	authorityTime = 10 * 365 * 24 * time.Hour
	nodeCertTime  = 3 * 365 * 24 * time.Hour
)

func (c *clusterInitCmd) Run(_ context.Context, s *stdio) error {
	hosts := map[string]string{}
	for _, one := range c.Nodes {
		name, host, ok := strings.Cut(one, "=")
		if !ok || !cluster.IsNodeName(name) || host == "" || hosts[name] != "" {
			return usageError{fmt.Errorf("%q must be NAME=HOST, such as a=10.0.0.1, each name once: 1 to 32 of A-Z a-z 0-9 _ -", one)}
		}
		if name == "ca" {
			return usageError{errors.New("a node cannot be called ca: that is the name of the authority's files")}
		}
		hosts[name] = host
	}
	if err := os.Mkdir(c.Out, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s exists already: give another folder with --out", c.Out)
		}
		return err
	}
	ca, err := newAuthority(time.Now())
	if err != nil {
		return err
	}
	if err := ca.write(c.Out, "ca"); err != nil {
		return err
	}
	for name, host := range hosts {
		pair, err := ca.sign(name, host, time.Now())
		if err == nil {
			err = pair.write(c.Out, name)
		}
		if err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(s.out, "%d certificates are in %s, valid for 3 years; keep ca-key.pem offline\n", len(hosts), c.Out)
	return err
}

// certified is a certificate with its key.
type certified struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newAuthority makes the authority that signs the certificates of the nodes.
func newAuthority(now time.Time) (*certified, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Daybook cluster authority"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(authorityTime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, MaxPathLenZero: true,
	}
	return certify(template, nil)
}

// sign makes the certificate of a node, which is a client and a server of the others.
func (ca *certified) sign(name, host string, now time.Time) (*certified, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(nodeCertTime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	return certify(template, ca)
}

// certify makes a key and signs its certificate; a nil ca signs itself.
func certify(template *x509.Certificate, ca *certified) (*certified, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, err
	}
	parent, signer := template, key
	if ca != nil {
		parent, signer = ca.cert, ca.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &certified{cert, key}, err
}

// write writes NAME.pem and NAME-key.pem.
func (c *certified) write(dir, name string) error {
	key, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		return err
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: c.cert.Raw}, name + "-key.pem": {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}
