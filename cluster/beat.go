package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"daybook/eventlog/sqlitelog"
	"daybook/scheduler"

	"github.com/nats-io/nats.go"
)

// beatEvery is how often a node tells the others how it is.
const beatEvery = 500 * time.Millisecond

// Beat is what a node tells the others about itself.
type Beat struct {
	Node    string    `json:"node"`
	Addr    string    `json:"addr,omitempty"` // at which the others reach it
	Log     string    `json:"log,omitempty"`  // ID of the log that it has
	Leads   bool      `json:"leads"`
	Term    int64     `json:"term"`              // of the lead that it knows
	Seq     int64     `json:"seq"`               // that its views have
	Wall    time.Time `json:"wall"`              // its clock
	Started time.Time `json:"started"`           // its process
	Version string    `json:"version"`           // of the program
	URL     string    `json:"url,omitempty"`     // where people reach it
	Stopped bool      `json:"stopped,omitempty"` // its last one
	Problem string    `json:"problem,omitempty"` // why it does not follow
	Halted  bool      `json:"halted,omitempty"`  // it does not until a person does what Problem says

	LagSeconds float64 `json:"lag_seconds"` // for how long it has lacked events that another node has
	FreeBytes  int64   `json:"disk_free_bytes"`

	Outlook *scheduler.Outlook `json:"outlook,omitempty"` // of the node that leads

	heard time.Time // on the clock of this node
}

// beats is what this node has heard.
type beats struct {
	mu sync.Mutex
	by map[string]Beat // guarded by mu
}

func (b *beats) init() { b.by = map[string]Beat{} }

// of returns the latest beat of a node.
func (b *beats) of(node string) (Beat, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last, ok := b.by[node]
	return last, ok
}

// forgetAfter is after how long without a word a node of no list is forgotten.
const forgetAfter = time.Hour

// names are the nodes that were heard of lately.
func (b *beats) names() (names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, last := range b.by {
		if time.Since(last.heard) > forgetAfter {
			delete(b.by, name)
			continue
		}
		names = append(names, name)
	}
	return names
}

// leading returns the beat of the node that says it leads, of the newest term.
func (b *beats) leading() (newest Beat, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range b.by {
		if one.Leads && one.Term > newest.Term {
			newest, ok = one, true
		}
	}
	return newest, ok
}

// newestTerm is the newest term that others know.
func (b *beats) newestTerm() (term int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range b.by {
		term = max(term, one.Term)
	}
	return term
}

// subject of what all nodes hear.
func (n *Node) beatSubject() string { return "daybook." + n.o.name() + ".beat" }

// tell begins to tell the others, and to hear them, once. Close ends both, or stopTelling.
func (n *Node) tell() (err error) {
	n.tellOnce.Do(func() { n.stopTelling, err = n.beginToTell() })
	return err
}

func (n *Node) beginToTell() (stop func(), err error) {
	heard, err := n.conn.Subscribe(n.beatSubject(), func(m *nats.Msg) {
		var b Beat
		if json.Unmarshal(m.Data, &b) != nil {
			return
		}
		if b.Node == n.o.Node {
			n.notTwice(&b)
			return
		}
		b.heard = time.Now()
		n.see(&b)
		n.beats.mu.Lock()
		before := n.beats.by[b.Node]
		n.beats.by[b.Node] = b
		n.beats.mu.Unlock()
		if before.Leads != b.Leads {
			n.mu.Lock()
			n.wakeLocked()
			n.mu.Unlock()
		}
	})
	if err != nil {
		return nil, err
	}
	asking, endAsking := context.WithCancel(context.Background())
	var beside sync.WaitGroup
	beside.Go(func() { n.lookForVoters(asking) })
	done := make(chan struct{})
	beside.Go(func() {
		ticker := time.NewTicker(beatEvery)
		defer ticker.Stop()
		for {
			_, moved := n.leads()
			n.sayProgress(n.send(false))
			n.revive()
			select {
			case <-ticker.C:
			case <-moved:
			case <-done:
				n.send(true)
				_ = n.conn.FlushTimeout(time.Second)
				return
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		endAsking()
		beside.Wait()
		_ = heard.Unsubscribe()
	}), nil
}

// sayProgress says how far this node is with what it lacks, now and then.
func (n *Node) sayProgress(b Beat) {
	newest := n.newestSeq()
	switch {
	case b.LagSeconds > behindAfter.Seconds() && time.Since(n.saidProgress) > sayAgain/2:
		n.saidProgress = time.Now()
		n.logger.Info("catching up with the log of the cluster", "event", b.Seq, "of", newest)
	case b.LagSeconds == 0 && b.Seq >= newest && !n.saidProgress.IsZero():
		n.saidProgress = time.Time{}
		n.logger.Info("caught up with the log of the cluster", "event", b.Seq)
	}
}

// ErrTwin: another process that runs has the name of this node.
var ErrTwin = errors.New("another process is a node of this name: give each node its own --node")

// notTwice ends the younger one of two nodes with one name.
func (n *Node) notTwice(b *Beat) {
	if !b.Stopped && b.Started.Before(n.started) {
		n.fail(fmt.Errorf("%w (%s)", ErrTwin, n.o.Node))
	}
}

// roomToRevive is the free disk space with which a log server that had none works again, in bytes.
const roomToRevive = 128 << 20

// revive lets the log server of this node go on when there is room again.
func (n *Node) revive() {
	if n.o.NATS != nil || sqlitelog.FreeBytes(n.o.Data) < roomToRevive {
		return
	}
	revived, err := n.server.Revive()
	if err != nil {
		n.logger.Error("the log server of this node does not go on; restart the node", "error", err)
	}
	if revived {
		n.logger.Info("the log server of this node goes on")
	}
}

// see gives away what only the memory of the node that leads knows.
func (n *Node) see(b *Beat) {
	n.mu.Lock()
	sees, leads := n.sees, n.term > 0
	n.mu.Unlock()
	if b.Leads && b.Outlook != nil && sees != nil && !leads {
		sees(*b.Outlook)
	}
	b.Outlook = nil // it is not kept twice
}

// send sends one beat, and returns it.
func (n *Node) send(last bool) Beat {
	b := n.own()
	b.Stopped = last
	if b.Leads {
		n.mu.Lock()
		current := n.current
		n.mu.Unlock()
		outlook := current.Outlook()
		b.Outlook = &outlook
	}
	text, _ := json.Marshal(b) // of texts and numbers
	_ = n.conn.Publish(n.beatSubject(), text)
	return b
}

// addr is where the others reach this node, "" = at a NATS of others.
func (n *Node) addr() string {
	for _, m := range n.o.Members {
		if m.Name == n.o.Node {
			return m.Addr
		}
	}
	return ""
}

// own is the beat of this node.
func (n *Node) own() Beat {
	term, _ := n.leads()
	problem, halted := n.doesNotFollow()
	now := time.Now()
	b := Beat{Node: n.o.Node, Leads: term > 0, Wall: now, Started: n.started, Version: n.o.Version, URL: n.o.URL, Problem: problem, Halted: halted, heard: now,
		Addr: n.addr(), Log: n.log.ID()}
	b.Seq, b.Term = n.seq(), n.lastLead().Term
	newest := n.newestSeq()
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case b.Seq >= newest:
		n.behind = time.Time{}
	case n.behind.IsZero() || b.Seq >= n.behindOf: // it has caught up with what it lacked, and lacks other events
		n.behind, n.behindOf = now, newest
	default:
		b.LagSeconds = now.Sub(n.behind).Seconds()
	}
	b.FreeBytes = sqlitelog.FreeBytes(n.o.Data)
	return b
}
