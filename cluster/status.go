package cluster

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"daybook/eventlog/natslog"

	"github.com/nats-io/nats.go/jetstream"
)

// Status is a cluster as one of its nodes sees it.
type Status struct {
	Name    string       `json:"name"`
	Node    string       `json:"node"`    // that answers
	Leader  *LeaderState `json:"leader"`  // null = nobody has led yet
	Leading bool         `json:"leading"` // the leader is heard of: writes are taken
	Nodes   []NodeState  `json:"nodes"`
	Stream  *StreamState `json:"stream"`  // null = it cannot be reached
	Missing []string     `json:"missing"` // what keeps the cluster from being as safe as it can be, and what to do
}

// LeaderState says who leads.
type LeaderState struct {
	Node  string    `json:"node"`
	Term  int64     `json:"term"` // how many have led, from 1
	Since time.Time `json:"since"`
	Seq   int64     `json:"seq"` // of the event that says so
}

// NodeState is how one node is.
type NodeState struct {
	Name        string     `json:"name"`
	Addr        string     `json:"addr"`
	URL         *string    `json:"url"` // where people reach it; null = not known
	State       string     `json:"state"`
	HeardAt     *time.Time `json:"heard_at"` // null = never
	Seq         int64      `json:"seq"`      // that its views show
	LagEvents   int64      `json:"lag_events"`
	LagSeconds  float64    `json:"lag_seconds"`
	SkewSeconds float64    `json:"clock_skew_seconds"` // of its clock, against that of the node that answers
	Version     string     `json:"version"`
	StartedAt   *time.Time `json:"started_at"`
	FreeBytes   int64      `json:"disk_free_bytes"`
	KeepsLog    bool       `json:"keeps_log"` // its copy counts: more than half of those that keep the log must have an append
	Problem     *string    `json:"problem"`   // why it does not follow
}

// States of a node.
const (
	stateLeads   = "leads"
	stateFollows = "follows"
	stateBehind  = "behind" // it does not have the latest events yet
	stateCutOff  = "cut_off"
	stateHalted  = "halted" // it does not follow the log until a person does what its problem says
	stateStopped = "stopped"
	stateSilent  = "silent" // nothing was heard for 3 s
)

// StreamState is the log as the NATS servers keep it.
type StreamState struct {
	Messages uint64         `json:"messages"`
	Bytes    uint64         `json:"bytes"`
	Leader   string         `json:"leader"` // the server that orders it: another thing than who leads the queue
	Replicas []ReplicaState `json:"replicas"`
}

// ReplicaState is one copy of the stream.
type ReplicaState struct {
	Node    string `json:"node"`
	Current bool   `json:"current"`
	Lag     uint64 `json:"lag_messages"`
	Offline bool   `json:"offline"`
}

// Status asks how the cluster is.
func (n *Node) Status(ctx context.Context) Status {
	s := Status{Name: n.o.name(), Node: n.o.Node, Nodes: []NodeState{}}
	if lead := n.views.Lead(); lead.Term > 0 {
		s.Leader = &LeaderState{Node: lead.Node, Term: lead.Term, Since: time.UnixMicro(int64(lead.Since)).UTC(), Seq: lead.Seq}
	}
	leader, _, _ := n.leader()
	s.Leading = leader != ""
	newest := n.newestSeq()
	for _, m := range n.members() {
		b, heard := n.own(), true
		if m.Name != n.o.Node {
			b, heard = n.beats.of(m.Name)
		}
		state := stateOf(m, &b, heard, newest)
		state.KeepsLog = slices.Contains(n.voters().names, m.Name)
		s.Nodes = append(s.Nodes, state)
	}
	infos := n.streamsNow(ctx)
	s.Stream = n.streamState(infos)
	s.Missing = n.missing(&s, infos)
	return s
}

// missing lists what keeps the cluster from being as safe as it can be.
func (n *Node) missing(s *Status, streams []*jetstream.StreamInfo) []string {
	list := []string{}
	for i := range s.Nodes {
		if one := &s.Nodes[i]; math.Abs(one.SkewSeconds) > mostSkew.Seconds() {
			list = append(list, fmt.Sprintf("The clock of node %s is off by %s, as seen from node %s. Set it, and keep all clocks in step, as with NTP: due times follow the clock of the node that leads",
				one.Name, time.Duration(one.SkewSeconds*float64(time.Second)).Round(time.Second), s.Node))
		}
	}
	if n.o.NATS != nil {
		return list
	}
	if stranger := n.stranger(); stranger != "" {
		list = append(list, strings.ToUpper(stranger[:1])+stranger[1:])
	}
	var keep, listed int
	for i := range s.Nodes {
		one := &s.Nodes[i]
		if one.State != stateSilent && one.State != stateStopped {
			listed++
		}
		if !one.KeepsLog {
			continue
		}
		keep++
		if one.State == stateSilent || one.State == stateStopped {
			list = append(list, fmt.Sprintf("Node %s does not run. If its disk is lost, start it with an empty folder, or start another node, and remove it: daybook cluster remove %s", one.Name, one.Name))
		}
	}
	total := n.voters().total
	if total > keep {
		list = append(list, fmt.Sprintf("%d nodes that keep the log have not been heard of", total-keep))
	}
	if want := replicasFor(listed); want > total {
		list = append(list, fmt.Sprintf("%d nodes run, and %d keep the log. Let %d keep it: daybook cluster add NAME", listed, total, want))
	}
	if s.Stream == nil {
		return list
	}
	for _, one := range streams[1:] {
		if have, want := one.Config.Replicas, streams[0].Config.Replicas; have < want {
			list = append(list, fmt.Sprintf("Stream %s has %d copies, and the log has %d. Give it as many: daybook cluster add %s", one.Config.Name, have, want, s.Node))
		}
	}
	for _, r := range s.Stream.Replicas {
		if !r.Current && !r.Offline && n.runs(r.Node) {
			list = append(list, fmt.Sprintf("The copy of node %s is not whole yet", r.Node))
		}
	}
	return list
}

// newestSeq is the newest seq that any node has told of.
func (n *Node) newestSeq() int64 {
	newest := n.seq()
	n.beats.mu.Lock()
	defer n.beats.mu.Unlock()
	for _, b := range n.beats.by {
		newest = max(newest, b.Seq)
	}
	return newest
}

func stateOf(m Member, b *Beat, heard bool, newest int64) NodeState {
	s := NodeState{Name: m.Name, Addr: m.Addr, State: stateSilent}
	if !heard {
		return s
	}
	s.HeardAt, s.StartedAt = &b.heard, &b.Started
	s.Seq, s.LagEvents, s.LagSeconds, s.Version, s.FreeBytes = b.Seq, newest-b.Seq, b.LagSeconds, b.Version, b.FreeBytes
	s.SkewSeconds = b.Wall.Sub(b.heard).Seconds()
	if b.URL != "" {
		s.URL = &b.URL
	}
	if b.Problem != "" {
		s.Problem = &b.Problem
	}
	switch {
	case b.Stopped:
		s.State = stateStopped
	case time.Since(b.heard) > silentAfter:
	case b.Leads:
		s.State = stateLeads
	case b.Halted:
		s.State = stateHalted
	case b.Problem != "":
		s.State = stateCutOff
	case b.LagSeconds > behindAfter.Seconds():
		s.State = stateBehind
	default:
		s.State = stateFollows
	}
	return s
}

// behindAfter is how long a node may lack events until it is called behind.
const behindAfter = 2 * time.Second

// mostSkew is how far a clock may be off until that is said.
const mostSkew = 5 * time.Second

// streamsNow asks the NATS servers how the streams are, that of the log first; nil = they cannot be reached.
func (n *Node) streamsNow(ctx context.Context) (infos []*jetstream.StreamInfo) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	var err error
	if n.o.NATS != nil { // which may have streams of others
		infos, err = n.infosOf(ctx, []string{natslog.StreamName(n.o.name())})
	} else {
		infos, err = n.streamInfos(ctx)
	}
	if err != nil {
		return nil
	}
	return infos
}

// streamState is how the streams are.
func (n *Node) streamState(infos []*jetstream.StreamInfo) *StreamState {
	if len(infos) == 0 {
		return nil
	}
	info := infos[0]
	s := &StreamState{Messages: info.State.Msgs, Bytes: info.State.Bytes, Replicas: []ReplicaState{}}
	if info.Cluster == nil {
		s.Leader = n.conn.ConnectedServerName()
		return s
	}
	s.Leader = info.Cluster.Leader
	if s.Leader != "" {
		s.Replicas = append(s.Replicas, ReplicaState{Node: s.Leader, Current: true})
	}
	for _, p := range info.Cluster.Replicas {
		s.Replicas = append(s.Replicas, ReplicaState{Node: p.Name, Current: p.Current, Lag: p.Lag, Offline: p.Offline})
	}
	for _, other := range infos[1:] { // a copy is whole when those of the other streams are
		if other.Cluster == nil {
			continue
		}
		for _, p := range other.Cluster.Replicas {
			if i := slices.IndexFunc(s.Replicas, func(r ReplicaState) bool { return r.Node == p.Name }); i >= 0 {
				s.Replicas[i].Current = s.Replicas[i].Current && p.Current
				s.Replicas[i].Lag += p.Lag
			}
		}
	}
	return s
}

// Numbers are what a node measures.
type Numbers struct {
	Leads bool
	Term  int64   // how many have led
	Lag   float64 // seconds for which this node has lacked events
	Heard int     // nodes that run and are heard, this one among them
	Nodes int     // all
}

// Numbers measures this node.
func (n *Node) Numbers() Numbers {
	b := n.own()
	return Numbers{Leads: b.Leads, Term: b.Term, Lag: b.LagSeconds, Heard: n.heard(), Nodes: len(n.members())}
}

// Ready says why this node is not ready to answer, nil if it is: it follows and is not behind, or leads.
func (n *Node) Ready() error {
	b := n.own()
	switch {
	case !n.hasMajority() && n.o.NATS != nil:
		return errors.New("this node is not connected to NATS, which keeps the log")
	case !n.hasMajority():
		return errors.New("this node hears fewer than half of the others")
	case b.Leads:
		return nil
	case b.Halted:
		return errors.New("this node does not follow the log of the cluster: " + b.Problem)
	case b.Problem != "":
		return errors.New("this node cannot reach the log of the cluster: " + b.Problem)
	case b.LagSeconds > behindAfter.Seconds():
		return errors.New("this node does not have the latest events of the log yet")
	}
	return nil
}
