package projection

import (
	"sort"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// record is a task and what the views remember about it.
type record struct {
	task   task.Task
	number uint32 // place in the order of submission, from 0
	group  uint32 // of its type and queue, see counts

	// since is when the task became free to start: it was due and pending. Its wait is
	// counted from here. Meaningful while it is pending.
	since task.Micros
	// due tells that the task is ready: it was due when the event that made it wait was
	// written, or Promote has found it due since. Meaningful while it is pending.
	due bool

	place place  // in order
	slot  int32  // in order.running, while place is inRunning
	key   dueKey // in order.ready or order.waiting, while place says so

	batch uint64 // the latest batch that touched it
}

const slabSize = 1024

// slab holds neighbours in the order of submission. The facets lie apart from the
// records, so that counting and listing by them read four bytes a task.
type slab struct {
	facets  [slabSize]uint32
	records [slabSize]record
}

// table holds all tasks in the order of submission.
type table struct {
	slabs   []*slab
	size    uint32
	numbers map[ulid.ULID]uint32 // without pointers: the collector skips it
}

// at returns the record of that number.
func (t *table) at(number uint32) *record {
	return &t.slabs[number/slabSize].records[number%slabSize]
}

// facet returns where the facet of that number is kept.
func (t *table) facet(number uint32) *uint32 {
	return &t.slabs[number/slabSize].facets[number%slabSize]
}

// find returns the record with that id, nil if there is none.
func (t *table) find(id ulid.ULID) *record {
	number, ok := t.numbers[id]
	if !ok {
		return nil
	}
	return t.at(number)
}

// next returns the record that add will make part of the table. It is empty: nothing
// is left of one that was never added, because Apply changes nothing when it refuses.
func (t *table) next() *record {
	if t.size%slabSize == 0 && int(t.size/slabSize) == len(t.slabs) {
		t.slabs = append(t.slabs, new(slab))
	}
	rec := t.at(t.size)
	rec.number = t.size
	return rec
}

// add makes the record that next returned part of the table; false if there is one with
// its id, and then the table must not be used any more.
func (t *table) add(rec *record) bool {
	t.numbers[rec.task.ID] = rec.number
	t.size++
	return len(t.numbers) == int(t.size)
}

// firstFrom returns the number of the first task submitted at seq or later.
func (t *table) firstFrom(seq int64) uint32 {
	return uint32(sort.Search(int(t.size), func(i int) bool { return t.at(uint32(i)).task.SubmitSeq >= seq }))
}

// firstAfter returns the number of the first task created after the moment. Time in
// the log never goes down, so tasks lie in the order of creation too.
func (t *table) firstAfter(moment task.Micros) uint32 {
	return uint32(sort.Search(int(t.size), func(i int) bool { return t.at(uint32(i)).task.CreatedAt > moment }))
}
