package httprequest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/net/idna"
)

// reach is what requests may connect to: the public internet, and what is named here.
type reach struct {
	names    map[string]bool // host or host:port, in the form of DNS
	sockets  map[netip.AddrPort]bool
	prefixes []netip.Prefix
}

// newReach reads entries: a host name, an IP address, either with a port, or a CIDR prefix.
func newReach(allow []string) (*reach, error) {
	r := &reach{names: map[string]bool{}, sockets: map[netip.AddrPort]bool{}}
	for _, entry := range allow {
		if err := r.add(entry); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *reach) add(entry string) error {
	if prefix, err := netip.ParsePrefix(entry); err == nil {
		r.prefixes = append(r.prefixes, prefix.Masked())
		return nil
	}
	if addr, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
		addr = plainAddr(addr)
		r.prefixes = append(r.prefixes, netip.PrefixFrom(addr, addr.BitLen()))
		return nil
	}
	if socket, err := netip.ParseAddrPort(entry); err == nil {
		r.sockets[netip.AddrPortFrom(plainAddr(socket.Addr()), socket.Port())] = true
		return nil
	}
	host, port, withPort := strings.Cut(entry, ":")
	name, err := dnsName(host)
	if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || withPort && (portErr != nil || n == 0) {
		return fmt.Errorf("%.100q is not a host name, an IP address or a CIDR prefix: write db.example, db.example:8080, 10.1.2.3 or 10.1.0.0/16", entry)
	}
	if withPort {
		name += ":" + port
	}
	r.names[name] = true
	return nil
}

// names of DNS, as a client looks them up.
var names = idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.VerifyDNSLength(true), idna.CheckHyphens(false))

// dnsName is a host name in lower case and in the form of DNS.
func dnsName(host string) (string, error) {
	if strings.ContainsAny(host, "/*@ ") {
		return "", errors.New("not a host name")
	}
	return names.ToASCII(strings.TrimSuffix(host, "."))
}

// dial connects to host:port. A name that is allowed may have any address; else each address is
// checked when it is dialled, so that it makes no difference what the name resolved to before.
func (r *reach) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if name, err := dnsName(host); err != nil || !r.names[name] && !r.names[name+":"+port] {
		d.ControlContext = r.check
	}
	return d.DialContext(ctx, network, address)
}

// errUnreachable: the address is not on the public internet, and not allowed.
var errUnreachable = errors.New("the address is not on the public internet")

func (r *reach) check(_ context.Context, _, address string, _ syscall.RawConn) error {
	socket, err := netip.ParseAddrPort(address)
	if err != nil || !r.has(socket) {
		return errUnreachable
	}
	return nil
}

func (r *reach) has(socket netip.AddrPort) bool {
	addr := plainAddr(socket.Addr())
	if isPublic(addr) || r.sockets[netip.AddrPortFrom(addr, socket.Port())] {
		return true
	}
	for _, p := range r.prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// plainAddr is the address without a zone, and as IPv4 if it is one.
func plainAddr(addr netip.Addr) netip.Addr { return addr.WithZone("").Unmap() }

// notPublic are the blocks of the registries of special-purpose addresses (RFC 6890 and IANA) that
// are not globally reachable, those that can hold the IPv4 address of such a one, and multicast.
var notPublic = func() (list []netip.Prefix) {
	for _, text := range strings.Fields(`
		0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
		192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
		::/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20
		5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8`) {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}()

// isPublic reports whether an address without a zone is on the public internet.
func isPublic(addr netip.Addr) bool {
	for _, p := range notPublic {
		if p.Contains(addr) {
			return false
		}
	}
	return addr.IsGlobalUnicast()
}
