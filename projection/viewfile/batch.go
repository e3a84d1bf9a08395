package viewfile

import (
	"errors"
	"fmt"
)

// ErrBusy: a batch is open, and there can be only one.
var ErrBusy = errors.New("view file has an open batch")

// Batch is one transaction. It ends with Commit or Rollback; after an error of any
// other method only Rollback is of use. Tasks that it archives wait in memory, at some
// 300 bytes each: 8,192 of them where they were submitted close together, else 262,144 at
// most.
type Batch struct {
	f *File
	w *writer
	*waiting
	totals *totals
	terms  []int64 // room
	old    Row
}

// waiting is what a batch has yet to write. Its room is used again by the next one.
type waiting struct {
	pending  pending
	changes  *changes
	image    imageRows
	archived archivedSeqs
}

// clear forgets all of it, and room that few batches need.
func (w *waiting) clear() {
	w.pending.clear()
	w.pending.shrink()
	w.changes.clear()
	w.changes.shrink()
	w.image.clear()
	w.archived.clear()
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
	return &Batch{f: f, w: f.write, waiting: f.write.waiting, totals: f.totals.Load().clone()}, nil
}

// Keep puts the task into the image, in place of what the file has of it. was says
// where that is.
func (b *Batch) Keep(r *Row, was Place) error {
	err := b.keep(r, was)
	return fail("keep task", err)
}

func (b *Batch) keep(r *Row, was Place) error {
	if was == InArchive {
		if err := b.leave(r.Task.SubmitSeq); err != nil {
			return err
		}
		if err := b.image.flush(b.w); err != nil { // it may have been dropped
			return err
		}
	}
	return b.image.keep(b.w, r)
}

// Archive puts the task into the archive, in place of what the file has of it. was
// says where that is. It has ended, and its submit seq is from 1 to 2^40 − 1.
func (b *Batch) Archive(r *Row, was Place) error {
	err := b.archive(r, was)
	return fail("archive task", err)
}

func (b *Batch) archive(r *Row, was Place) error {
	seq := r.Task.SubmitSeq
	if seq <= 0 || seq >= maxSeq {
		return fmt.Errorf("submit seq %d is out of range", seq)
	}
	switch was {
	case InArchive:
		if err := b.leave(seq); err != nil {
			return err
		}
	case InImage:
		if err := b.image.drop(b.w, seq); err != nil {
			return err
		}
	}
	b.w.no++
	if err := b.archived.add(b.w, seq, b.w.no); err != nil {
		return err
	}
	if err := b.w.claim(&r.Task); err != nil {
		return err
	}
	if err := b.pending.add(b.w, r, b.w.no); err != nil {
		return err
	}
	if !b.pending.full() {
		return nil
	}
	if err := b.pending.flush(b.w, b.changes); err != nil {
		return err
	}
	return b.changes.flushFull(b.w, b.totals)
}

// leave takes the task with that submit seq out of the archive.
func (b *Batch) leave(seq int64) error {
	if b.pending.holds(seq) {
		if err := b.pending.flush(b.w, b.changes); err != nil {
			return err
		}
	}
	found, err := b.w.getArchive.row(b.w.dest[:2], seq)
	if err != nil {
		return err
	}
	if !found {
		return damaged("a task is not in the archive")
	}
	id, body := bytesOf(b.w.dest[0]), bytesOf(b.w.dest[1])
	if err := decodeBody(&b.old, seq, id, body, nil); err != nil {
		return err
	}
	if err := b.w.dropArchive.run(seq); err != nil {
		return err
	}
	if b.terms, err = b.w.tagTerms(b.terms[:0], b.old.Task.Tags); err != nil {
		return err
	}
	gone, key := entryOf(&b.old), int64(0)
	gone.gone = true
	if b.old.Task.IdempotencyKey != "" {
		key = hashKey(b.old.Task.IdempotencyKey)
	}
	b.changes.note(seq, gone, b.terms, key)
	return b.changes.flushFull(b.w, b.totals)
}

func (b *Batch) flush() error {
	if err := b.image.flush(b.w); err != nil {
		return err
	}
	if err := b.archived.flush(b.w, b.w.no); err != nil {
		return err
	}
	if err := b.pending.flush(b.w, b.changes); err != nil {
		return err
	}
	return b.changes.flush(b.w, b.totals)
}

// Trim forgets the archive numbers up to no: Archived gives them no more.
func (b *Batch) Trim(no int64) error {
	b.w.trimmed = max(b.w.trimmed, min(no, b.w.no))
	// A row is at most archivedRow long; one that is shorter goes later.
	return fail("trim archive numbers", b.w.trimArchived.run(no, int64(archivedRow-1)))
}

// Commit writes the state and ends the batch. A batch that could not be committed is
// rolled back.
func (b *Batch) Commit(s *State) error {
	if err := b.commit(s); err != nil {
		return errors.Join(fail("commit batch", err), b.Rollback())
	}
	b.end()
	b.f.last.Store(b.w.no)
	return nil
}

func (b *Batch) commit(s *State) error {
	if err := b.flush(); err != nil {
		return err
	}
	known := len(*b.f.groups.Load())
	if len(s.Groups) < known {
		return fmt.Errorf("there are %d groups, %d are no longer given", known, known-len(s.Groups))
	}
	if err := b.w.writeState(s, known); err != nil {
		return err
	}
	// Before the commit: whoever sees its rows needs them.
	groups := append([]Group(nil), s.Groups...)
	b.f.groups.Store(&groups)
	b.f.totals.Store(b.totals)
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
	b.end()
	return fail("roll back batch", errors.Join(err, b.w.reload(), b.f.load()))
}

func (b *Batch) end() {
	b.w.open = false
	b.clear()
}
