package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"daybook/eventlog"
	"daybook/projection/textindex"
	"daybook/projection/viewfile"
)

const (
	// mostInMemory is the maximum number of events of a log whose views are kept completely in
	// memory while no view file can be created.
	mostInMemory = 3_000_000
	// firstTry and lastTry are the first and the longest pause between attempts to create a view
	// file.
	firstTry = time.Second
	lastTry  = 30 * time.Second
	// nearEvents is how many events rebuilt views may lag when they replace the old ones. The
	// writer folds the rest.
	nearEvents = 2000
	// overdue is how long a round waits for rebuilt views when memory holds too much without them.
	overdue = time.Second
	// mostWait is how long a change of a task that only the rebuilt views have waits for them.
	mostWait = time.Minute
)

// mender rebuilds the view file when it can no longer be used. The old views continue with what
// they have in memory while the mender folds the whole log into new ones. The writer then replaces
// the old views between two rounds.
type mender struct {
	v       *Views
	log     eventlog.Log
	options Options
	logger  *slog.Logger
	// lastTry and patience have the values of the constants, or less in tests.
	lastTry, patience time.Duration

	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	fresh   atomic.Pointer[Views] // rebuilt and ready
	ready   chan struct{}         // fresh was set
	adopted chan struct{}         // fresh was adopted
	since   atomic.Int64          // seq since which there has been no view file
	made    progress              // of the rebuild
	health  atomic.Pointer[Health]
}

// Health is the state of the view files.
type Health struct {
	// State is "ok"; "rebuilding": the views are being rebuilt; "memory": no view file can be
	// created; "texts": only the text index is being rebuilt.
	State    string
	Reason   string // why it is not ok, for the server output
	Progress Progress
}

func startMender(v *Views, log eventlog.Log, o Options) {
	m := &mender{v: v, log: log, options: o, logger: o.Logger, lastTry: lastTry, patience: patience, ready: make(chan struct{}, 1), adopted: make(chan struct{}, 1)}
	m.options.Progress, m.options.Indexing = func(done, _ int64) { m.made.done.Store(done) }, nil // not the callbacks of the start
	m.health.Store(&Health{State: "ok"})
	m.ctx, m.stop = context.WithCancel(context.Background())
	v.mender = m
	m.running.Go(m.run)
}

// Health returns the current state of the view files.
func (v *Views) Health() Health {
	if v.mender == nil {
		return Health{State: "ok"}
	}
	h := *v.mender.health.Load()
	switch k := v.kept(); {
	case h.State == "rebuilding":
		h.Progress = v.mender.made.now()
	case h.State == "ok" && k != nil:
		if reason := k.text.reason(); reason != nil {
			h = Health{"texts", reason.Error(), k.text.progress.now()}
		}
	}
	return h
}

// Mended receives a value when rebuilt views wait for the writer to call Adopt. ApplyChanges
// adopts them too. It is nil for views that are never rebuilt.
func (v *Views) Mended() <-chan struct{} {
	if v.mender == nil {
		return nil
	}
	return v.mender.ready
}

// run waits for failures of the view file and rebuilds it, until stop.
func (m *mender) run() {
	for m.ctx.Err() == nil {
		k := m.v.kept()
		if k != nil {
			select {
			case <-m.ctx.Done():
				return
			case <-k.failed:
			}
			m.since.Store(k.seq.Load())
			m.health.Store(&Health{State: "rebuilding", Reason: k.err.Error()})
			k.leave()
		} else if !m.sleep(m.lastTry) {
			return
		}
		m.mend(k == nil)
	}
}

// mend builds new views and waits until they are adopted. If no view file can be created, it folds
// the whole log into memory, unless the views are in memory already (inMemory).
func (m *mender) mend(inMemory bool) {
	began := time.Now()
	for wait := firstTry; m.ctx.Err() == nil; wait = min(2*wait, m.lastTry) {
		fresh, err := m.make()
		if err != nil && !inMemory && m.log.Head().Seq <= mostInMemory && m.ctx.Err() == nil {
			m.logger.Error("the view file cannot be created: the views stay in memory until it can", "error", err, "retry", m.lastTry)
			reason := err.Error()
			if fresh, err = Rebuild(m.ctx, m.log, nil); err == nil {
				m.offer(fresh, Health{State: "memory", Reason: reason})
				return
			}
		}
		if err == nil {
			if m.offer(fresh, Health{State: "ok"}) {
				m.logger.Info("the views were rebuilt", "events", m.v.Seq(), "took", time.Since(began).Round(time.Millisecond))
			}
			return
		}
		if inMemory {
			return // run tries again
		}
		if m.ctx.Err() == nil {
			m.logger.Error("the views could not be rebuilt", "error", err, "retry", wait)
		}
		m.sleep(wait)
	}
}

// make folds the log into new views with new files, up to nearEvents before the head.
func (m *mender) make() (*Views, error) {
	m.made.begin(m.log.Head().Seq)
	if err := removeFiles(m.options.Dir); err != nil {
		return nil, err
	}
	fresh, err := open(m.ctx, m.log, m.options)
	if err != nil {
		return nil, err
	}
	for err == nil && m.log.Head().Seq-fresh.Seq() > nearEvents {
		err = fresh.catchUp(m.ctx, m.log, m.log.Head().Seq)
	}
	fresh.keeper.pause()
	if err != nil {
		return nil, errors.Join(err, fresh.keeper.abandon())
	}
	return fresh, nil
}

// offer offers new views to the writer and reports whether it adopted them.
func (m *mender) offer(fresh *Views, then Health) bool {
	m.fresh.Store(fresh)
	poke(m.ready)
	select {
	case <-m.adopted:
		m.health.Store(&then)
		return true
	case <-m.ctx.Done():
	}
	if m.fresh.CompareAndSwap(fresh, nil) && fresh.keeper != nil {
		_ = fresh.keeper.abandon() // the next start rebuilds what is missing
	}
	return false
}

// sleep waits, and returns false if the mender is stopped meanwhile.
func (m *mender) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-m.ctx.Done():
		return false
	}
}

func removeFiles(dir string) error {
	err := errors.Join(viewfile.Remove(filepath.Join(dir, fileName)), textindex.Remove(filepath.Join(dir, textName)))
	if err != nil {
		return fmt.Errorf("remove the view file: %w", err)
	}
	return nil
}

// catchUp folds the events after those that the views show, up to a seq.
func (v *Views) catchUp(ctx context.Context, log eventlog.Log, upTo int64) error {
	if v.Seq() >= upTo {
		return nil
	}
	r := replay{v: v, seq: v.Seq(), head: upTo, progress: func(_, _ int64) {}}
	err := log.Scan(ctx, r.seq, func(e *eventlog.Event) error {
		if e.Seq > upTo {
			return errEnough
		}
		return r.apply(e)
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, r.close())
}

var errEnough = errors.New("that is enough")

// Adopt replaces the content of the views with that of the rebuilt ones, if there are any. Only the
// goroutine that writes may call it.
func (v *Views) Adopt() error { return v.adopt(v.Seq()) }

// adopt does the same, after folding the rebuilt views up to a seq that is in the log.
func (v *Views) adopt(seq int64) error {
	m := v.mender
	if m == nil {
		return nil
	}
	n := m.fresh.Swap(nil)
	if n == nil {
		return nil
	}
	if err := n.catchUp(m.ctx, m.log, seq); err != nil {
		if n.keeper != nil {
			err = errors.Join(err, n.keeper.abandon())
		}
		return fmt.Errorf("fold the rest of the log into the rebuilt views: %w", err)
	}
	v.replace(n)
	if k := v.keeper; k != nil {
		k.resume()
	}
	m.since.Store(v.Seq())
	m.adopted <- struct{}{}
	v.moved.Raise()
	v.whole.Raise()
	return nil
}

// replace takes over the content of the other views.
func (v *Views) replace(n *Views) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.table, v.counts, v.recent, v.others, v.windows, v.streams = n.table, n.counts, n.recent, n.others, n.windows, n.streams
	v.counts.queues.allChanged()
	v.keeper, v.ended, v.evicted, v.returned = n.keeper, n.ended, n.evicted, n.returned
	v.epoch, v.dirty, v.copies, v.loaded = n.epoch, n.dirty, n.copies, n.loaded
	v.order.replace(&n.order)
	for queue := range v.order.ready.parked {
		v.setTurns(queue)
	}
	v.claims, v.mates, v.waits, v.families = n.claims, n.mates, n.waits, n.families
	v.keyedWorkflows = n.keyedWorkflows
	v.keys, v.decoder, v.touched, v.back, v.brood = n.keys, n.decoder, n.touched, n.back, n.brood
	v.publishTokens()
	v.publishQuiet()
	v.seq.Store(n.Seq())
	v.returns.Add(1) // running listings start again
	if v.keeper != nil {
		v.keeper.v = v
		v.keeper.text.whole = v.whole.Raise
	}
}

// kept returns the keeper of the view file, nil if the views are only in memory.
func (v *Views) kept() *keeper {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.keeper
}

// endRound ends a round: it adopts rebuilt views, or lets the view file catch up. Without a file a round
// waits when memory holds too much.
func (v *Views) endRound() error {
	if err := v.Adopt(); err != nil {
		return err
	}
	if k := v.keeper; k != nil && !k.hasFailed() {
		if err := k.pace(); !k.hasFailed() {
			return err
		}
	}
	if m := v.mender; m != nil && v.Seq()-m.since.Load() >= mostLag {
		v.await(overdue)
		return v.Adopt()
	}
	return nil
}

// await waits until rebuilt views are ready, and reports whether they are.
func (v *Views) await(most time.Duration) bool {
	if v.mender.fresh.Load() != nil {
		return true
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-v.mender.ready:
	case <-timer.C:
	case <-v.mender.ctx.Done():
	}
	return v.mender.fresh.Load() != nil
}
