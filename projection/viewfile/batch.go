package viewfile

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrBusy: a batch is open, and there can be only one.
var ErrBusy = errors.New("view file has an open batch")

// Batch is one transaction. It ends with Commit or Rollback; after an error of any
// other method only Rollback is of use. A batch keeps about 150 bytes of memory for
// each task that it archives, up to some 50 MB.
type Batch struct {
	f       *File
	w       *writer
	pending pending
	changes *changes
	totals  *totals

	archived []int64 // submit seqs of those archived since the last flush, in that order
	body     []byte  // room
	seqs     []byte
	terms    []int64
	old      Row
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
	return &Batch{f: f, w: f.write, changes: newChanges(), totals: f.totals.Load().clone()}, nil
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
	}
	b.body = appendBody(b.body[:0], r)
	return b.w.putImage.run(r.Task.SubmitSeq, r.Task.ID[:], b.body)
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
		if err := b.w.dropImage.run(seq); err != nil {
			return err
		}
	}
	b.w.no++
	b.archived = append(b.archived, seq)
	if err := b.pending.add(b.w, r, b.w.no); err != nil {
		return err
	}
	if b.pending.full() {
		return b.flush()
	}
	return nil
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
	if b.changes.n >= maxChanges {
		return b.flush()
	}
	return nil
}

func (b *Batch) flush() error {
	if err := b.flushArchived(); err != nil {
		return err
	}
	if err := b.pending.flush(b.w, b.changes); err != nil {
		return err
	}
	return b.changes.flush(b.w, b.totals)
}

// archivedRow is how many archive numbers share a row.
const archivedRow = 4096

// flushArchived writes which tasks got the latest archive numbers.
func (b *Batch) flushArchived() error {
	seqs := b.archived
	first := b.w.no - int64(len(seqs)) + 1
	for len(seqs) > 0 {
		n := min(len(seqs), archivedRow)
		b.seqs = b.seqs[:0]
		before := int64(0)
		for _, seq := range seqs[:n] {
			b.seqs = binary.AppendVarint(b.seqs, seq-before)
			before = seq
		}
		if err := b.w.putArchived.run(first, b.seqs); err != nil {
			return err
		}
		seqs, first = seqs[n:], first+int64(n)
	}
	b.archived = b.archived[:0]
	return nil
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
	b.w.open = false
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
	b.w.open = false
	return fail("roll back batch", errors.Join(err, b.w.reload(), b.f.load()))
}
