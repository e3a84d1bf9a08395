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

	"daybook/projection/textindex"
)

// texts is the text index, which can be rebuilt while the view file is in use. One goroutine adds to it
// and rebuilds it; any goroutine may search.
type texts struct {
	path, owner string
	logger      *slog.Logger

	using sync.RWMutex // read-locked to use index, locked to replace it
	index *textindex.Index

	mu       sync.Mutex
	damage   error     // why it must be rebuilt; nil = it can be used
	since    time.Time // when damage was found
	progress progress
	whole    func() // called after a rebuild
}

// openTexts opens the index in dir. It replaces an index that cannot be used with an empty one.
func openTexts(dir, owner string, logger *slog.Logger) (*texts, error) {
	x := &texts{path: filepath.Join(dir, textName), owner: owner, logger: logger, whole: func() {}}
	var err error
	x.index, err = textindex.Open(x.path, owner)
	if errors.Is(err, textindex.ErrUnusable) {
		if errors.Is(err, textindex.ErrOtherFormat) {
			logger.Info("another version of Daybook made the text index: it is rebuilt from the log")
		} else {
			logger.Warn("the text index cannot be used and is rebuilt", "reason", err)
		}
		if err = textindex.Remove(x.path); err == nil {
			x.index, err = textindex.Open(x.path, owner)
		}
	}
	return x, err
}

// fail records why the index must be rebuilt. Until it is, searches get the error of broken.
func (x *texts) fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.damage == nil {
		x.damage, x.since = err, time.Now()
		x.progress.begin(0)
		x.logger.Error("the text index cannot be used any more: it is rebuilt", "error", err)
	}
}

// broken returns a *Rebuilding while the index must be rebuilt, otherwise nil.
func (x *texts) broken() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.damage == nil {
		return nil
	}
	return &Rebuilding{Texts: true, Progress: x.progress.now(), since: x.since}
}

// reason returns why the index must be rebuilt, nil if it can be used.
func (x *texts) reason() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.damage
}

// mended records that the index can be used again.
func (x *texts) mended() {
	docs := x.Docs()
	x.mu.Lock()
	x.logger.Info("the text index was rebuilt", "documents", docs, "took", time.Since(x.since).Round(time.Millisecond))
	x.damage = nil
	x.mu.Unlock()
	x.whole()
}

// search calls Index.Search. Errors: a *Rebuilding while the index cannot be used, that of ctx.
func (x *texts) search(ctx context.Context, q textindex.Query, before int64) ([]int64, error) {
	x.using.RLock()
	defer x.using.RUnlock()
	if err := x.broken(); err != nil {
		return nil, err
	}
	numbers, err := x.index.Search(ctx, q, before, searchTasks)
	if errors.Is(err, textindex.ErrUnusable) {
		x.fail(err)
		return nil, x.broken()
	}
	return numbers, err
}

// empty replaces an index that cannot be used with an empty one.
func (x *texts) empty() error {
	x.using.Lock()
	defer x.using.Unlock()
	if err := x.index.Close(); err != nil {
		x.logger.Warn("closing a text index that cannot be used failed", "error", err)
	}
	err := textindex.Remove(x.path)
	if err == nil {
		var fresh *textindex.Index
		if fresh, err = textindex.Open(x.path, x.owner); err == nil {
			x.index = fresh
		}
	}
	if err != nil {
		return fmt.Errorf("rebuild the text index: %w", err)
	}
	return nil
}

func (x *texts) add(ctx context.Context, docs []textindex.Doc, through int64) error {
	return x.index.Add(ctx, docs, through)
}

func (x *texts) close() error {
	x.using.Lock()
	defer x.using.Unlock()
	return x.index.Close()
}

// Through, Docs and Sizes return those of the index.
func (x *texts) Through() int64 { return x.now().Through() }
func (x *texts) Docs() int64    { return x.now().Docs() }
func (x *texts) Sizes() (file, wal int64) {
	return x.now().Sizes()
}

func (x *texts) now() *textindex.Index {
	x.using.RLock()
	defer x.using.RUnlock()
	return x.index
}

// progress is the progress of a rebuild, updated concurrently.
type progress struct{ done, total atomic.Int64 }

func (p *progress) begin(total int64) { p.done.Store(0); p.total.Store(total) }

func (p *progress) now() Progress { return Progress{p.done.Load(), p.total.Load()} }
