package projection

import (
	"bytes"

	"daybook/task"

	"github.com/oklog/ulid/v2"
	"github.com/tidwall/btree"
)

// families are the children of tasks: those in memory, and what became of those of each parent that has not ended.
//
// A family is a function of the states of the parent and its children. It lives as long as the parent does: it is made
// when the parent gets its first child, when the parent comes back from the end, and at a start.
type families struct {
	kids *btree.BTreeG[kid] // all children in memory
	live map[ulid.ULID]*family
	due  *btree.Map[int64, *family] // those with something to be done, by the submit seq of the parent
}

// kid is a child in memory; those of a parent lie in the order of submission.
type kid struct {
	parent ulid.ULID
	seq    int64 // of its submission
	slot   uint32
}

func (a kid) less(b kid) bool {
	c := bytes.Compare(a.parent[:], b.parent[:])
	return c < 0 || c == 0 && a.seq < b.seq
}

func newFamilies() families {
	return families{kids: btree.NewBTreeGOptions(kid.less, noLocks), live: make(map[ulid.ULID]*family), due: new(btree.Map[int64, *family])}
}

// family is the children that a parent waits for, which has not ended.
type family struct {
	parent    *record
	broods    map[string]*brood // by step
	open      int               // children that have not ended
	told      int               // of these, those that are being cancelled
	excess    int               // open children of broods that are to be cancelled, and are not told
	unsettled int               // broods for which a join waits
	changes   int64             // how often one of them has changed
}

// brood is the children of one step.
type brood struct {
	n         [kinStates]int
	onFailure task.OnChildFailure
	any       bool
}

// kinState is how a child counts in its family.
type kinState uint8

const (
	kinUnknown  kinState = iota // the families have not seen it yet
	kinDetached                 // it does not count
	kinOpen                     // it has not ended
	kinTold                     // it has not ended, and is being cancelled
	kinDone                     // it has succeeded
	kinLost                     // it has failed or was cancelled
	kinStates
)

func kinStateOf(t *task.Task) kinState {
	switch {
	case !t.IsMinded():
		return kinDetached
	case t.Status == task.Success:
		return kinDone
	case t.Status.Ended():
		return kinLost
	case isTold(t):
		return kinTold
	}
	return kinOpen
}

// isTold reports whether a task that has not ended does not go on: it is being cancelled, or its own work has failed.
func isTold(t *task.Task) bool {
	return t.CancelRequested || t.Ending() == task.Cancelled || t.Ending() == task.Failed
}

func (b *brood) open() int { return b.n[kinOpen] + b.n[kinTold] }

// doomed reports whether the open children of the brood are to be cancelled, whatever the parent does.
func (b *brood) doomed() bool {
	if b.any {
		return b.n[kinDone] > 0
	}
	return b.onFailure == task.ChildEndsRest && b.n[kinLost] > 0
}

// excess is how many children are still to be told so.
func (b *brood) excess() int {
	if b.doomed() {
		return b.n[kinOpen]
	}
	return 0
}

// settled reports whether a join need not wait for the brood.
func (b *brood) settled() bool { return b.open() == 0 || b.any && b.n[kinDone] > 0 }

// failed reports whether a brood that is settled makes its parent fail.
func (b *brood) failed() bool {
	switch {
	case b.onFailure == task.ChildIsGathered:
		return false
	case b.any:
		return b.n[kinDone] == 0 && b.n[kinLost] > 0
	}
	return b.n[kinLost] > 0
}

// add counts a child that the family has not seen.
func (f *family) add(k *task.Kin, state kinState) { f.move(k, kinUnknown, state) }

// move counts that a child has come from one state to another.
func (f *family) move(k *task.Kin, from, to kinState) {
	b := f.broods[k.Step]
	if b == nil {
		b = &brood{onFailure: k.OnFailure, any: k.Any}
		f.broods[k.Step] = b
	} else {
		f.weigh(b, -1)
	}
	b.n[from]-- // of kinUnknown it is of no use
	b.n[to]++
	f.weigh(b, 1)
	f.changes++
}

// weigh adds the brood to the sums of the family, or takes it out.
func (f *family) weigh(b *brood, sign int) {
	f.open += sign * b.open()
	f.told += sign * b.n[kinTold]
	f.excess += sign * b.excess()
	if !b.settled() {
		f.unsettled += sign
	}
}

// settled reports whether the children of a step, or all if it is "", need not be waited for.
func (f *family) settled(step string) bool {
	if step == "" {
		return f.unsettled == 0
	}
	b := f.broods[step]
	return b == nil || b.settled()
}

// failed reports whether the children of a step, or any if it is "", make the parent fail.
func (f *family) failed(step string) bool {
	if step != "" {
		b := f.broods[step]
		return b != nil && b.failed()
	}
	for _, b := range f.broods {
		if b.failed() {
			return true
		}
	}
	return false
}

// isDue reports whether there is something to be done for the family.
func (f *family) isDue() bool {
	t := &f.parent.task
	if f.excess > 0 || isTold(t) && f.open > f.told {
		return true
	}
	if t.Ending() != task.None || t.IsWorkflow() && t.Status == task.Running {
		return f.open == 0
	}
	w := t.Waits()
	return w != nil && w.Kind == task.StepChildren && f.settled(w.From)
}

// mind takes in how a task stands as a child and as a parent.
func (v *Views) mind(rec *record) {
	t := &rec.task
	if t.Kin == nil && t.Steps == nil {
		return
	}
	if state := kinStateOf(t); t.Kin != nil && state != rec.kin {
		if rec.kin == kinUnknown {
			v.keepKid(rec)
		}
		if f := v.families.live[t.Kin.Parent]; f != nil && state != kinDetached {
			f.move(t.Kin, rec.kin, state)
			v.judge(f)
		}
		rec.kin = state
	}
	f := v.families.live[t.ID]
	switch {
	case !headsFamily(t):
		if f != nil {
			delete(v.families.live, t.ID)
			v.families.due.Delete(t.SubmitSeq)
		}
		return
	case f == nil:
		f = v.gatherFamily(rec, v.brood[t.ID])
	}
	v.judge(f)
}

// headsFamily reports whether the task has a family: it is live, and has children or waits for some.
func headsFamily(t *task.Task) bool {
	w := t.Waits()
	return !t.Status.Ended() && (t.IsParent() || w != nil && w.Kind == task.StepChildren)
}

// keepKid puts a task among the children in memory, if it is one.
func (v *Views) keepKid(rec *record) {
	if parent := rec.task.Parent(); parent != (ulid.ULID{}) {
		v.families.kids.Set(kid{parent, rec.task.SubmitSeq, rec.slot})
	}
}

// dropKid removes a task that leaves memory.
func (v *Views) dropKid(rec *record) {
	if parent := rec.task.Parent(); parent != (ulid.ULID{}) {
		v.families.kids.Delete(kid{parent: parent, seq: rec.task.SubmitSeq})
	}
}

// judge notes whether there is something to be done for the family.
func (v *Views) judge(f *family) {
	if seq := f.parent.task.SubmitSeq; f.isDue() {
		v.families.due.Set(seq, f)
	} else {
		v.families.due.Delete(seq)
	}
}

// gatherFamily makes the family of a parent that is live anew, of its children in memory and of those in the file.
func (v *Views) gatherFamily(rec *record, filed []fileRow) *family {
	f := &family{parent: rec, broods: make(map[string]*brood)}
	v.kidsOf(rec.task.ID, func(one *record) bool {
		if one.kin > kinDetached {
			f.add(one.task.Kin, one.kin)
		}
		return true
	})
	for i := range filed {
		t := &filed[i].Task
		if t.IsMinded() && v.table.find(t.ID) == nil {
			f.add(t.Kin, kinStateOf(t))
		}
	}
	v.families.live[rec.task.ID] = f
	return f
}

// kidsOf calls fn for the children of a task that are in memory, in the order of submission, until it returns false.
func (v *Views) kidsOf(parent ulid.ULID, fn func(*record) bool) {
	v.families.kids.Ascend(kid{parent: parent}, func(k kid) bool {
		return k.parent == parent && fn(v.table.at(k.slot))
	})
}

// descend is table.descend for all tasks, or for the children of one alone.
func (v *Views) descend(parent ulid.ULID, before int64, statuses []bool, fn func(line) bool) {
	if parent == (ulid.ULID{}) {
		v.table.descend(before, statuses, fn)
		return
	}
	v.families.kids.Descend(kid{parent: parent, seq: before - 1}, func(k kid) bool {
		return k.parent == parent && fn(v.table.at(k.slot).line())
	})
}
