package viewfile

import (
	"encoding/json"
	"errors"
	"fmt"

	"daybook/task"
)

// ErrBusy: a batch is open, and there can be only one.
var ErrBusy = errors.New("view file has an open batch")

// Batch is one transaction. It ends with Commit or Rollback; after an error of any
// other method only Rollback is of use.
type Batch struct {
	f *File
	w *writer
}

// Begin starts a batch. Errors: ErrBusy.
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

// Keep puts the task among the live ones, in place of what the file has of it. was says
// where that is.
func (b *Batch) Keep(r *Row, was Place) error {
	var err error
	if was == Ended {
		err = b.w.leave(r.Task.SubmitSeq)
	}
	if err == nil {
		err = b.w.pending.keep(b.w, r)
	}
	return fail("keep task", err)
}

// Archive puts the task among the ended ones, in place of what the file has of it. was
// says where that is. It has ended, and its submit seq is positive.
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
		err = w.leave(seq)
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

// leave takes the task with that submit seq out of the ended ones.
func (w *writer) leave(seq int64) error {
	if err := w.pending.flush(w); err != nil { // it may be there
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

// mostDropped is how many claims one batch forgets: few, for others wait for it.
const mostDropped = 8192

// claim notes that a task which has ended holds a unique key for a time.
func (w *writer) claim(t *task.Task) error {
	claim, ok := t.Claims()
	if !ok || t.Links.Unique.For == 0 {
		return nil
	}
	return w.putClaim.run(claim[:], t.SubmitSeq, int64(t.Links.Unique.Until()))
}

// DropClaims forgets unique keys that are free since before that moment, some of them at
// least.
func (b *Batch) DropClaims(before task.Micros) error {
	return fail("forget unique keys", b.w.dropClaims.run(int64(before), int64(mostDropped)))
}

// Trim forgets the archive numbers up to that one: Archived gives them no more.
func (b *Batch) Trim(number int64) error {
	err := b.w.pending.flush(b.w)
	if err == nil {
		b.w.trimmed = max(b.w.trimmed, min(number, b.w.archived))
		err = b.w.trimArchived.run(number)
	}
	return fail("trim archive numbers", err)
}

// Commit writes the state and ends the batch. A batch that could not be committed is
// rolled back.
func (b *Batch) Commit(s *State) error {
	if err := b.commit(s); err != nil {
		return errors.Join(fail("commit batch", err), b.Rollback())
	}
	b.w.open = false
	b.f.last.Store(b.w.archived)
	return nil
}

func (b *Batch) commit(s *State) error {
	if err := b.w.pending.flush(b.w); err != nil {
		return err
	}
	known := len(*b.f.groups.Load())
	if len(s.Groups) < known {
		return fmt.Errorf("there are %d groups, %d are no longer given", known, known-len(s.Groups))
	}
	if err := b.w.writeState(s, known); err != nil {
		return err
	}
	// Before the commit, because a reader that sees its rows needs them.
	groups := append([]Group(nil), s.Groups...)
	b.f.groups.Store(&groups)
	b.f.summarize()
	return b.w.commit.run()
}

// Rollback ends the batch and leaves the file as it was before Begin. After the end of
// the batch it does nothing.
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
