package viewfile

import (
	"math/bits"
	"strings"

	"daybook/task"
)

// statusOf is the status of a facet.
func statusOf(facet uint32) task.Status { return task.Status(facet % FacetSpan) }

// runClasses is how many classes of run times there are.
const runClasses = 4 * 62

// classOf is the class of a run time: four to the octave, rising with it. Times within a class
// are neighbours in its index, so that it grows in few places.
func classOf(run int64) int64 {
	if run < 4 {
		return max(run, 0)
	}
	octave := bits.Len64(uint64(run)) - 1
	return int64(4*(octave-1)) + run>>(octave-2)&3
}

func questionMarks(n int) string { return strings.Repeat("?, ", n-1) + "?" }
