package projection

import (
	"context"
	"encoding/binary"
	"fmt"

	"daybook/internal/sqlite"
	"daybook/projection/viewfile"
	"daybook/task"
)

const (
	// lockedFor is how many records are copied, or leave memory, before the lock is released for the writer.
	lockedFor = 256
	// replayLockedFor is the same while the log is replayed: nobody waits for an answer, but the replay holds the
	// lock for a whole batch, and the checkpoint waits for it each time.
	replayLockedFor = 1 << 13
	// A checkpoint reuses the memory of the one before, unless that held more than this many
	// tasks.
	mostDirty  = 1 << 18
	mostCopies = 1 << 12
)

// rowCopy is a task as it was when a checkpoint began, because it has changed since.
type rowCopy struct {
	row  fileRow
	slot uint32
	was  viewfile.Place
}

// checkpoint is one writing of the views, as they are at one seq, to the file.
//
// It writes the records that are dirty in its epoch. The fold continues meanwhile: before it changes
// one of them that is not written yet, it adds a copy to Views.copies.
type checkpoint struct {
	state   viewfile.State
	windows *windows
	uses    []byte // of the queues
	epoch   uint32
	dirty   []uint32
	horizon int64       // ended tasks whose last event is at or before it are archived
	ends    int         // number of entries of the queue up to the horizon
	trim    int64       // archive numbers up to it are forgotten
	claimed task.Micros // when the latest task with a unique key was submitted
	keys    []viewfile.Key
	changed []*key // of which keys are the rows

	rewritten []int64 // submit seqs of tasks whose archived row is gone or new
}

// taken is a record that was copied, and where the file had it before.
type taken struct {
	slot uint32
	was  viewfile.Place
}

// marks are stored in the file and read at the next start.
type marks struct {
	horizon int64 // archived tasks whose last event is at or before it are not in memory
	trimmed int64 // archive numbers up to it are forgotten
}

func (m marks) append(b []byte) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(m.horizon)), uint64(m.trimmed))
}

// readMarks reads what append has written, and returns what follows it: nothing if it
// cannot be read.
func readMarks(b []byte) (marks, []byte) {
	r := varints{b: b}
	m := marks{horizon: int64(r.next()), trimmed: int64(r.next())}
	return m, r.b
}

// markDirty must be called before a record is changed.
func (v *Views) markDirty(rec *record) {
	if v.keeper == nil || rec.dirty == v.epoch {
		return
	}
	if rec.dirty != 0 { // the checkpoint that is being written has not come to it
		v.copies = appendCopy(v.copies, rec)
	}
	rec.dirty = v.epoch
	v.dirty = append(v.dirty, rec.slot)
}

// appendCopy appends the record as the file keeps it. It reuses the capacity of rows and of the events
// of the row that was there before.
func appendCopy(rows []rowCopy, rec *record) []rowCopy {
	if len(rows) < cap(rows) {
		rows = rows[:len(rows)+1]
	} else {
		rows = append(rows, rowCopy{})
	}
	i := &rows[len(rows)-1]
	i.slot = rec.slot // claim says where the file has it
	r := &i.row
	r.Task, r.Group = rec.task, rec.group
	r.Events = append(r.Events[:0], rec.trail.bytes()...)
	return rows
}

// reuse empties a slice so that it can be filled again, or frees it if its capacity is over most.
func reuse[T any](s []T, most int) []T {
	if cap(s) > most {
		return nil
	}
	return s[:0]
}

// checkpoint writes what has changed since the one before, in one transaction. If the disk is full
// it writes nothing and returns nil: the next one tries again.
func (k *keeper) checkpoint() error {
	if k.lag() == 0 && k.indexed.Load() == k.trimmed || !k.log.HasRoom() {
		return nil
	}
	c := k.begin()
	if err := k.log.Sync(); err != nil { // the file must not show what a power cut takes from the log
		return fmt.Errorf("write the view file: %w", err)
	}
	c.trim = k.indexed.Load()
	err := k.write(c)
	if sqlite.IsFull(err) {
		k.undo(c)
		k.logger.Warn("the view file waits for room on the disk", "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("write the view file: %w", err)
	}
	k.end(c)
	k.kept.Raise()
	poke(k.archived)
	return nil
}

// begin fixes what the checkpoint shows.
func (k *keeper) begin() *checkpoint {
	v := k.v
	k.lock()
	defer v.mu.Unlock()
	c := &checkpoint{epoch: v.epoch, dirty: v.dirty, windows: v.windows.copy(), uses: v.counts.queues.append(nil)}
	v.epoch++
	v.dirty, k.dirty = reuse(k.dirty, mostDirty), c.dirty
	v.copies = reuse(v.copies, mostCopies)
	k.taken = reuse(k.taken, mostDirty)
	seq := v.Seq()
	v.saveVirtual()
	c.keys, c.changed = v.order.keyed.changedKeys()
	c.state = viewfile.State{Seq: seq, Counts: append([]int64(nil), v.counts.n...), Streams: v.streams.snapshot()}
	for _, name := range v.counts.names {
		c.state.Groups = append(c.state.Groups, viewfile.Group{Type: name.taskType, Queue: name.queue})
	}
	c.horizon, c.claimed = max(seq-k.keep, v.evicted), v.claims.latest
	c.ends = v.ended.upTo(c.horizon)
	return c
}

// write writes all of it.
func (k *keeper) write(c *checkpoint) error {
	if err := k.finishState(c); err != nil {
		return err
	}
	batch, err := k.file.Begin()
	if err != nil {
		return err
	}
	if err = k.fill(c, batch); err == nil {
		err = batch.Commit(&c.state)
	}
	if err != nil {
		_ = batch.Rollback() // err says more
	}
	return err
}

// finishState adds what takes time to compute and cannot change any more.
func (k *keeper) finishState(c *checkpoint) error {
	c.state.Windows = c.windows.append(append(marks{c.horizon, c.trim}.append(nil), c.uses...))
	if c.state.Seq == 0 {
		return nil
	}
	last, err := k.log.Events(context.Background(), []int64{c.state.Seq})
	if err != nil {
		return fmt.Errorf("read event %d: %w", c.state.Seq, err)
	}
	c.state.Hash = last[0].Hash
	return nil
}

// fill puts the tasks into the batch: those that are dirty, those that changed since and were
// copied, and those that ended long enough ago.
func (k *keeper) fill(c *checkpoint, batch *viewfile.Batch) error {
	rows := k.rows[:0]
	for dirty := c.dirty; len(dirty) > 0; {
		n := min(int(k.lockedFor.Load()), len(dirty))
		rows = k.copyDirty(c, dirty[:n], rows[:0])
		dirty = dirty[n:]
		if err := put(c, batch, rows); err != nil {
			return err
		}
	}
	if err := put(c, batch, k.claimCopies(c)); err != nil {
		return err
	}
	for i, n := 0, 0; i < c.ends; i += n {
		n = int(k.lockedFor.Load())
		rows = k.copyEnded(c, i, min(i+n, c.ends), rows[:0])
		if err := put(c, batch, rows); err != nil {
			return err
		}
	}
	k.rows = reuse(rows, mostCopies)
	batch.PutKeys(c.keys)
	batch.DropClaims(c.claimed - claimsKept)
	if c.trim > k.trimmed {
		return batch.Trim(c.trim)
	}
	return nil
}

func put(c *checkpoint, batch *viewfile.Batch, rows []rowCopy) error {
	for i := range rows {
		r := &rows[i]
		if r.was == viewfile.Ended {
			c.rewritten = append(c.rewritten, r.row.Task.SubmitSeq)
		}
		var err error
		if c.archives(&r.row.Task) {
			err = batch.Archive(&r.row, r.was)
		} else {
			err = batch.Keep(&r.row, r.was)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyDirty copies records that have not changed since the checkpoint began.
func (k *keeper) copyDirty(c *checkpoint, slots []uint32, rows []rowCopy) []rowCopy {
	v := k.v
	k.lock()
	defer v.mu.Unlock()
	for _, slot := range slots {
		rec := v.table.at(slot)
		if rec.dirty != c.epoch {
			continue // it changed, and its copy is in v.copies
		}
		rec.dirty = 0
		rows = appendCopy(rows, rec)
		k.claim(c, rec, &rows[len(rows)-1])
	}
	return rows
}

// claimCopies claims the copies of tasks that have changed since the checkpoint began. No more will come.
func (k *keeper) claimCopies(c *checkpoint) []rowCopy {
	v := k.v
	k.lock()
	defer v.mu.Unlock()
	for i := range v.copies {
		row := &v.copies[i]
		k.claim(c, v.table.at(row.slot), row)
	}
	return v.copies
}

// copyEnded copies the tasks of the queue that the file has among the live ones and that move to
// the archive now.
func (k *keeper) copyEnded(c *checkpoint, from, to int, rows []rowCopy) []rowCopy {
	v := k.v
	k.lock()
	defer v.mu.Unlock()
	for i := from; i < to; i++ {
		e := v.ended.at(i)
		rec := v.table.at(e.slot)
		if rec != nil && !rec.gone && rec.dirty == 0 && rec.task.LastSeq == e.seq && rec.filed == viewfile.Live {
			rows = appendCopy(rows, rec)
			k.claim(c, rec, &rows[len(rows)-1])
		}
	}
	return rows
}

// claim notes that the row will be written, and where the file had the task before.
func (k *keeper) claim(c *checkpoint, rec *record, row *rowCopy) {
	row.was = rec.filed
	k.taken = append(k.taken, taken{rec.slot, rec.filed})
	rec.filed = viewfile.Live
	if t := &row.row.Task; c.archives(t) {
		rec.filed = viewfile.Ended
		if t.LastSeq <= k.v.evicted { // the row would be valid as soon as it is written
			k.v.returned.Insert(t.SubmitSeq)
		}
	}
}

// undo marks the copied records dirty again, because the checkpoint failed.
func (k *keeper) undo(c *checkpoint) {
	v := k.v
	k.lock()
	defer v.mu.Unlock()
	v.order.keyed.dirty = append(c.changed, v.order.keyed.dirty...)
	for i := len(k.taken) - 1; i >= 0; i-- {
		v.table.at(k.taken[i].slot).filed = k.taken[i].was
	}
	for _, slot := range c.dirty {
		if rec := v.table.at(slot); rec.dirty != v.epoch {
			rec.dirty = v.epoch
			v.dirty = append(v.dirty, slot)
		}
	}
}

// archives reports whether the task goes to the archive.
func (c *checkpoint) archives(t *task.Task) bool { return t.Status.Ended() && t.LastSeq <= c.horizon }
