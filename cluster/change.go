package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/natslog"

	"github.com/nats-io/nats.go/jetstream"
)

// Change is what has come of adding or removing a node. It takes as long as the log takes to be copied: the same call says how far it is.
type Change struct {
	Node string `json:"node"`
	Done bool   `json:"done"`
	Next string `json:"next"` // what is waited for, or what a person should do
}

// ErrRefused: the cluster cannot be changed so. The error says what to do first.
var ErrRefused = errors.New("cluster stays as it is")

func refused(format string, v ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrRefused}, v...)...)
}

// Add gives a node that runs a part in keeping the log, if the number of nodes allows three or five copies.
func (n *Node) Add(ctx context.Context, name string) (Change, error) {
	done := Change{Node: name, Done: true}
	if err := n.canChange(name); err != nil {
		return done, err
	}
	b, _ := n.beats.of(name)
	switch {
	case !n.runs(name):
		return done, refused("node %s is not heard of: start it with --node %s, and with all nodes and itself in --cluster; then add it", name, name)
	case name != n.o.Node && b.Log != n.log.ID():
		return done, refused("node %s has another log: stop it, move its folder away, start it with an empty one; then add it", name)
	case b.Problem != "":
		return done, refused("node %s does not follow the log (%s); add it when it does", name, b.Problem)
	}
	infos, err := n.streamInfos(ctx)
	if err != nil {
		return done, err
	}
	defer n.haveAllLook()
	voters := votersOf(infos[0])
	if err := n.setRemoved(ctx, infos[0], slices.DeleteFunc(voters.removed, func(one string) bool { return one == name })); err != nil {
		return done, err
	}
	keep := voters.names
	want := replicasFor(len(n.candidates(infos[0])))
	copied := true
	for _, info := range infos {
		if info.Config.Replicas < want {
			config := info.Config
			config.Replicas = want
			if _, err := n.stream.UpdateStream(ctx, config); err != nil {
				return done, notChanged("raise the copies of the log", err)
			}
			copied = false
			n.logger.Info("the log gets more copies", "stream", config.Name, "copies", want)
		}
		copied = copied && areCurrent(info) && len(votersOf(info).names) >= want
	}
	switch {
	case !copied:
		return Change{Node: name, Next: fmt.Sprintf("the log is being copied, so that %d nodes have it", want)}, nil
	case !slices.Contains(keep, name):
		done.Next = fmt.Sprintf("node %s reads the log, and answers and runs tasks; %d other nodes keep it, and its copy does not count. It takes part when another node makes five, or in place of a node that is removed", name, len(keep))
	default:
		done.Next = fmt.Sprintf("%d nodes keep the log, of which %d may fail. Name node %s in --cluster of the others before they are started the next time; nothing needs a restart now", len(keep), (len(keep)-1)/2, name)
	}
	return done, nil
}

// Remove moves the log from a node to others. When the node does not run any more, it is forgotten.
func (n *Node) Remove(ctx context.Context, name string) (Change, error) {
	done := Change{Node: name, Done: true}
	if err := n.canChange(name); err != nil {
		return done, err
	}
	if name == n.o.Node {
		return done, refused("node %s leads: stop it, and another one leads; then remove it", name)
	}
	infos, err := n.streamInfos(ctx)
	if err != nil {
		return done, err
	}
	defer n.haveAllLook()
	if !slices.ContainsFunc(n.members(), func(m Member) bool { return m.Name == name }) {
		return done, refused("there is no node %s: `daybook cluster status` shows all", name)
	}
	rest := slices.DeleteFunc(n.candidates(infos[0]), func(one string) bool { return one == name })
	if n.running(rest) < 3 {
		return done, refused("without node %s only %d nodes run, and a cluster needs three: start another one first, or go back to one machine", name, n.running(rest))
	}
	for _, info := range infos {
		waits, err := n.moveOff(ctx, info, name, min(info.Config.Replicas, replicasFor(len(rest))))
		if err != nil || waits != "" {
			return Change{Node: name, Next: waits}, err
		}
	}
	if n.runs(name) {
		return Change{Node: name, Next: fmt.Sprintf("the log is on other nodes now: stop node %s", name)}, nil
	}
	if err := n.server.Forget(ctx, name); err != nil {
		return done, notChanged("remove the node", err)
	}
	if err := n.setRemoved(ctx, infos[0], append(votersOf(infos[0]).removed, name)); err != nil {
		return done, err
	}
	n.logger.Info("a node was removed", "removed", name)
	done.Next = fmt.Sprintf("node %s is removed. Take it off --cluster of the others before they are started the next time; nothing needs a restart now", name)
	return done, nil
}

// metaRemoved is the key of the nodes that were removed, with commas between, in the metadata of the stream of the log. So all nodes
// know, also those that begin later with a list that still has them.
const metaRemoved = "daybook_removed"

// setRemoved notes which nodes were removed.
func (n *Node) setRemoved(ctx context.Context, info *jetstream.StreamInfo, names []string) error {
	slices.Sort(names)
	text := strings.Join(slices.Compact(names), ",")
	if info.Config.Metadata[metaRemoved] == text {
		return nil
	}
	config := info.Config
	config.Metadata = maps.Clone(config.Metadata)
	if config.Metadata[metaRemoved] = text; text == "" {
		delete(config.Metadata, metaRemoved)
	}
	changed, err := n.stream.UpdateStream(ctx, config)
	if err != nil {
		return notChanged("note which nodes were removed", err)
	}
	info.Config = changed.CachedInfo().Config
	return nil
}

// moveOff moves a stream from a node to others, with so many copies in the end. It says what it waits for, "" = it is done.
func (n *Node) moveOff(ctx context.Context, info *jetstream.StreamInfo, name string, copies int) (waits string, err error) {
	stream := info.Config.Name
	voters := votersOf(info)
	keep := voters.names
	waits = fmt.Sprintf("the log is being copied, so that %d nodes have it", copies)
	switch {
	case info.Config.Replicas > copies:
		config := info.Config
		config.Replicas = copies
		if _, err := n.stream.UpdateStream(ctx, config); err != nil {
			return "", notChanged("lower the copies of the log", err)
		}
		n.logger.Info("the log gets fewer copies", "stream", stream, "copies", copies)
		return waits, nil
	case !slices.Contains(keep, name) && len(keep) == voters.total: // nobody without a name is left
		if !areCurrent(info) || len(keep) < copies {
			return waits, nil
		}
		return "", nil
	}
	how := "EVACUATE" // it stays until another one has all
	if !n.runs(name) {
		how = "REMOVE"
	}
	var said struct {
		Error *jetstream.APIError `json:"error"`
	}
	question, err := json.Marshal(map[string]string{"peer": name})
	if err != nil {
		return "", err // not for names
	}
	answer, err := n.conn.RequestWithContext(ctx, "$JS.API.STREAM.PEER."+how+"."+stream, question)
	if err == nil {
		err = json.Unmarshal(answer.Data, &said)
	}
	if err != nil {
		return "", notChanged("move the log", err)
	}
	switch {
	case said.Error == nil:
		n.logger.Info("the log moves from a node to another", "stream", stream, "from", name)
	case said.Error.ErrorCode == codeNotPeer:
		return "", nil
	case said.Error.ErrorCode != codeNoOtherPeer:
		return "", notChanged("move the log", said.Error)
	}
	return waits, nil
}

// Error codes of JetStream.
const (
	codeNotPeer     = 10040 // the server has no copy of the stream
	codeNoOtherPeer = 10075 // a stream cannot be moved, or is being moved
)

// canChange refuses what this cluster cannot do at all.
func (n *Node) canChange(name string) error {
	switch {
	case n.o.NATS != nil:
		return refused("its nodes use a NATS that others operate: any number may come and go, and `nats stream edit --replicas` changes the copies of the log")
	case len(n.o.Members) == 1:
		return refused("it is of one node: stop it, move its folder cluster away, and start it with three nodes in --cluster and with --cluster-import")
	case !IsNodeName(name):
		return refused("%q is no name of a node", name)
	}
	return nil
}

func notChanged(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", eventlog.ErrUnavailable, what, err)
}

// streamInfos asks how all streams are, that of the log first. Some are made when they are needed.
func (n *Node) streamInfos(ctx context.Context) ([]*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	names := []string{natslog.StreamName(n.o.name())}
	lister := n.stream.StreamNames(ctx) // the servers of the nodes have no others
	for name := range lister.Name() {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if err := lister.Err(); err != nil {
		return nil, notChanged("look for the log", err)
	}
	return n.infosOf(ctx, names)
}

// infosOf asks how streams are.
func (n *Node) infosOf(ctx context.Context, names []string) (infos []*jetstream.StreamInfo, err error) {
	for _, name := range names {
		stream, err := n.stream.Stream(ctx, name)
		if err != nil {
			return nil, notChanged("look for the log", err)
		}
		infos = append(infos, stream.CachedInfo())
	}
	return infos, nil
}

// votersOf are the servers that have a copy of a stream.
func votersOf(info *jetstream.StreamInfo) (e electorate) {
	if info.Cluster == nil || info.Cluster.Leader == "" {
		return e
	}
	e.names = append(e.names, info.Cluster.Leader)
	e.total = 1 + len(info.Cluster.Replicas)
	if text := info.Config.Metadata[metaRemoved]; text != "" {
		e.removed = strings.Split(text, ",")
	}
	for _, r := range info.Cluster.Replicas {
		if !strings.ContainsRune(r.Name, ' ') { // NATS has a sentence for one that it has not heard of since it started
			e.names = append(e.names, r.Name)
		}
	}
	return e
}

// candidates are the nodes that can keep a stream: those that do, and others that run.
func (n *Node) candidates(info *jetstream.StreamInfo) []string {
	all := votersOf(info).names
	for _, m := range n.members() {
		if n.runs(m.Name) && !slices.Contains(all, m.Name) {
			all = append(all, m.Name)
		}
	}
	return all
}

// areCurrent reports whether all copies that are reached are whole.
func areCurrent(info *jetstream.StreamInfo) bool {
	return info.Cluster != nil && !slices.ContainsFunc(info.Cluster.Replicas, func(r *jetstream.PeerInfo) bool { return !r.Current && !r.Offline })
}
