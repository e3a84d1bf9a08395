// Package freeaddr is for tests: it finds addresses for servers that start later, or again.
package freeaddr

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Find returns an address of 127.0.0.1 on which nobody listens. Its port, from 10000 to 29999, is below those that the kernel gives to
// outgoing connections: one of these, even of a client that waits for the server, would keep the server from it.
func Find(t testing.TB) string {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return l.Addr().String()
	}
	t.Fatal("no port from 10000 to 29999 is free")
	return ""
}
