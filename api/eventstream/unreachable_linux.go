package eventstream

import (
	"net"
	"syscall"
	"time"
)

// unackedTime is how long data sent to the client of a stream may remain without an
// acknowledgement. A stream sends a message at least every 15 s, so a client that disappears
// without closing its connection (a cable pulled, a phone out of reach) is dropped after less than two
// minutes; the kernel's default is about sixteen.
const unackedTime = 90 * time.Second

// tcpUserTimeout is TCP_USER_TIMEOUT of tcp(7); package syscall does not name it.
const tcpUserTimeout = 0x12

// dropUnreachable sets the limit. A connection that is not TCP has none.
func dropUnreachable(conn net.Conn) {
	if over, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = over.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { // an error leaves the kernel's own rule
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(unackedTime.Milliseconds()))
	})
}
