package viewfile

import (
	"math/bits"

	"daybook/task"
)

// A term is something that a task has and that tasks are found by: being there at all,
// a facet, a tag, or a bucket of run times. A chunk is chunkSize neighbouring submit
// seqs. A block holds the tasks of one term in one chunk; its key is both in one number.
const (
	chunkBits = 16
	chunkSize = 1 << chunkBits

	chunkNumberBits = 24
	// maxSeq is the first submit seq that has no chunk.
	maxSeq = 1 << (chunkBits + chunkNumberBits)

	kindShift = 36
	termAll   = int64(0)
	kindFacet = int64(1) << kindShift
	kindRun   = int64(2) << kindShift
	kindTag   = int64(3) << kindShift
	kindMask  = int64(7) << kindShift
)

func chunkOf(seq int64) int64 { return seq >> chunkBits }

func keyOf(term, chunk int64) int64 { return term<<chunkNumberBits | chunk }

func split(key int64) (term, chunk int64) {
	return key >> chunkNumberBits, key & (1<<chunkNumberBits - 1)
}

func kindOf(term int64) int64 { return term & kindMask }

func facetTerm(facet uint32) int64 { return kindFacet | int64(facet) }

func runTerm(bucket int) int64 { return kindRun | int64(bucket) }

// facetOf returns the facet of an archived row.
func facetOf(r *Row) uint32 { return r.Group*FacetSpan + uint32(r.Task.Status) }

// Run times are kept as codes: 0 for a task that never started, else the zigzag of the
// run time, plus one.

func runCode(t *task.Task) uint64 {
	if t.StartedAt == 0 {
		return 0
	}
	run := t.CompletedAt - t.StartedAt
	return (uint64(run)<<1 ^ uint64(run>>63)) + 1
}

// runOf returns the run time of a code that is not 0.
func runOf(code uint64) task.Micros {
	code--
	return task.Micros(code>>1) ^ -task.Micros(code&1)
}

// runBuckets is how many buckets of run times there are.
const runBuckets = 4 * 62

// bucketOf returns the bucket of a run time: four to the octave, rising with it.
func bucketOf(run task.Micros) int {
	if run < 4 {
		return int(max(run, 0))
	}
	octave := bits.Len64(uint64(run)) - 1
	return 4*(octave-1) + int(run>>(octave-2))&3
}
