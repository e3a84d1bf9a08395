package projection

import "daybook/task"

// keyMates links the tasks in memory that have not ended and share a concurrency key in a queue, the newest first.
type keyMates map[keyName]uint32 // slot of the newest, plus 1

// keyName names a key of a queue.
type keyName struct{ queue, key string }

// mate puts the task among those of its key, or takes it out if it has ended.
func (v *Views) mate(rec *record) {
	name := keyName{rec.task.Queue, rec.task.ConcurrencyKey}
	if name.key == "" || rec.mated != rec.task.Status.Ended() {
		return
	}
	rec.mated = !rec.mated
	if rec.mated {
		if newest := v.mates[name]; newest != 0 {
			other := v.table.at(newest - 1)
			rec.task.ConcurrencyKey = other.task.ConcurrencyKey // one string for all of them
			other.newer, rec.older = rec.slot+1, newest
		}
		v.mates[name] = rec.slot + 1
		return
	}
	if rec.older != 0 {
		v.table.at(rec.older - 1).newer = rec.newer
	}
	switch {
	case rec.newer != 0:
		v.table.at(rec.newer - 1).older = rec.older
	case rec.older != 0:
		v.mates[name] = rec.older
	default:
		delete(v.mates, name)
	}
	rec.newer, rec.older = 0, 0
}

// FindLiveByKey calls fn for the tasks of a queue that have the concurrency key and have not ended, in no order,
// until it returns false. It is for the goroutine that writes, as Find is.
func (v *Views) FindLiveByKey(queue, key string, fn func(*task.Task) bool) {
	v.mu.RLock() // another goroutine evicts tasks
	defer v.mu.RUnlock()
	for at := v.mates[keyName{queue, key}]; at != 0; {
		rec := v.table.at(at - 1)
		if !fn(&rec.task) {
			return
		}
		at = rec.older
	}
}
