package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/natslog"
	"daybook/eventlog/sqlitelog"
	"daybook/projection"
)

// haltedRetry is how often a node that has halted looks whether somebody has done what its problem says.
const haltedRetry = 2 * time.Second

// read joins the log of the cluster and follows it. What it cannot read it tries again: this node answers meanwhile, and says
// why it does not follow. It returns when ctx ends (nil), or with an error with which this node must not go on.
func (n *Node) read(ctx context.Context) error {
	for {
		tried, cancel := context.WithTimeout(ctx, joinTime)
		err := n.log.Join(tried)
		cancel()
		if err == nil {
			err = n.log.CatchUp(ctx) // a log that can be joined may have what cannot be read
		}
		if err == nil {
			n.note(nil)
			err = n.log.Follow(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		if mustEnd(err) {
			return err
		}
		n.note(err)
		wait := retryTime
		if !isPassing(err) {
			wait = haltedRetry
		}
		if !sleep(ctx, wait) {
			return nil
		}
	}
}

// mustEnd reports whether a node must not go on: its folder is of another log, or it is not known what its folder has.
func mustEnd(err error) bool {
	return errors.Is(err, natslog.ErrHistory) || errors.Is(err, sqlitelog.ErrOther) || errors.Is(err, eventlog.ErrUnknown)
}

// isPassing reports whether waiting may help.
func isPassing(err error) bool {
	if mustEnd(err) || errors.Is(err, natslog.ErrStream) || errors.Is(err, eventlog.ErrDamaged) {
		return false
	}
	return errors.Is(err, eventlog.ErrUnavailable) || errors.Is(err, eventlog.ErrFull) || errors.Is(err, natslog.ErrNoStream) ||
		errors.Is(err, context.DeadlineExceeded)
}

// streamIsDamaged reports whether it is the stream that is damaged, and not the folder of this node.
func (n *Node) streamIsDamaged(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	err := n.log.Join(ctx)
	return errors.Is(err, eventlog.ErrDamaged) && !mustEnd(err)
}

// notFoundYet is the problem of a node that has not looked for the log yet.
const notFoundYet = "it has not found the log yet"

// note keeps why this node does not follow; nil = it does.
func (n *Node) note(err error) {
	problem, halted := "", false
	switch {
	case err == nil:
	case errors.Is(err, natslog.ErrNoStream):
		problem = err.Error()
	case errors.Is(err, eventlog.ErrFull):
		problem = "the disk of this node is full: free some space"
	case !isPassing(err): // somebody has edited the stream or deleted messages, or a newer version writes other ones
		problem, halted = err.Error(), true
	case n.o.NATS != nil:
		problem = "the log of the cluster cannot be reached: NATS must run with JetStream, and more than half of the servers that keep the log"
		if denied := n.denied.Load(); denied != nil {
			problem = (*denied).Error()
		}
	case n.stranger() != "":
		problem = "the log of the cluster cannot be reached, and " + n.stranger()
	default:
		problem = "the log of the cluster cannot be reached: more than half of the nodes must run and reach each other"
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case halted && !n.halted:
		n.logger.Error("this node follows the log no more; it answers reads, and passes writes on", "error", err)
	case (n.problem == "" || n.problem == notFoundYet) && problem != "":
		n.logger.Info("the log of the cluster cannot be reached", "error", err)
	case n.halted && problem == "":
		n.logger.Info("this node follows the log again")
	}
	before := n.halted
	n.problem, n.halted = problem, halted
	if halted != before {
		n.turnLocked()
	}
}

// turnLocked wakes those who wait for this node to halt, or to follow again. mu is held.
func (n *Node) turnLocked() {
	close(n.turned)
	n.turned = make(chan struct{})
}

// doesNotFollow is why this node does not follow the log, "" = it does; halted = until a person does what it says.
func (n *Node) doesNotFollow() (problem string, halted bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.unknown != "" {
		return n.unknown, true
	}
	return n.problem, n.halted
}

// isHalted reports whether this node does not follow the log until a person does something.
func (n *Node) isHalted() bool {
	_, halted := n.doesNotFollow()
	return halted
}

// WhileFollowing waits until this node follows the log, and returns a context that ends when it halts, or ctx ends: a node that
// has halted must not begin with tasks that it cannot see. end must be called.
func (n *Node) WhileFollowing(ctx context.Context) (following context.Context, end func()) {
	following, cancel := context.WithCancel(ctx)
	for ctx.Err() == nil {
		n.mu.Lock()
		halted, turned := n.halted || n.unknown != "", n.turned
		n.mu.Unlock()
		if !halted {
			var watching sync.WaitGroup
			watching.Go(func() {
				select {
				case <-turned:
					cancel()
				case <-following.Done():
				}
			})
			return following, func() { cancel(); watching.Wait() }
		}
		select {
		case <-turned:
		case <-ctx.Done():
		}
	}
	return following, cancel
}

// fold folds what the replica has. At an event that only a newer version knows it halts for good: this version is to be replaced.
func (n *Node) fold(ctx context.Context) error {
	n.mu.Lock()
	unknown := n.unknown
	n.mu.Unlock()
	if unknown != "" {
		return nil
	}
	err := n.views.ReadOn(ctx, n.log, func([]*eventlog.Event) {})
	newer, ok := errors.AsType[*projection.Newer](err)
	if !ok {
		return err
	}
	n.logger.Error("this node follows the log no more: a newer version has written to it; it answers reads, and passes writes on", "error", err)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.turnLocked()
	n.unknown = fmt.Sprintf("a newer version of Daybook has written event %d (%s in schema version %d), which this one does not know: upgrade this node", newer.Seq, newer.Type, newer.V)
	return nil
}
