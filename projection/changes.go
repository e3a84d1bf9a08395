package projection

import (
	"slices"

	"daybook/task"
)

// recentSize is how many events Changes can look back.
const recentSize = 1 << 16

// recent holds the task of each of the latest events; nil = the event is not about a task.
type recent struct {
	records [recentSize]*record
}

func (r *recent) add(seq int64, rec *record) { r.records[seq%recentSize] = rec }
func (r *recent) at(seq int64) *record       { return r.records[seq%recentSize] }

// Changes says which tasks changed after a seq: the rows as they are now, each once,
// the latest change last, at most limit, and the seq they show. truncated means that
// more changed, or that the seq is too far back to know: the reader must fetch its
// list again. A seq beyond the views gives no rows.
func (v *Views) Changes(after int64, limit int) (rows []task.Task, seq int64, truncated bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	seq = v.Seq()
	if seq-after > recentSize {
		return nil, seq, true
	}
	truncated = max(after, 0) < max(v.evicted, v.loaded) // it may have left memory, or never been there
	rows = make([]task.Task, 0, min(limit, int(max(seq-after, 0))))
	for s := seq; s > max(after, 0); s-- {
		rec := v.recent.at(s)
		if rec == nil || rec.gone || rec.task.LastSeq != s {
			continue // of no task, or met already at its latest event
		}
		if len(rows) == limit {
			truncated = true
			break
		}
		rows = append(rows, rec.task)
	}
	slices.Reverse(rows)
	return rows, seq, truncated
}
