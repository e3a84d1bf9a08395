package viewfile

import (
	"math/bits"
	"strings"

	"daybook/task"
)

// statusOf returns the status of a facet.
func statusOf(facet uint32) task.Status { return task.Status(facet % FacetSpan) }

// runClasses is the number of classes of run times.
const runClasses = 4 * 62

// classOf returns the class of a run time. Classes are logarithmic, four per doubling. The index by class
// grows only at the end of each class; an index by run time would grow everywhere.
func classOf(run int64) int64 {
	if run < 4 {
		return max(run, 0)
	}
	octave := bits.Len64(uint64(run)) - 1
	return int64(4*(octave-1)) + run>>(octave-2)&3
}

func questionMarks(n int) string { return strings.Repeat("?, ", n-1) + "?" }
