package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"daybook/eventlog/natslog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// rank is the place of this node among all: the first ones try first to lead.
func (n *Node) rank() int {
	return slices.IndexFunc(n.members(), func(m Member) bool { return m.Name == n.o.Node })
}

// members are all nodes that are known: those of the list, those that keep the log, and others that are heard of.
func (n *Node) members() []Member {
	all := slices.Clone(n.o.Members)
	if n.o.NATS != nil {
		all = append(all, Member{Name: n.o.Node})
	}
	others := n.beats.names()
	if n.o.NATS == nil {
		voters := n.voters()
		others = append(others, voters.names...)
		gone := func(name string) bool {
			return slices.Contains(voters.removed, name) && !slices.Contains(voters.names, name) && !n.runs(name)
		}
		all = slices.DeleteFunc(all, func(m Member) bool { return gone(m.Name) })
		others = slices.DeleteFunc(others, gone)
	}
	slices.Sort(others)
	for _, name := range others {
		if !slices.ContainsFunc(all, func(m Member) bool { return m.Name == name }) {
			b, _ := n.beats.of(name)
			all = append(all, Member{Name: name, Addr: b.Addr})
		}
	}
	if n.o.NATS != nil {
		slices.SortFunc(all, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	}
	return all
}

// replicasFor is how many copies a log on so many nodes has.
func replicasFor(nodes int) int {
	switch {
	case nodes >= 5:
		return 5
	case nodes >= 3:
		return 3
	}
	return 1
}

// replicas is how many copies a new stream gets.
func (n *Node) replicas() int {
	if n.o.NATS != nil {
		return n.o.NATS.Replicas
	}
	return replicasFor(len(n.o.Members))
}

// leastReplicas is how many copies a stream must have. A cluster of five may have begun with three.
func (n *Node) leastReplicas() int {
	if n.o.NATS != nil {
		return n.o.NATS.Replicas
	}
	return min(n.replicas(), 3)
}

// electorate are the nodes of which more than half must have what is appended.
type electorate struct {
	names   []string
	total   int      // of which some may have no name that is known
	removed []string // nodes that were removed and are none any more, also if a list still has them
}

// voters are the nodes that keep the log, as the NATS servers last said, or those of the list.
func (n *Node) voters() electorate {
	if known := n.electorate.Load(); known != nil {
		return *known
	}
	e := electorate{total: len(n.o.Members)}
	for _, m := range n.o.Members {
		e.names = append(e.names, m.Name)
	}
	return e
}

// lookEvery is how often a node asks which nodes keep the log, if nobody says that it should.
const lookEvery = 5 * time.Second

// lookSubject is the subject by which a node has all ask which nodes keep the log.
func (n *Node) lookSubject() string { return "daybook." + n.o.name() + ".look" }

// haveAllLook has all nodes ask which nodes keep the log. Who does not hear it asks later.
func (n *Node) haveAllLook() { _ = n.conn.Publish(n.lookSubject(), nil) }

// lookForVoters asks which nodes keep the log until ctx ends.
func (n *Node) lookForVoters(ctx context.Context) {
	said := make(chan *nats.Msg, 16)
	if heard, err := n.conn.ChanSubscribe(n.lookSubject(), said); err == nil {
		defer func() { _ = heard.Unsubscribe() }()
	}
	for {
		next := n.lookEvery
		asked, cancel := context.WithTimeout(ctx, tryTime)
		stream, err := n.stream.Stream(asked, natslog.StreamName(n.o.name()))
		cancel()
		if err != nil {
			next = min(next, tryTime)
		} else if e := votersOf(stream.CachedInfo()); e.total > 0 {
			n.electorate.Store(&e)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		case <-said:
		}
	}
}

// copies is how many copies a stream gets that is made beside the log: as many as that has, whatever the list of this node says.
func (n *Node) copies(ctx context.Context) (int, error) {
	log, err := n.stream.Stream(ctx, natslog.StreamName(n.o.name()))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return n.replicas(), nil
	}
	if err != nil {
		return 0, err
	}
	return log.CachedInfo().Config.Replicas, nil
}

// strangerFor is how long a node of another log is told of after it has tried to come in; it tries once a second.
const strangerFor = 15 * time.Second

// stranger says which node of another log tries to come in, "" = none does.
func (n *Node) stranger() string {
	if n.server == nil {
		return ""
	}
	s := n.server.Stranger()
	if s.At.IsZero() || time.Since(s.At) > strangerFor {
		return ""
	}
	return fmt.Sprintf("a node at %s that has another log is refused (%s; that of this node is %s). If it is of another cluster, correct the addresses in --cluster, there or here, and give each cluster its own --cluster-name; if not, move the folder with the wrong log away", s.From, s.Log, n.log.ID())
}

// runs reports whether a node is heard of, or is this one.
func (n *Node) runs(name string) bool {
	if name == n.o.Node {
		return true
	}
	b, ok := n.beats.of(name)
	return ok && !b.Stopped && time.Since(b.heard) < silentAfter
}

// running counts the nodes that run.
func (n *Node) running(names []string) (running int) {
	for _, name := range names {
		if n.runs(name) {
			running++
		}
	}
	return running
}

// heard is how many nodes run and are heard, this one among them.
func (n *Node) heard() (heard int) {
	for _, m := range n.members() {
		if n.runs(m.Name) {
			heard++
		}
	}
	return heard
}

// hasMajority reports whether this node hears more than half of the nodes that keep the log, or is connected to the NATS that
// keeps it.
func (n *Node) hasMajority() bool {
	if n.o.NATS != nil {
		return n.conn.IsConnected()
	}
	e := n.voters()
	return n.running(e.names) > e.total/2
}
