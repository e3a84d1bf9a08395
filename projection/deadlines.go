package projection

import (
	"daybook/internal/priority"
	"daybook/task"
)

// deadlines are the suspended tasks whose wait ends by itself, the one whose wait ends first at the head.
type deadlines struct{ priority.Queue[*record] }

// Before orders records in deadlines.
func (rec *record) Before(other *record) bool { return rec.keyDue < other.keyDue }

// Place is where the record is in deadlines.
func (rec *record) Place() *int32 { return &rec.lane }

// next is when the first wait ends; never if none does.
func (d *deadlines) next() task.Micros {
	if d.Len() == 0 {
		return never
	}
	return d.First().keyDue
}

// passed calls fn for those whose wait has ended by a moment until it returns false, the first one first, the others in no order.
// It returns what fn has returned.
func (d *deadlines) passed(now task.Micros, fn func(*record) bool) bool {
	return d.passedBelow(0, now, fn)
}

func (d *deadlines) passedBelow(at int, now task.Micros, fn func(*record) bool) bool {
	all := d.Items()
	if at >= len(all) || all[at].keyDue > now {
		return true
	}
	return fn(all[at]) && d.passedBelow(2*at+1, now, fn) && d.passedBelow(2*at+2, now, fn)
}
