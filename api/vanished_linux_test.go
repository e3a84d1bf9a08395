package api

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
)

// The test reads the limit back from the kernel, and that it holds for plain TCP and TLS.
func TestAClientThatVanishesIsDroppedWithinTwoMinutes(t *testing.T) {
	const tcpUserTimeout, limit = 0x12, 90_000 // ms; a message is on its way every 15 s
	for name, start := range map[string]func(*httptest.Server){"TCP": (*httptest.Server).Start, "TLS": (*httptest.Server).StartTLS} {
		h := build(t, nil)
		server := httptest.NewUnstartedServer(h.api)
		var mu sync.Mutex
		var taken []net.Conn
		server.Config.ConnState = func(c net.Conn, s http.ConnState) {
			if s == http.StateHijacked {
				mu.Lock()
				taken = append(taken, c)
				mu.Unlock()
			}
		}
		start(server)
		h.url, h.client = server.URL, server.Client()
		l := h.listen("/api/stream")
		l.must(t)
		mu.Lock()
		if len(taken) != 1 {
			t.Fatal(name, len(taken), "connections were taken over")
		}
		conn := taken[0]
		mu.Unlock()
		if over, ok := conn.(interface{ NetConn() net.Conn }); ok {
			conn = over.NetConn()
		}
		raw, err := conn.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		_ = raw.Control(func(fd uintptr) {
			ms, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout)
			if err != nil || ms != limit {
				t.Errorf("%s: %d ms, %v", name, ms, err)
			}
		})
		l.close()
		h.api.StopStreams()
		server.Close()
	}
}
