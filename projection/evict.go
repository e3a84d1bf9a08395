package projection

import (
	"daybook/projection/viewfile"
	"daybook/task"
)

// end removes from memory the tasks that only the file must have now.
func (k *keeper) end(c *checkpoint) {
	k.forget(c)
	k.seq.Store(c.state.Seq)
	k.trimmed = c.trim
	for left, n := c.ends, 0; left > 0; left -= n {
		n = min(left, int(k.lockedFor.Load()))
		k.evict(n)
	}
	k.evictedUpTo(c.horizon)
}

// forget notes that outdated rows of the archive were removed or rewritten.
func (k *keeper) forget(c *checkpoint) {
	v := k.v
	k.lock()
	defer v.mu.Unlock()
	for _, seq := range c.rewritten {
		v.returned.Delete(seq)
	}
}

// evict takes the first n of the queue out of memory, unless they have changed since.
func (k *keeper) evict(n int) {
	v := k.v
	k.lock()
	defer v.mu.Unlock()
	for i := range n {
		e := v.ended.at(i)
		v.evicted = max(v.evicted, e.seq)
		rec := v.table.at(e.slot)
		if rec == nil || rec.gone || rec.filed != viewfile.Ended {
			continue
		}
		switch {
		case rec.task.LastSeq == e.seq && rec.dirty == 0:
			v.unload(rec)
		case rec.task.LastSeq > e.seq:
			v.returned.Insert(rec.task.SubmitSeq) // it has come back; its row in the archive is outdated
		}
	}
	v.ended.drop(n)
}

func (k *keeper) evictedUpTo(horizon int64) {
	v := k.v
	k.lock()
	defer v.mu.Unlock()
	v.evicted = max(v.evicted, horizon)
}

// unload removes the task from memory.
func (v *Views) unload(rec *record) {
	if key := rec.task.IdempotencyKey(); key != "" && v.keys[key] == rec.slot {
		delete(v.keys, key)
	}
	v.unclaim(rec)
	v.dropKid(rec)
	v.returned.Delete(rec.task.SubmitSeq)
	v.table.remove(rec)
}

// restore brings an ended task back to memory, because an event follows its end.
func (v *Views) restore(row *fileRow) *record {
	rec := v.load(row, viewfile.Ended)
	v.returned.Insert(row.Task.SubmitSeq)
	v.returns.Add(1)
	return rec
}

// load puts a task of the file into memory.
func (v *Views) load(row *fileRow, filed viewfile.Place) *record {
	rec := v.table.next()
	rec.task, rec.group, rec.due, rec.filed = row.Task, row.Group, !row.Task.Timed && row.Task.Waits() == nil && row.Task.Ending() == task.None, filed
	name := v.counts.names[row.Group]
	rec.task.Type, rec.task.Queue = name.taskType, name.queue // one string for all of the group
	rec.trail.set(row.Events)
	rec.facet = facetOf(rec)
	v.table.add(rec)
	v.addKey(rec)
	v.limitWorkflows(rec)
	v.claim(rec)
	v.wait(rec)
	v.keepKid(rec)
	rec.kin = kinStateOf(&rec.task)
	v.mate(rec)
	v.order.put(rec)
	return rec
}
