package viewfile

import (
	"encoding/json"
	"errors"
	"fmt"

	"daybook/internal/sqlite"
	"daybook/task"
)

// ErrBusy: another batch is open.
var ErrBusy = errors.New("view file has an open batch")

// Batch is one transaction. It ends with Commit or Rollback. After an error of any other method,
// call Rollback.
type Batch struct {
	f *File
	w *writer
}

// Begin begins a batch. Errors: ErrBusy.
func (f *File) Begin() (*Batch, error) {
	if f.write.inserts != nil {
		return nil, ErrBusy
	}
	if err := f.write.begin.run(); err != nil {
		return nil, fail("begin batch", err)
	}
	f.write.inserts = startInserter()
	return &Batch{f: f, w: f.write}, nil
}

// Keep writes the task to the live ones and replaces the task that the file has. was says where that
// is.
func (b *Batch) Keep(r *Row, was Place) error {
	var err error
	if was == Ended {
		err = b.w.removeEnded(r.Task.SubmitSeq)
	}
	if err == nil {
		b.w.pending.keep(b.w, r)
	}
	return fail("keep task", err)
}

// Archive writes a task that has ended to the ended ones and replaces the task that the file has. was
// says where that is. The submit seq is positive.
func (b *Batch) Archive(r *Row, was Place) error {
	err := b.w.archive(r, was)
	return fail("archive task", err)
}

func (w *writer) archive(r *Row, was Place) error {
	seq := r.Task.SubmitSeq
	if seq <= 0 {
		return fmt.Errorf("submit seq %d is out of range", seq)
	}
	switch was {
	case Ended:
		if err := w.removeEnded(seq); err != nil {
			return err
		}
	case Live:
		w.pending.drop(w, seq)
	}
	w.archived++
	w.latest = max(w.latest, r.Task.LastSeq)
	w.pending.claim(w, &r.Task)
	return w.pending.add(w, r, w.archived)
}

// removeEnded removes the task with that submit seq from the ended ones.
func (w *writer) removeEnded(seq int64) error {
	if err := w.pending.flush(w); err != nil { // the task may be pending
		return err
	}
	found, err := w.tagsOf.row(w.dest[:3], seq)
	if err != nil {
		return err
	}
	if !found {
		return damaged("a task is not among those that have ended")
	}
	text, _ := w.dest[0].(string)
	status := intOf(w.dest[1])
	key, _ := w.dest[2].(string)
	var tags []string
	if text != "" && json.Unmarshal([]byte(text), &tags) != nil {
		return damaged("the tags of a task cannot be read")
	}
	for _, tag := range tags {
		if err := w.dropTag.run(tag, status, seq); err != nil {
			return err
		}
	}
	if key != "" {
		if err := w.dropKey.run(epochOf(seq), key, seq); err != nil {
			return err
		}
	}
	return w.dropEnded.run(seq)
}

// mostDropped is the maximum number of claims that one batch deletes. It is small, because others wait.
const mostDropped = 8192

// DropClaims deletes unique keys that expired before that moment, at most mostDropped.
func (b *Batch) DropClaims(before task.Micros) {
	b.w.pending.flushClaims(b.w)
	b.w.inserts.copy(b.w.dropClaims, sqlite.AppendNumber(sqlite.AppendNumber(nil, int64(before)), mostDropped))
}

// Trim deletes the archive numbers up to that one. Archived does not return their tasks any more.
func (b *Batch) Trim(number int64) error {
	err := b.w.pending.flush(b.w)
	if err == nil {
		b.w.trimmed = max(b.w.trimmed, min(number, b.w.archived))
		err = b.w.trimArchived.run(number)
	}
	return fail("trim archive numbers", err)
}

// Commit writes the state and ends the batch. If it fails, the batch is rolled back.
func (b *Batch) Commit(s *State) error {
	if err := b.commit(s); err != nil {
		return errors.Join(fail("commit batch", err), b.Rollback())
	}
	b.w.endBatch()
	b.f.last.Store(b.w.archived)
	b.f.copier.committed(b.w)
	return nil
}

func (b *Batch) commit(s *State) error {
	if err := b.w.pending.flush(b.w); err != nil {
		return err
	}
	known := len(*b.f.groups.Load())
	if len(s.Groups) < known {
		return fmt.Errorf("the state has %d groups, the file %d: groups are never removed", len(s.Groups), known)
	}
	if err := b.w.writeState(s, known); err != nil {
		return err
	}
	// Before the commit, because readers that see the new rows need them.
	groups := append([]Group(nil), s.Groups...)
	b.f.groups.Store(&groups)
	b.f.summarize()
	return b.w.commit.run()
}

// Rollback ends the batch and leaves the file as it was before Begin. It does nothing if the batch has
// ended.
func (b *Batch) Rollback() error {
	if b.w.inserts == nil {
		return nil
	}
	b.w.endBatch()
	var err error
	if !b.w.conn.AutoCommit() {
		err = b.w.rollback.run()
	}
	return fail("roll back batch", errors.Join(err, b.w.reload(), b.f.load()))
}

// endBatch ends the goroutine of the batch.
func (w *writer) endBatch() {
	w.inserts.end()
	w.inserts = nil
}
