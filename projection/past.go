package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"daybook/eventlog"
	"daybook/task"
)

var (
	// ErrFolding: the views of that moment are still being folded from the log. The error is a *Folding.
	ErrFolding = errors.New("the queue of that moment is being folded from the log")
	// ErrPastBusy: as many moments as are kept are being read or folded.
	ErrPastBusy = errors.New("too many moments of the past are being read at once")
	// ErrPastFull: the disk is too full for the views of that moment.
	ErrPastFull = errors.New("the disk is too full to show the queue of that moment")
)

// Folding is ErrFolding with the progress in events.
type Folding struct {
	Progress
	since time.Time
}

func (f *Folding) Error() string {
	return fmt.Sprintf("%v: %d of %d events", ErrFolding, f.Done, f.Total)
}

func (f *Folding) Is(target error) bool { return target == ErrFolding }

// Left estimates the remaining time; 0 = not known.
func (f *Folding) Left() time.Duration {
	return (&Rebuilding{Progress: f.Progress, since: f.since}).Left()
}

const (
	// pastInMemory is the length in events up to which a past queue is kept in memory alone.
	pastInMemory = 250_000
	// pastKept is how many moments are kept.
	pastKept = 3
	// pastTasks is how many tasks in memory the moments may have that nobody reads, but for the one used last: about 300 MB.
	pastTasks = 500_000
	// pastIdle is how long a moment is kept that nobody reads.
	pastIdle = 5 * time.Minute
	// pastPatience is how long a reader waits for a moment that is being folded.
	pastPatience = 10 * time.Second
	// pastPrefix begins the names of folders with the views of a moment.
	pastPrefix = "past-"
)

// Past gives the views of a log as they were when an earlier event was its last one. They are folded from the log
// on demand, one moment at a time, and kept while they are read: those of a short log in memory, others in
// files beside the views.
type Past struct {
	log    eventlog.Log
	dir    string
	logger *slog.Logger

	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
	folding chan struct{} // room for one fold

	inMemory int64         // pastInMemory, except in tests
	tasks    int           // pastTasks, the same
	patience time.Duration // the same

	idle  eventlog.Signal // a moment is not read any more
	mu    sync.Mutex
	kept  []*pastViews // the one used last is the last
	names int          // folders made
}

// pastViews is the views as of one event, from the request for them on.
type pastViews struct {
	seq   int64
	done  atomic.Int64
	since time.Time

	made  chan struct{} // closed when views or err is set
	views *Views
	err   error
	dir   string // of the files; "" = there are none

	// Guarded by Past.mu.
	users  int
	wall   task.Micros // the clock that the views go by
	expiry *time.Timer // forgets it
}

// NewPast returns the past of a log. dir is the folder of the views; what an earlier process has left of the past there
// is removed. logger may be nil. Close it.
func NewPast(log eventlog.Log, dir string, logger *slog.Logger) *Past {
	if logger == nil {
		logger = slog.Default()
	}
	left, err := filepath.Glob(filepath.Join(dir, pastPrefix+"*"))
	for _, folder := range left {
		err = errors.Join(err, os.RemoveAll(folder))
	}
	if err != nil {
		logger.Warn("removing views of the past failed", "error", err)
	}
	p := &Past{log: log, dir: dir, logger: logger, folding: make(chan struct{}, 1), inMemory: pastInMemory, tasks: pastTasks, patience: pastPatience}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p
}

// Close ends what is being folded and removes all files. Nobody may read any more.
func (p *Past) Close() error {
	p.stop()
	p.idle.Raise()
	p.running.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for _, m := range p.kept {
		err = errors.Join(err, m.drop())
	}
	p.kept = nil
	return err
}

// SeqAt returns the seq of the last event of the log whose time is not after at, 0 if there is none.
func (p *Past) SeqAt(ctx context.Context, at task.Micros) (int64, error) {
	head := p.log.Head()
	if head.At <= int64(at) {
		return head.Seq, nil
	}
	var err error
	n := sort.Search(int(head.Seq), func(i int) bool {
		var e []*eventlog.Event
		if err == nil {
			e, err = p.log.Events(ctx, []int64{int64(i) + 1})
		}
		return err != nil || e[0].At > int64(at)
	})
	return int64(n), err
}

// TimeOf returns the time of an event, 0 for seq 0.
func (p *Past) TimeOf(ctx context.Context, seq int64) (task.Micros, error) {
	if seq == 0 {
		return 0, nil
	}
	e, err := p.log.Events(ctx, []int64{seq})
	if err != nil {
		return 0, err
	}
	return task.Micros(e[0].At), nil
}

// At returns the views as they were when the event with that seq was the last one, and the clock showed wall. seq is 0 to
// the head of the log. Call release when they are read no more. Errors: after some seconds *Folding or ErrPastBusy;
// ErrPastFull, those of Rebuild, ctx's.
func (p *Past) At(ctx context.Context, seq int64, wall task.Micros) (v *Views, release func(), err error) {
	timer := time.NewTimer(p.patience)
	defer timer.Stop()
	m, err := p.await(ctx, timer, seq, wall)
	if err != nil {
		return nil, nil, err
	}
	release = sync.OnceFunc(func() { p.release(m) })
	select {
	case <-m.made:
		err = m.err
	case <-timer.C:
		err = &Folding{Progress{m.done.Load(), m.seq}, m.since}
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return m.views, release, nil
}

// await takes the moment when there is room for it. Errors: ErrPastBusy when the timer fires, those of take, ctx's.
func (p *Past) await(ctx context.Context, timer *time.Timer, seq int64, wall task.Micros) (*pastViews, error) {
	for {
		idle := p.idle.Wait()
		m, err := p.take(seq, wall)
		if err != ErrPastBusy {
			return m, err
		}
		select {
		case <-idle:
		case <-timer.C:
			return nil, err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// take finds the moment, or begins to fold it, and counts the caller as a user.
func (p *Past) take(seq int64, wall task.Micros) (*pastViews, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return nil, eventlog.ErrClosed
	}
	i := slices.IndexFunc(p.kept, func(m *pastViews) bool {
		return m.seq == seq && (m.wall == wall || m.wall < wall && m.isIdle())
	})
	if i < 0 {
		return p.begin(seq, wall)
	}
	m := p.kept[i]
	if m.wall < wall {
		m.wall = wall
		m.promote()
	}
	m.users++
	if m.expiry != nil {
		m.expiry.Stop()
	}
	p.kept = append(slices.Delete(p.kept, i, i+1), m)
	return m, nil
}

// begin starts to fold a moment. mu is held.
func (p *Past) begin(seq int64, wall task.Micros) (*pastViews, error) {
	m := &pastViews{seq: seq, wall: wall, made: make(chan struct{}), since: time.Now(), users: 1}
	if base := p.takeBase(seq, wall); base != nil {
		m.views, m.dir = base.views, base.dir // folding some events more is faster than all
	} else if len(p.kept) >= pastKept {
		i := slices.IndexFunc(p.kept, (*pastViews).isIdle)
		if i < 0 {
			return nil, ErrPastBusy
		}
		p.drop(i)
	}
	p.kept = append(p.kept, m)
	p.running.Go(func() { p.fold(m) })
	return m, nil
}

// takeBase takes the nearest earlier moment that nobody reads that has files out of those that are kept, nil if there is none. mu is held.
func (p *Past) takeBase(seq int64, wall task.Micros) (base *pastViews) {
	for _, m := range p.kept {
		if m.isIdle() && m.dir != "" && m.seq < seq && m.wall <= wall && (base == nil || base.seq < m.seq) {
			base = m
		}
	}
	if base != nil {
		p.kept = slices.DeleteFunc(p.kept, func(m *pastViews) bool { return m == base })
	}
	return base
}

// fold makes the views of a moment.
func (p *Past) fold(m *pastViews) {
	select {
	case p.folding <- struct{}{}:
		defer func() { <-p.folding }()
		m.err = p.make(m)
	case <-p.ctx.Done():
		m.err = p.ctx.Err()
	}
	if m.err == nil {
		m.promote()
	} else {
		m.err = errors.Join(m.err, m.drop())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	close(m.made)
	if m.err != nil {
		p.kept = slices.DeleteFunc(p.kept, func(other *pastViews) bool { return other == m })
	}
	p.expire(m)
	p.idle.Raise()
}

// make folds the log up to the moment.
func (p *Past) make(m *pastViews) error {
	log, err := p.until(m.seq)
	if err != nil {
		return err
	}
	progress := func(done, _ int64) { m.done.Store(done) }
	if m.views != nil {
		return m.views.replay(p.ctx, log, progress)
	}
	if m.seq <= p.inMemory {
		m.views, err = Rebuild(p.ctx, log, progress)
		return err
	}
	if !p.log.HasRoom() {
		return ErrPastFull
	}
	p.mu.Lock()
	p.names++
	m.dir = filepath.Join(p.dir, fmt.Sprint(pastPrefix, p.names))
	p.mu.Unlock()
	if err := os.Mkdir(m.dir, 0o700); err != nil {
		return fmt.Errorf("make views of the past: %w", err)
	}
	m.views, err = open(p.ctx, log, Options{Dir: m.dir, Progress: progress, Logger: p.logger, NoTexts: true})
	return err
}

// promote makes ready what was due by then.
func (m *pastViews) promote() {
	m.views.Promote(m.wall)
	m.views.OpenKeys(m.wall)
}

func (m *pastViews) isMade() bool {
	select {
	case <-m.made:
		return true
	default:
		return false
	}
}

// isIdle reports whether nobody reads or awaits a moment. Past.mu is held.
func (m *pastViews) isIdle() bool { return m.users == 0 && m.isMade() }

// release says that one user less reads a moment.
func (p *Past) release(m *pastViews) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m.users--
	p.expire(m)
	p.idle.Raise()
}

// expire has a moment that nobody reads dropped after a while. mu is held.
func (p *Past) expire(m *pastViews) {
	if !m.isIdle() || p.ctx.Err() != nil {
		return
	}
	p.trim()
	if m.expiry != nil {
		m.expiry.Reset(pastIdle)
		return
	}
	m.expiry = time.AfterFunc(pastIdle, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if i := slices.Index(p.kept, m); i >= 0 && m.isIdle() {
			p.drop(i)
		}
	})
}

// trim drops moments that nobody reads, from the one used first on, while those that are kept have too many tasks in memory. mu is held.
func (p *Past) trim() {
	tasks := 0
	for i := len(p.kept) - 1; i >= 0; i-- {
		if m := p.kept[i]; m.isMade() {
			tasks += m.views.Stats().InMemory
			if tasks > p.tasks && m.isIdle() && i < len(p.kept)-1 {
				p.drop(i)
			}
		}
	}
}

// drop forgets a moment that is kept. mu is held.
func (p *Past) drop(i int) {
	if err := p.kept[i].drop(); err != nil {
		p.logger.Warn("removing views of the past failed", "error", err)
	}
	p.kept = slices.Delete(p.kept, i, i+1)
}

// drop closes the views and removes their files.
func (m *pastViews) drop() error {
	var err error
	if m.views != nil && m.views.keeper != nil {
		err = m.views.keeper.abandon()
	}
	m.views = nil
	if m.dir != "" {
		err = errors.Join(err, os.RemoveAll(m.dir))
	}
	return err
}
