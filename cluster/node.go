package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"daybook/eventlog/natslog"
	"daybook/internal/natsserver"
	"daybook/projection"
	"daybook/scheduler"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Member is one node of a cluster.
type Member struct {
	Name string // 1 to 32 of A-Z a-z 0-9 _ -
	Addr string // HOST:PORT at which the others reach it
}

// Options configure a node. Node, Members and Data must be set, and Secret or TLS.
type Options struct {
	Cluster string   // name of the cluster; "" = "daybook"
	Node    string   // name of this node, one of Members
	Members []Member // all nodes, in the same order everywhere: the first ones try first to lead
	NATS    *NATS    // that keeps the log, in place of Members; nil = each node runs a server of its log
	Secret  string   // that all nodes know
	TLS     *tls.Config
	Data    string // data folder of this node; the streams are in its folder "cluster"
	Version string // of the program
	Import  bool   // bring the log of the data folder into the cluster, which has none yet, or not all of it
	URL     string // where people reach this node, for the others to show; "" = not known
	Logger  *slog.Logger
}

// IsNodeName reports whether the name may be that of a node: 1 to 32 of A-Z a-z 0-9 _ -
func IsNodeName(name string) bool { return natslog.IsClusterName(name) }

// Errors of the options.
var (
	// ErrOptions: an option is missing or wrong. The error says which.
	ErrOptions = errors.New("cluster is not configured well")
)

// Check says what is wrong with the options, nil if nothing is.
func (o *Options) Check() error {
	wrong := func(format string, v ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrOptions}, v...)...)
	}
	if !natslog.IsClusterName(o.name()) {
		return wrong("the name of the cluster must be 1 to 32 of A-Z a-z 0-9 _ -, not %q", o.Cluster)
	}
	if o.NATS != nil {
		if !natslog.IsClusterName(o.Node) {
			return wrong("the name of this node must be 1 to 32 of A-Z a-z 0-9 _ -, not %q", o.Node)
		}
		if len(o.Members) > 0 {
			return wrong("it has a list of nodes and a NATS: with a NATS, nodes find each other through it")
		}
		if err := o.NATS.check(); err != nil {
			return wrong("%w", err)
		}
		return nil
	}
	if n := len(o.Members); n != 1 && n < 3 {
		return wrong("it has %d nodes: it must have 3 or 5, of which 1 or 2 may fail (or 1, to try it)", n)
	}
	names, addrs := map[string]bool{}, map[string]bool{}
	for _, m := range o.Members {
		switch {
		case !natslog.IsClusterName(m.Name):
			return wrong("the name of a node must be 1 to 32 of A-Z a-z 0-9 _ -, not %q", m.Name)
		case names[m.Name] || addrs[m.Addr]:
			return wrong("node %s at %s is named twice", m.Name, m.Addr)
		}
		names[m.Name], addrs[m.Addr] = true, true
	}
	if !names[o.Node] {
		return wrong("this node is %q, which is none of its members", o.Node)
	}
	if len(o.Members) > 1 && o.Secret == "" && o.TLS == nil {
		return wrong("its nodes need a way to know each other: a secret, or certificates")
	}
	if o.TLS == nil && o.Secret != "" && len(o.Secret) < leastSecret {
		return wrong("its secret has %d characters: it must have at least %d", len(o.Secret), leastSecret)
	}
	return nil
}

const leastSecret = 16

func (o *Options) name() string {
	if o.Cluster == "" {
		return "daybook"
	}
	return o.Cluster
}

// Node is one running node.
type Node struct {
	o       Options
	logger  *slog.Logger
	server  *natsserver.Server // nil = others operate the servers of the log
	conn    *nats.Conn
	stream  jetstream.JetStream
	log     *natslog.Log
	started time.Time

	beats        beats
	electorate   atomic.Pointer[electorate] // nil = not known yet
	lookEvery    time.Duration              // see lookForVoters
	tellOnce     sync.Once
	stopTelling  func()      // set by tellOnce
	followed     atomic.Bool // views is set
	saidProgress time.Time   // of those who tell: when it was last said how far this node is, zero = it is not behind

	denied atomic.Pointer[error]   // what the NATS user may not do, nil = nothing is known
	failed context.Context         // ends when this node cannot go on, with the reason
	fail   context.CancelCauseFunc // ends failed

	mu      sync.Mutex
	current *scheduler.Scheduler // guarded by mu; of the lead that this node has, or would have
	term    int64                // guarded by mu; of the lead that this node has, 0 = none
	problem string               // guarded by mu; why this node does not follow, "" = it does
	halted  bool                 // guarded by mu; a person must do what problem says
	unknown string               // guarded by mu; the event that the views do not know, and what to do; "" = there is none
	turned  chan struct{}        // guarded by mu; closed when this node halts, or follows again
	behind  time.Time            // guarded by mu; since when it lacks events, zero = it does not
	// behindOf is the newest seq that was known then; guarded by mu.
	behindOf int64
	views    *projection.Views
	sees     func(scheduler.Outlook) // guarded by mu; nil before Run
	moved    chan struct{}           // guarded by mu; closed when this node begins or ends to lead, or another one is known to
}

// Open starts the servers of this node. Close stops them. Errors: ErrOptions, an address that is taken, a folder that
// cannot be used.
func Open(o Options) (*Node, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	n := &Node{o: o, logger: o.Logger.With("node", o.Node), started: time.Now(), lookEvery: lookEvery, moved: make(chan struct{}), turned: make(chan struct{}), problem: notFoundYet}
	n.beats.init()
	n.failed, n.fail = context.WithCancelCause(context.Background())
	if err := n.connect(); err != nil {
		return nil, err
	}
	var err error
	if n.stream, err = jetstream.New(n.conn); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to the log of the cluster: %w", err), n.Close())
	}
	return n, nil
}

// connect starts the server of this node, if the nodes have servers, and connects to it.
func (n *Node) connect() (err error) {
	o := &n.o
	if o.NATS != nil {
		if n.conn, err = n.connectNATS(); err != nil {
			return err
		}
		n.warnOfSync()
		return nil
	}
	settings := natsserver.Options{Name: o.Node, Dir: filepath.Join(o.Data, "cluster"), Logger: n.logger}
	if len(o.Members) > 1 {
		settings.Cluster, settings.Secret, settings.TLS, settings.Log = o.name(), o.Secret, o.TLS, logIn(o.Data)
		for _, m := range o.Members {
			if m.Name == o.Node {
				settings.Listen = m.Addr
			} else {
				settings.Peers = append(settings.Peers, m.Addr)
			}
		}
	}
	if n.server, err = natsserver.Start(settings); err != nil {
		return err
	}
	if n.conn, err = n.server.Connect("daybook"); err != nil {
		n.server.Stop()
		return fmt.Errorf("connect to the log server of this node: %w", err)
	}
	return nil
}

const (
	joinTime  = 3 * time.Second
	retryTime = 250 * time.Millisecond
	sayAgain  = 10 * time.Second
)

// Close stops the servers of this node. The log must be closed before.
func (n *Node) Close() error {
	n.tellOnce.Do(func() {})
	if n.stopTelling != nil {
		n.stopTelling()
	}
	n.conn.Close()
	if n.server != nil {
		n.server.Stop()
	}
	n.fail(nil)
	return nil
}

// Name is the name of this node.
func (n *Node) Name() string { return n.o.Node }

// sleep waits and reports whether ctx goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Follow gives the node the views of its log. It is called once, before anything else is asked of it.
func (n *Node) Follow(views *projection.Views) {
	n.views = views
	n.followed.Store(true)
}

// seq is the newest event that this node shows, or has, while it has no views yet.
func (n *Node) seq() int64 {
	if n.followed.Load() {
		return n.views.Seq()
	}
	return n.log.Head().Seq
}

// lastLead is the lead that this node knows.
func (n *Node) lastLead() projection.Lead {
	if n.followed.Load() {
		return n.views.Lead()
	}
	return projection.Lead{}
}

// Hooks are what Run needs of the program around it.
type Hooks struct {
	// NewScheduler makes the scheduler of the next lead that this node may have. It is current from then on.
	NewScheduler func() (*scheduler.Scheduler, error)
	// Sees is called when the node that leads has told what only its memory knows.
	Sees func(scheduler.Outlook)
	// Leads is called, in a goroutine of its own, when this node has begun to lead; ctx ends with the lead.
	Leads func(ctx context.Context)
}

// setTerm notes that this node leads, or does not any more (0).
func (n *Node) setTerm(term int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.term = term
	n.wakeLocked()
}

// wakeLocked wakes those who wait for somebody to lead. mu is held.
func (n *Node) wakeLocked() {
	close(n.moved)
	n.moved = make(chan struct{})
}

// Leads reports whether this node leads.
func (n *Node) Leads() bool {
	term, _ := n.leads()
	return term > 0
}

// leads reports whether this node leads, and what to wait for if that is to change.
func (n *Node) leads() (term int64, moved <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.term, n.moved
}
