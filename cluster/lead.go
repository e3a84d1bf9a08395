package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"daybook/eventlog"
	"daybook/scheduler"
)

const (
	// silentAfter is how long nothing may be heard of the leader before another node tries to lead.
	silentAfter = 3 * time.Second
	// rankDelay is how much later each next node of the list tries, so that they do not all try at once.
	rankDelay = 400 * time.Millisecond
	// tryTime is how long a try to read the log to its end may take. A question that is put to the servers while they have
	// no leader gets no answer, so it is put again.
	tryTime = time.Second
	// stopTime is how long a node that stops waits for the log of the cluster: fewer than half of the nodes may run.
	stopTime = 3 * time.Second
	// tick is how often a node looks whether it should try.
	tick = 100 * time.Millisecond
)

// Run follows, leads when no other node does, and follows again, until ctx ends: then what this node runs gets its grace.
// An error means that this node cannot go on.
func (n *Node) Run(ctx context.Context, h Hooks) (err error) {
	n.mu.Lock()
	n.sees = h.Sees
	n.mu.Unlock()
	if err := n.tell(); err != nil {
		return err
	}
	defer n.stopTelling()
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(n.failed, end)()
	defer func() {
		if n.failed.Err() != nil {
			err = context.Cause(n.failed)
		}
	}()
	defer context.AfterFunc(ctx, func() { n.log.Hurry(stopTime) })()
	for {
		s, err := h.NewScheduler()
		if err != nil {
			return err
		}
		n.mu.Lock()
		n.current = s
		n.mu.Unlock()
		if err := n.follow(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		err = n.lead(ctx, s, h.Leads)
		if ctx.Err() != nil {
			return n.afterStop(err)
		}
		switch {
		case errors.Is(err, eventlog.ErrDamaged) && !n.streamIsDamaged(ctx):
			return err
		case errors.Is(err, scheduler.ErrLeadLost):
			n.logger.Warn("another node leads now")
		default:
			n.logger.Warn("this node leads no more, and follows", "error", err)
		}
	}
}

// afterStop is the error of a node that was told to stop. The others may have stopped before, so that its last events were not acknowledged: whether
// they are in the log, the next start finds out.
func (n *Node) afterStop(err error) error {
	if errors.Is(err, eventlog.ErrUnknown) || errors.Is(err, eventlog.ErrUnavailable) || errors.Is(err, scheduler.ErrLeadLost) {
		n.logger.Warn("this node has stopped without a majority of the others; its last events may be missing", "error", err)
		return nil
	}
	return err
}

// lead runs the scheduler until it ends.
func (n *Node) lead(ctx context.Context, s *scheduler.Scheduler, begun func(context.Context)) error {
	term, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	before := n.views.Lead().Term
	done := make(chan error, 1)
	go func() { done <- s.Run(term) }()
	leads := false
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	defer n.setTerm(0)
	for {
		select {
		case err := <-done:
			if err == nil && ctx.Err() == nil {
				err = scheduler.ErrLeadLost
			}
			return err
		case <-ticker.C:
		case <-n.views.Changed():
		}
		lead := n.views.Lead()
		if !leads && lead.Boot == s.Boot().String() {
			leads = true
			n.logger.Info("this node leads", "term", lead.Term, "before", before)
			n.setTerm(lead.Term)
			beside.Go(func() { begun(term) })
		}
		if leads && n.beats.newestTerm() > lead.Term { // the scheduler finds out with its next append, which may be far off
			cancel()
		}
	}
}

// follow appends to the replica and folds what others append. It returns nil when this node is to try to lead.
func (n *Node) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reading := make(chan error, 1)
	go func() { reading <- n.read(ctx) }()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	since, notBefore := time.Now(), time.Time{}
	for {
		advanced := n.log.Advanced()
		if err := n.fold(ctx); err != nil {
			cancel()
			<-reading
			return err
		}
		select {
		case <-advanced:
			continue
		case err := <-reading:
			if err != nil {
				return err
			}
			return ctx.Err()
		case <-n.views.Mended():
			if err := n.views.Adopt(); err != nil {
				cancel()
				<-reading
				return err
			}
			continue
		case <-ticker.C:
		}
		if time.Now().Before(notBefore) || !n.shouldTry(since) {
			continue
		}
		lead := n.views.Lead()
		caught, end := context.WithTimeout(ctx, tryTime)
		err := n.log.CatchUp(caught)
		end()
		if err == nil {
			err = n.fold(ctx)
		}
		if now := n.views.Lead(); now != lead { // another node was faster: give it time to say so
			since = time.Now()
			continue
		}
		if err != nil || n.isHalted() {
			notBefore = time.Now().Add(tick)
			continue
		}
		cancel()
		<-reading
		return nil
	}
}

// shouldTry reports whether this node is to try to lead.
func (n *Node) shouldTry(since time.Time) bool {
	if n.isHalted() {
		return false
	}
	wait := time.Duration(n.rank()) * rankDelay
	leader := n.views.Lead().Node
	if leader != "" && leader != n.o.Node {
		wait += silentAfter
		if b, ok := n.beats.of(leader); ok {
			if b.Leads {
				since = latest(since, b.heard)
			} else if b.Stopped {
				wait -= silentAfter
			}
		}
	}
	if b, ok := n.beats.leading(); ok && time.Since(b.heard) < silentAfter {
		return false
	}
	return time.Since(since) >= wait
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
