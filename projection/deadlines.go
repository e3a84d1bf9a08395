package projection

import (
	"container/heap"

	"daybook/task"
)

// deadlines are the suspended tasks whose wait ends by itself: a heap by keyDue. The lane of a record is its place.
type deadlines []*record

func (d *deadlines) add(rec *record) { heap.Push(d, rec) }

func (d *deadlines) remove(rec *record) { heap.Remove(d, int(rec.lane)) }

// next is when the first wait ends; never if none does.
func (d deadlines) next() task.Micros {
	if len(d) == 0 {
		return never
	}
	return d[0].keyDue
}

// passed calls fn for those whose wait has ended by a moment until it returns false, the first one first, the others in no order.
// It returns what fn has returned.
func (d deadlines) passed(now task.Micros, fn func(*record) bool) bool {
	return d.passedBelow(0, now, fn)
}

func (d deadlines) passedBelow(at int, now task.Micros, fn func(*record) bool) bool {
	if at >= len(d) || d[at].keyDue > now {
		return true
	}
	return fn(d[at]) && d.passedBelow(2*at+1, now, fn) && d.passedBelow(2*at+2, now, fn)
}

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, k int) bool { return d[i].keyDue < d[k].keyDue }
func (d deadlines) Swap(i, k int) {
	d[i], d[k] = d[k], d[i]
	d[i].lane, d[k].lane = int32(i), int32(k)
}

func (d *deadlines) Push(x any) {
	rec := x.(*record)
	rec.lane = int32(len(*d))
	*d = append(*d, rec)
}

func (d *deadlines) Pop() any {
	last := len(*d) - 1
	rec := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return rec
}
