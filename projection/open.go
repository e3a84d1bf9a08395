package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"

	"daybook/eventlog"
	"daybook/projection/textindex"
	"daybook/projection/viewfile"
)

// The files of the views, beside the log.
const (
	fileName = "views.db"
	textName = "text.db"
)

const (
	// bulkEvents is from how many events on a new file is written without a sync until
	// it is complete.
	bulkEvents = 500_000
	// replayLag is how far the file may be behind while the log is replayed: it bounds the
	// memory that takes.
	replayLag = 2 * checkpointEvents
)

// Options say where the views are kept.
type Options struct {
	Dir string // folder of the files; "" = all tasks stay in memory
	// Progress, if not nil, is called now and then with the seq that was reached and the
	// log's head.
	Progress func(done, head int64)
	// Indexing, if not nil, is called now and then while the indexes of a new file are made.
	Indexing func(done, total int64)
	NoTexts  bool         // texts are not indexed: a search reads them
	Logger   *slog.Logger // nil = slog.Default()
}

// Open returns the views of the log. What the file has is taken from there and only the
// rest is replayed; a file that cannot be used is rebuilt from the log. Close them.
//
// What the file may lack of the log, and the latest events at least, is checked before
// anything is written: a log that is damaged there leaves the files as they are. Where there
// is no file, the log is checked while it is replayed, and the files that were made are removed
// if it is damaged. Errors: those of Rebuild.
func Open(ctx context.Context, log eventlog.Log, o Options) (*Views, error) {
	if o.Dir == "" {
		return Rebuild(ctx, log, o.Progress)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if err := checkFiles(o.Dir); err != nil {
		return nil, fmt.Errorf("open the views: %w", err)
	}
	none := noFile(o.Dir)
	if !none {
		if err := look(ctx, log, unchecked(log.Head().Seq, o.Dir), nil); err != nil {
			return nil, fmt.Errorf("open the views: %w", err)
		}
	}
	v, err := open(ctx, log, o)
	if err != nil && none {
		err = errors.Join(err, removeFiles(o.Dir))
	} else if unusable(err) {
		if errors.Is(err, viewfile.ErrOtherFormat) {
			o.Logger.Info("another version of Daybook made the view file: it is rebuilt from the log")
		} else {
			o.Logger.Warn("the view file cannot be used and is rebuilt from the log", "reason", err)
		}
		if err := look(ctx, log, 0, nil); err != nil {
			return nil, fmt.Errorf("open the views: %w", err)
		}
		if err = removeFiles(o.Dir); err == nil {
			v, err = open(ctx, log, o)
		} else {
			err = &filesError{err}
		}
	}
	var noFiles *filesError
	if errors.As(err, &noFiles) && ctx.Err() == nil && log.Head().Seq <= mostInMemory {
		return openInMemory(ctx, log, o, noFiles)
	}
	if err != nil {
		return nil, fmt.Errorf("open the views: %w", err)
	}
	startMender(v, log, o)
	return v, nil
}

// openInMemory folds the whole log into memory until there can be a file.
func openInMemory(ctx context.Context, log eventlog.Log, o Options, why error) (*Views, error) {
	o.Logger.Error("the view file cannot be made: the views stay in memory until it can", "error", why, "retry", lastTry)
	v, err := Rebuild(ctx, log, o.Progress)
	if err != nil {
		return nil, fmt.Errorf("open the views: %w", err)
	}
	startMender(v, log, o)
	v.mender.since.Store(v.Seq())
	v.mender.health.Store(&Health{State: "memory", Reason: why.Error()})
	return v, nil
}

// filesError is that there can be no view file.
type filesError struct{ err error }

func (e *filesError) Error() string { return e.err.Error() }
func (e *filesError) Unwrap() error { return e.err }

// unusable reports whether a file of the views is to be rebuilt.
func unusable(err error) bool {
	return errors.Is(err, viewfile.ErrUnusable) || errors.Is(err, textindex.ErrUnusable)
}

// open opens the files, loads what they have and replays the rest.
func open(ctx context.Context, log eventlog.Log, o Options) (*Views, error) {
	v, err := openFiles(log, o)
	if err != nil {
		return nil, err
	}
	k := v.keeper
	if err := k.load(ctx, o); err != nil {
		if k.hasFailed() {
			err = &filesError{err}
		}
		return nil, errors.Join(err, k.abandon())
	}
	return v, nil
}

// openFiles makes empty views with open files, and a keeper that does nothing yet.
func openFiles(log eventlog.Log, o Options) (*Views, error) {
	file, err := viewfile.Open(filepath.Join(o.Dir, fileName), log.ID())
	if err != nil {
		return nil, &filesError{err}
	}
	text, err := openTexts(o.Dir, log.ID(), o.Logger)
	if err != nil {
		return nil, &filesError{errors.Join(err, file.Close())}
	}
	v := newViews(0)
	k := newKeeper(v, log, file, text, o.Logger)
	v.keeper, v.order.keyed.saved = k, true
	return v, nil
}

// load brings the views to the head of the log, and starts the goroutines.
func (k *keeper) load(ctx context.Context, o Options) error {
	state, err := k.file.State()
	if err != nil {
		return err
	}
	if err := k.loadFile(ctx, &state); err != nil {
		return err
	}
	bulk := state.Seq == 0 && k.log.Head().Seq >= bulkEvents
	if bulk {
		if err := k.file.StartBulk(); err != nil {
			return err
		}
	}
	k.most.Store(replayLag)
	k.lockedFor.Store(replayLockedFor)
	k.running.Go(k.run)
	if err := k.v.replay(ctx, k.log, o.Progress); err != nil {
		return err
	}
	k.most.Store(mostLag)
	k.lockedFor.Store(lockedFor)
	if bulk {
		if err := k.endBulk(o.Indexing); err != nil {
			return err
		}
	}
	if !o.NoTexts {
		k.running.Go(k.index)
	}
	return nil
}

// endBulk writes what is left and makes the indexes.
func (k *keeper) endBulk(progress func(done, total int64)) error {
	k.pause()
	if err := k.checkpoint(); err != nil {
		return err
	}
	if err := k.file.EndBulk(progress); err != nil {
		return err
	}
	k.ctx, k.stop = context.WithCancel(context.Background())
	k.running.Go(k.run)
	return nil
}

// resume starts the goroutines again after pause.
func (k *keeper) resume() {
	k.ctx, k.stop = context.WithCancel(context.Background())
	k.running.Go(k.run)
	k.running.Go(k.index)
}

// leave closes the files of a keeper that has failed, as they are.
func (k *keeper) leave() {
	if err := k.abandon(); err != nil {
		k.logger.Warn("closing a view file that cannot be used failed", "error", err)
	}
	k.left.Store(true)
}

// pause ends the goroutines.
func (k *keeper) pause() {
	k.stop()
	k.running.Wait()
}

// abandon closes the files as they are.
func (k *keeper) abandon() error {
	k.pause()
	return errors.Join(k.text.close(), k.file.Close())
}

// loadFile loads the state of the file into memory if it belongs to this log.
func (k *keeper) loadFile(ctx context.Context, state *viewfile.State) error {
	v := k.v
	if state.Seq == 0 {
		if k.text.Through() != 0 {
			return fmt.Errorf("%w: the text index belongs to another one", viewfile.ErrUnusable)
		}
		return nil
	}
	if err := k.check(ctx, state); err != nil {
		return err
	}
	marks, rest := readMarks(state.Windows)
	if k.text.Through() < marks.trimmed {
		k.text.fail(errors.New("it is older than the view file"))
	}
	for _, g := range state.Groups {
		v.counts.group(g.Type, g.Queue)
	}
	if len(v.counts.n) != len(state.Counts) {
		return fmt.Errorf("%w: %d counts of %d groups", viewfile.ErrUnusable, len(state.Counts), len(state.Groups))
	}
	copy(v.counts.n, state.Counts)
	rest, err := v.counts.readUses(rest)
	if err != nil {
		return fmt.Errorf("%w: %w", viewfile.ErrUnusable, err)
	}
	windows, err := decodeWindows(rest)
	if err != nil {
		return fmt.Errorf("%w: %w", viewfile.ErrUnusable, err)
	}
	if err := v.streams.restore(state.Streams); err != nil {
		return err
	}
	if err := v.loadKeys(k.file); err != nil {
		return err
	}
	v.publishTokens()
	v.publishQuiet()
	v.table = newTable(min(v.counts.live(), mostRoom))
	v.windows, v.evicted, k.trimmed = windows, marks.horizon, marks.trimmed
	k.indexed.Store(max(k.text.Through(), k.trimmed))
	if err := k.loadLive(); err != nil {
		return err
	}
	v.order.publish()
	v.loaded = state.Seq
	v.seq.Store(state.Seq)
	k.seq.Store(state.Seq)
	return nil
}

// check reports whether the log still has the event that the file ends with.
func (k *keeper) check(ctx context.Context, state *viewfile.State) error {
	if head := k.log.Head().Seq; state.Seq > head {
		return fmt.Errorf("%w: it shows event %d, the log ends at %d", viewfile.ErrUnusable, state.Seq, head)
	}
	last, err := k.log.Events(ctx, []int64{state.Seq})
	if err != nil {
		return err
	}
	if last[0].Hash != state.Hash {
		return fmt.Errorf("%w: its event %d is not the log's", viewfile.ErrUnusable, state.Seq)
	}
	return nil
}

// loadLive loads the tasks that memory had when the file was written.
func (k *keeper) loadLive() error {
	v := k.v
	var depend []*record
	var parents []*record
	err := k.file.Live(func(row *viewfile.Row) error {
		rec := v.load(row, viewfile.Live)
		if rec.task.Erased {
			v.unindex(&rec.task)
		}
		if headsFamily(&rec.task) {
			parents = append(parents, rec)
		}
		if rec.task.Status.Ended() {
			v.ended.push(end{rec.task.LastSeq, rec.slot})
		} else if rec.task.HasDependencies() {
			depend = append(depend, rec)
		}
		return nil
	})
	for _, rec := range depend { // now that all are there on which they may depend
		if err == nil {
			err = v.attach(rec)
			v.order.put(rec)
		}
	}
	if errors.Is(err, ErrRebuilding) { // nothing rebuilds it yet
		err = fmt.Errorf("%w: %w", viewfile.ErrUnusable, err)
	}
	slices.SortFunc(v.ended.list, func(a, b end) int { return int(a.seq - b.seq) })
	if err != nil || len(parents) == 0 {
		return err
	}
	return k.loadFamilies(parents)
}

// loadFamilies makes the families of the parents that have not ended.
func (k *keeper) loadFamilies(parents []*record) error {
	r, err := k.file.Acquire(context.Background())
	if err != nil {
		return err
	}
	defer r.Close()
	err = r.Fix()
	for i := 0; i < len(parents) && err == nil; i++ {
		var filed []fileRow
		err = r.Children(context.Background(), parents[i].task.ID, func(row *fileRow) { filed = append(filed, *row) })
		k.v.judge(k.v.gatherFamily(parents[i], filed))
	}
	return err
}

// Close writes what the file does not have yet and closes it. Nothing may be applied or
// read any more.
func (v *Views) Close() error {
	if m := v.mender; m != nil {
		m.stop()
		m.running.Wait()
	}
	if v.keeper == nil || v.keeper.left.Load() {
		return nil
	}
	return v.keeper.close()
}

// Stats is what the views hold where.
type Stats struct {
	InMemory  int   // tasks
	Lag       int64 // events that the file does not have yet
	FileBytes int64 // of the view file, with its WAL
	WALBytes  int64 // of that its WAL
	TextDocs  int64 // tasks in the text index
	TextLag   int64 // archived tasks that are not in it yet
	TextBytes int64 // of that index, with its WAL
}

// Stats returns what the views hold where now.
func (v *Views) Stats() Stats {
	v.mu.RLock()
	s := Stats{InMemory: v.table.size()}
	v.mu.RUnlock()
	if k := v.kept(); k != nil && !k.left.Load() {
		s.Lag = k.lag()
		file, wal := k.file.Sizes()
		s.FileBytes, s.WALBytes = file+wal, wal
		textFile, textWAL := k.text.Sizes()
		s.TextDocs, s.TextBytes = k.text.Docs(), textFile+textWAL
		s.TextLag = max(k.file.Last()-k.indexed.Load(), 0)
	}
	return s
}
