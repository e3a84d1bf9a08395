//go:build !linux

package eventstream

import "net"

// dropUnreachable leaves it to the kernel when a client that cannot be reached is dropped.
func dropUnreachable(net.Conn) {}
