package viewfile

import (
	"encoding/json"
	"errors"
	"fmt"

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
	if f.write.open {
		return nil, ErrBusy
	}
	if err := f.write.begin.run(); err != nil {
		return nil, fail("begin batch", err)
	}
	f.write.open = true
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
		err = b.w.pending.keep(b.w, r)
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
	var err error
	switch was {
	case Ended:
		err = w.removeEnded(seq)
	case Live:
		err = w.pending.drop(w, seq)
	}
	if err != nil {
		return err
	}
	w.archived++
	w.latest = max(w.latest, r.Task.LastSeq)
	if err := w.claim(&r.Task); err != nil {
		return err
	}
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

// claim records that an ended task holds a unique key for a time.
func (w *writer) claim(t *task.Task) error {
	claim, ok := t.Claims()
	if !ok || t.Links.Unique.For == 0 {
		return nil
	}
	return w.putClaim.run(claim[:], t.SubmitSeq, int64(t.Links.Unique.Until()))
}

// DropClaims deletes unique keys that expired before that moment, at most mostDropped.
func (b *Batch) DropClaims(before task.Micros) error {
	return fail("delete unique keys", b.w.dropClaims.run(int64(before), int64(mostDropped)))
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
	b.w.open = false
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
	if !b.w.open {
		return nil
	}
	var err error
	if !b.w.conn.AutoCommit() {
		err = b.w.rollback.run()
	}
	b.w.open = false
	return fail("roll back batch", errors.Join(err, b.w.reload(), b.f.load()))
}
