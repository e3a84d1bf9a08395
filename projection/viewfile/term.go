package viewfile

import (
	"math/bits"

	"daybook/task"
)

// A term is something that a task has and that tasks are found by: being there at all,
// a facet, a status, a bucket of run times (a narrow and a wide one), or a tag. A chunk is chunkSize neighbouring submit
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
	kindWide  = int64(3) << kindShift
	kindState = int64(4) << kindShift
	kindTag   = int64(5) << kindShift
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

func wideTerm(wide int) int64 { return kindWide | int64(wide) }

func statusTerm(facet uint32) int64 { return kindState | int64(facet%FacetSpan) }

// facetOf returns the facet of an archived row.
func facetOf(r *Row) uint32 { return r.Group*FacetSpan + uint32(r.Task.Status) }

// Run times are kept as codes: 0 for a task that never started, else the zigzag of the
// run time, plus one.

func runCode(t *task.Task) uint64 {
	if t.StartedAt == 0 {
		return 0
	}
	return codeOf(t.CompletedAt - t.StartedAt)
}

func codeOf(run task.Micros) uint64 { return (uint64(run)<<1 ^ uint64(run>>63)) + 1 }

// runOf returns the run time of a code that is not 0.
func runOf(code uint64) task.Micros {
	code--
	return task.Micros(code>>1) ^ -task.Micros(code&1)
}

const (
	runBuckets = 4 * 62
	// A wide bucket is as many buckets as this: a long range is then of few terms.
	wideSpan = 16
)

// bucketOf returns the bucket of a run time: four to the octave, rising with it.
func bucketOf(run task.Micros) int {
	if run < 4 {
		return int(max(run, 0))
	}
	octave := bits.Len64(uint64(run)) - 1
	return 4*(octave-1) + int(run>>(octave-2))&3
}
