//go:build linux

package clustertest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// elsewhere is the loopback address of the proxies. Nodes listen on 127.0.0.1: the servers of a cluster tell each other
// at which address they see a third one, and there, with the port of the node, nobody listens. So nothing goes round a proxy.
const elsewhere = "127.0.0.99"

// network is what the nodes tell each other: a proxy for each that connects to another.
type network struct {
	own   map[string]string // where each node listens
	mu    sync.Mutex
	ways  map[[2]string]*way     // guarded by mu; by the node that says something and the one that hears it
	cut   map[[2]string]bool     // guarded by mu; pairs whose connections are broken
	conns map[net.Conn][2]string // guarded by mu; both ends of each connection, with who dialled whom
	all   map[[2]string]net.Listener
	ended sync.WaitGroup
}

// way is what one node says to another.
type way struct {
	held  bool          // nothing comes through, until it is released
	delay time.Duration // of what comes through
	moved chan struct{} // closed when held or delay changes
}

// newNetwork links nodes whose own addresses are given, by name.
func newNetwork(t *testing.T, nodes map[string]string) *network {
	t.Helper()
	n := &network{own: nodes, ways: map[[2]string]*way{}, cut: map[[2]string]bool{}, conns: map[net.Conn][2]string{}, all: map[[2]string]net.Listener{}}
	for from := range nodes {
		for to := range nodes {
			if from == to {
				continue
			}
			link := [2]string{from, to}
			n.ways[link] = &way{moved: make(chan struct{})}
			l, err := net.Listen("tcp", elsewhere+":0")
			if err != nil {
				t.Fatal(err)
			}
			n.all[link] = l
		}
	}
	for link, l := range n.all {
		n.ended.Go(func() { n.accept(link, l, nodes[link[1]]) })
	}
	t.Cleanup(n.close)
	return n
}

// addr is where a node reaches another one.
func (n *network) addr(from, to string) string { return n.all[[2]string{from, to}].Addr().String() }

func (n *network) close() {
	for _, l := range n.all {
		_ = l.Close()
	}
	n.healAll()
	n.mu.Lock()
	for c := range n.conns {
		_ = c.Close()
	}
	n.mu.Unlock()
	n.ended.Wait()
}

func (n *network) accept(link [2]string, l net.Listener, addr string) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		dialer := net.Dialer{Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(elsewhere)}}
		out, err := dialer.Dial("tcp", addr)
		n.mu.Lock()
		if err != nil || n.cut[link] || n.cut[back(link)] {
			n.mu.Unlock()
			_ = in.Close()
			if err == nil {
				_ = out.Close()
			}
			continue
		}
		n.conns[in], n.conns[out] = link, link
		n.mu.Unlock()
		n.ended.Go(func() { n.pump(link, in, out) })
		n.ended.Go(func() { n.pump(back(link), out, in) })
	}
}

func back(link [2]string) [2]string { return [2]string{link[1], link[0]} }

// chunk is what was read, and when it may come through.
type chunk struct {
	data []byte
	due  time.Time
}

// pump passes on what comes in, as the way allows.
func (n *network) pump(link [2]string, in, out net.Conn) {
	chunks := make(chan chunk, 64)
	var writing sync.WaitGroup
	writing.Go(func() {
		for c := range chunks {
			n.await(link, c.due)
			if _, err := out.Write(c.data); err != nil {
				break
			}
		}
		_ = in.Close()
		for range chunks { // the reader is to end
		}
	})
	for {
		data := make([]byte, 32<<10)
		got, err := in.Read(data)
		if got > 0 {
			n.mu.Lock()
			due := time.Now().Add(n.ways[link].delay)
			n.mu.Unlock()
			chunks <- chunk{data[:got], due}
		}
		if err != nil {
			break
		}
	}
	close(chunks)
	writing.Wait()
	_ = out.Close()
	n.mu.Lock()
	delete(n.conns, in)
	n.mu.Unlock()
}

// await waits until something may come through.
func (n *network) await(link [2]string, due time.Time) {
	if wait := time.Until(due); wait > 0 {
		time.Sleep(wait) // the delay of the network
	}
	for {
		n.mu.Lock()
		w := n.ways[link]
		held, moved := w.held, w.moved
		n.mu.Unlock()
		if !held {
			return
		}
		<-moved
	}
}

// change changes ways; mu is not held.
func (n *network) change(of func(link [2]string) bool, do func(w *way)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for link, w := range n.ways {
		if of(link) {
			do(w)
			close(w.moved)
			w.moved = make(chan struct{})
		}
	}
}

// hold lets nothing through that the link says, and nothing gets lost: it comes when it is released.
func (n *network) hold(from, to string) {
	n.change(func(l [2]string) bool { return l == [2]string{from, to} }, func(w *way) { w.held = true })
}

// slow delays all that a node says and hears.
func (n *network) slow(node string, by time.Duration) {
	n.change(func(l [2]string) bool { return l[0] == node || l[1] == node }, func(w *way) { w.delay = by })
}

// isolate holds all that a node says and hears.
func (n *network) isolate(node string) {
	n.change(func(l [2]string) bool { return l[0] == node || l[1] == node }, func(w *way) { w.held = true })
}

// sever breaks the connections of a node, with all that is on its way, and makes no new ones until the network is healed.
func (n *network) sever(node string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for link := range n.ways {
		if link[0] == node || link[1] == node {
			n.cut[link] = true
		}
	}
	n.breakLocked(node)
}

// flap breaks the connections of a node once.
func (n *network) flap(node string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.breakLocked(node)
}

func (n *network) breakLocked(node string) {
	for c, link := range n.conns {
		if link[0] == node || link[1] == node {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = c.Close()
		}
	}
}

// healAll lets everything through.
func (n *network) healAll() {
	n.mu.Lock()
	clear(n.cut)
	n.mu.Unlock()
	n.change(func([2]string) bool { return true }, func(w *way) { w.held, w.delay = false, 0 })
}
