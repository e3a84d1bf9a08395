package natsserver_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"daybook/internal/freeaddr"
	"daybook/internal/natsserver"
)

// authority makes the settings of nodes whose certificates it has signed.
func authority(t *testing.T) *tls.Config {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, public, private)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(signed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}, RootCAs: pool, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}
}

func TestANodeWithACertificateOfAnotherAuthorityIsRefused(t *testing.T) {
	a := freeaddr.Find(t)
	first, log, err := start(t, natsserver.Options{Name: "a", Cluster: "test", Listen: a, Peers: []string{"127.0.0.1:1"}, TLS: authority(t)})
	if err != nil {
		t.Fatal(err)
	}
	second, other, err := start(t, natsserver.Options{Name: "b", Cluster: "test", Listen: freeaddr.Find(t), Peers: []string{a}, TLS: authority(t)})
	if err != nil {
		t.Fatal(err)
	}
	log.wait(t, "TLS route handshake error")
	other.wait(t, "TLS route handshake error")
	if first.Peers() != 0 || second.Peers() != 0 {
		t.Errorf("%d and %d peers", first.Peers(), second.Peers())
	}
}
