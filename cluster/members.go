package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"daybook/eventlog/natslog"
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
		others = append(others, n.voters().names...)
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
	names []string
	total int // of which some may have no name that is known
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

// lookEvery is how often a node asks which nodes keep the log.
const lookEvery = 5 * time.Second

// lookForVoters asks which nodes keep the log until ctx ends.
func (n *Node) lookForVoters(ctx context.Context) {
	for {
		asked, cancel := context.WithTimeout(ctx, tryTime)
		stream, err := n.stream.Stream(asked, natslog.StreamName(n.o.name()))
		cancel()
		if err == nil {
			if e := votersOf(stream.CachedInfo()); e.total > 0 {
				n.electorate.Store(&e)
			}
		}
		if !sleep(ctx, lookEvery) {
			return
		}
	}
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
