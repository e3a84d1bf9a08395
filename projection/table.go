package projection

import (
	"math"

	"daybook/projection/viewfile"
	"daybook/task"

	"github.com/oklog/ulid/v2"
	"github.com/tidwall/btree"
)

// record is a task in memory and what the views remember about it.
type record struct {
	task  task.Task
	group uint32 // of its type and queue, see counts
	facet uint32 // where it is counted
	trail trail  // where its events lie

	// since is when the task became free to start: it was due and pending. Its wait is
	// counted from here. Meaningful while it is pending.
	since task.Micros
	// due tells that the task is ready: it was due when the event that made it wait was
	// written, or Promote has found it due since. Meaningful while it is pending.
	due bool

	place place  // in order
	lane  int32  // in order.running, while place is inRunning
	key   dueKey // in order.ready or order.waiting, while place says so

	slot  uint32 // in the table
	batch uint64 // the latest batch that touched it
	gone  bool   // it has left memory: the slot is free

	dirty uint64         // the checkpoint that is to write it; 0 = the file has it as it is
	filed viewfile.Place // where the file has it
}

const slabSize = 512

// slab holds records that do not move, with a list of those that are free.
type slab struct {
	records [slabSize]record
	free    []uint16
}

// line is a task in the order of submission. The facet lies here too, so that a scan by
// status, type or queue need not look at the records.
type line struct {
	seq   int64 // of its submission
	slot  uint32
	facet uint32
}

func (a line) less(b line) bool { return a.seq < b.seq }

// table holds the tasks that are in memory.
type table struct {
	slabs []*slab // nil where all have left
	room  int     // slabs before this one are full
	slots map[ulid.ULID]uint32
	lines *btree.BTreeG[line]
}

func newTable(tasks int64) table {
	return table{
		slots: make(map[ulid.ULID]uint32, tasks),
		lines: btree.NewBTreeGOptions(line.less, btree.Options{NoLocks: true, Degree: 64}),
	}
}

// size is how many tasks are in memory.
func (t *table) size() int { return len(t.slots) }

// at returns the record in that slot, nil if its slab has gone.
func (t *table) at(slot uint32) *record {
	s := t.slabs[slot/slabSize]
	if s == nil {
		return nil
	}
	return &s.records[slot%slabSize]
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
	for t.room < len(t.slabs) && t.slabs[t.room] != nil && len(t.slabs[t.room].free) == 0 {
		t.room++
	}
	if t.room == len(t.slabs) {
		t.slabs = append(t.slabs, nil)
	}
	s := t.slabs[t.room]
	if s == nil {
		s = &slab{free: make([]uint16, slabSize)}
		for i := range s.free {
			s.free[i] = uint16(slabSize - 1 - i)
		}
		t.slabs[t.room] = s
	}
	i := s.free[len(s.free)-1]
	s.records[i] = record{slot: uint32(t.room*slabSize) + uint32(i)}
	return &s.records[i]
}

// add makes the record that next returned part of the table; false if there is one with
// its id, and then the table must not be used any more.
func (t *table) add(rec *record) bool {
	before := len(t.slots)
	t.slots[rec.task.ID] = rec.slot
	s := t.slabs[rec.slot/slabSize]
	s.free = s.free[:len(s.free)-1]
	t.lines.Load(rec.line()) // quick when it comes last, as most do
	return len(t.slots) == before+1
}

// remove takes the record out of memory. What still points to it finds gone.
func (t *table) remove(rec *record) {
	delete(t.slots, rec.task.ID)
	t.lines.Delete(rec.line())
	rec.gone = true
	number := int(rec.slot / slabSize)
	s := t.slabs[number]
	s.free = append(s.free, uint16(rec.slot%slabSize))
	if len(s.free) == slabSize {
		t.slabs[number] = nil
	}
	t.room = min(t.room, number)
}

// line is the record in the order of submission.
func (rec *record) line() line { return line{rec.task.SubmitSeq, rec.slot, rec.facet} }

// refacet tells the order of submission where the record is counted now.
func (t *table) refacet(rec *record) { t.lines.Set(rec.line()) }

// records goes through the tasks in memory in the order of submission.
func (t *table) records(yield func(*record) bool) {
	t.lines.Scan(func(l line) bool { return yield(t.at(l.slot)) })
}

// firstAfter returns the submit seq of the first task in memory that was created after
// the moment. Time in the log never goes down, so tasks lie in the order of creation too.
func (t *table) firstAfter(moment task.Micros) int64 {
	low, high := 0, t.lines.Len()
	for low < high {
		middle := int(uint(low+high) / 2)
		l, _ := t.lines.GetAt(middle)
		if t.at(l.slot).task.CreatedAt > moment {
			high = middle
		} else {
			low = middle + 1
		}
	}
	if l, ok := t.lines.GetAt(low); ok {
		return l.seq
	}
	return math.MaxInt64
}
