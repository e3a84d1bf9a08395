package projection

import (
	"math"
	"slices"

	"daybook/projection/viewfile"
	"daybook/task"

	"github.com/oklog/ulid/v2"
	"github.com/tidwall/btree"
)

// record is a task in memory and what the views remember about it.
type record struct {
	task  task.Task
	trail trail  // where its events lie
	group uint32 // of its type and queue, see counts
	facet uint32 // where it is counted
	slot  uint32 // in the table
	older uint32 // slots, plus 1, of its neighbours in keyMates; 0 = none
	newer uint32
	dirty uint32 // the checkpoint that is to write it; 0 = the file has it as it is
	lane  int32  // in order.running, while place is inRunning; else in order.deadlines, 0 = it is not there

	lined   uint8    // which of table.lines has it
	mated   bool     // it is in keyMates
	gone    bool     // it has left memory: the slot is free
	kin     kinState // how families has it
	touched bool     // by the batch that is being folded

	// due: the task is ready. It was due when the event that made it wait was
	// written, or Promote has found it due since. Only set while it is pending.
	due bool

	place place          // in order
	filed viewfile.Place // where the file has it

	keyDue task.Micros // in order, except inRunning: see key; of inSuspended the end of the wait, or never

	wait *task.Wait // that waits has it for; nil = it is not suspended

	dependencies *dependencies // nil: it depends on nothing, or has ended
}

const slabSize = 512

// slab holds records, which do not move. It has nothing else, so that it takes whole pages of memory.
type slab [slabSize]record

// line is a task in the order of submission, with its facet, so that a scan by type or queue does
// not read the records.
type line struct {
	seq   int64 // of its submission
	slot  uint32
	facet uint32
}

func (a line) less(b line) bool { return a.seq < b.seq }

// table holds the tasks that are in memory.
type table struct {
	slabs []*slab    // nil where all have left
	free  [][]uint16 // by slab: which of its records are free
	room  int        // slabs before this one are full
	slots map[ulid.ULID]uint32
	lines [2]*btree.BTreeG[line] // [0] what waits, [1] what runs or has ended: found fast beside any number that waits
}

// newTable makes room for that many tasks; it grows when there are more.
func newTable(tasks int64) table {
	t := table{slots: make(map[ulid.ULID]uint32, tasks)}
	for i := range t.lines {
		t.lines[i] = btree.NewBTreeGOptions(line.less, btree.Options{NoLocks: true, Degree: 64})
	}
	return t
}

// size is how many tasks are in memory.
func (t *table) size() int { return len(t.slots) }

// at returns the record in that slot, nil if its slab has gone.
func (t *table) at(slot uint32) *record {
	s := t.slabs[slot/slabSize]
	if s == nil {
		return nil
	}
	return &s[slot%slabSize]
}

// find returns the record with that id, nil if it is not in memory.
func (t *table) find(id ulid.ULID) *record {
	slot, ok := t.slots[id]
	if !ok {
		return nil
	}
	return t.at(slot)
}

// next returns the record that add will make part of the table. It is empty.
func (t *table) next() *record {
	for t.room < len(t.slabs) && t.slabs[t.room] != nil && len(t.free[t.room]) == 0 {
		t.room++
	}
	if t.room == len(t.slabs) {
		t.slabs, t.free = append(t.slabs, nil), append(t.free, nil)
	}
	if t.slabs[t.room] == nil {
		free := make([]uint16, slabSize)
		for i := range free {
			free[i] = uint16(slabSize - 1 - i)
		}
		t.slabs[t.room], t.free[t.room] = new(slab), free
	}
	free := t.free[t.room]
	i := free[len(free)-1]
	rec := &t.slabs[t.room][i]
	*rec = record{slot: uint32(t.room*slabSize) + uint32(i)}
	return rec
}

// add makes the record that next returned part of the table. It returns false if there is one with
// its id; then the table must not be used any more.
func (t *table) add(rec *record) bool {
	before := len(t.slots)
	t.slots[rec.task.ID] = rec.slot
	free := &t.free[rec.slot/slabSize]
	*free = (*free)[:len(*free)-1]
	t.enter(rec)
	return len(t.slots) == before+1
}

// remove removes the record from memory and sets gone for those that still point to it.
func (t *table) remove(rec *record) {
	delete(t.slots, rec.task.ID)
	t.lines[rec.lined].Delete(rec.line())
	rec.gone = true
	number := int(rec.slot / slabSize)
	t.free[number] = append(t.free[number], uint16(rec.slot%slabSize))
	if len(t.free[number]) == slabSize {
		t.slabs[number], t.free[number] = nil, nil
	}
	t.room = min(t.room, number)
}

// line is the record in the order of submission.
func (rec *record) line() line { return line{rec.task.SubmitSeq, rec.slot, rec.facet} }

// linedAs is where in table.lines tasks of the status are.
func linedAs(s task.Status) uint8 {
	if s == task.Pending {
		return 0
	}
	return 1
}

// enter puts the record into the order of submission.
func (t *table) enter(rec *record) {
	rec.lined = linedAs(rec.task.Status)
	t.lines[rec.lined].Load(rec.line()) // quick when it comes last, as most do
}

// refacet updates the facet of the record in the order of submission.
func (t *table) refacet(rec *record) {
	if rec.lined != linedAs(rec.task.Status) {
		t.lines[rec.lined].Delete(rec.line())
	}
	t.enter(rec)
}

// descend calls fn for the tasks submitted before a seq, from the newest to the oldest,
// until it returns false. It may leave out those that are in none of the statuses.
func (t *table) descend(before int64, statuses []bool, fn func(line) bool) {
	var wanted [len(t.lines)]bool
	for status, want := range statuses {
		wanted[linedAs(task.Status(status))] = wanted[linedAs(task.Status(status))] || want
	}
	var cursors []cursor
	for i, lines := range t.lines {
		if !wanted[i] {
			continue
		}
		c := cursor{IterG: lines.Iter()}
		found := c.Seek(line{seq: before})
		if found {
			found = c.Prev()
		} else {
			found = c.Last()
		}
		if found {
			c.at = c.Item()
			cursors = append(cursors, c)
		}
	}
	for len(cursors) > 0 {
		newest := 0
		for i := range cursors {
			if cursors[i].at.seq > cursors[newest].at.seq {
				newest = i
			}
		}
		c := &cursors[newest]
		if !fn(c.at) {
			return
		}
		if c.Prev() {
			c.at = c.Item()
		} else {
			cursors = slices.Delete(cursors, newest, newest+1)
		}
	}
}

// cursor is a place in one of table.lines.
type cursor struct {
	btree.IterG[line]
	at line
}

// firstAfter returns the submit seq of the first task in memory that was created after
// the moment. Time in the log never goes down, so tasks lie in the order of creation too.
func (t *table) firstAfter(moment task.Micros) int64 {
	first := int64(math.MaxInt64)
	for _, lines := range t.lines {
		low, high := 0, lines.Len()
		for low < high {
			middle := int(uint(low+high) / 2)
			l, _ := lines.GetAt(middle)
			if t.at(l.slot).task.CreatedAt > moment {
				high = middle
			} else {
				low = middle + 1
			}
		}
		if l, ok := lines.GetAt(low); ok {
			first = min(first, l.seq)
		}
	}
	return first
}
