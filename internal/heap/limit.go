// Package heap sets the memory of a process that does little else than run a Daybook.
package heap

import (
	"math"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Share of the available memory that the Go heap may take. The rest is for SQLite's caches,
// which the Go runtime does not count, and for the kernel's file cache.
const Share = 0.75

// leastLimit is the smallest limit that is set, in bytes: below it a limit costs more time
// than it saves memory.
const leastLimit = 256 << 20

// Tune sets the soft memory limit of the Go runtime to Share of what the control group or
// the machine allows, unless GOMEMLIMIT or the program has set one, and lets a small heap grow
// by 64 MiB, or 1/32 of the limit if that is less, between two garbage collections, unless GOGC
// or the program has set how much. On Linux it also lets
// the kernel back the first GiB of the heap, or a quarter of the limit if that is less, with
// huge pages. Call it first in main: it expects a heap that is still small.
func Tune() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		// Not by memlimit.Set: an empty GOMEMLIMIT, which is none for the runtime, stops it.
		if memory, err := available(); err == nil { // else nothing says how much memory there is
			debug.SetMemoryLimit(max(int64(float64(memory)*Share), leastLimit))
		}
	}
	limit := debug.SetMemoryLimit(-1)
	collectLess(uint64(min(limit/32, leastGrowth)))
	useHugePages(int(min(limit/4, mostHugePages)))
}

// available is the memory of the machine, or of the control group where that is less, in bytes.
func available() (uint64, error) {
	machine, err := memlimit.FromSystem()
	if group, groupErr := memlimit.FromCgroup(); groupErr == nil && (err != nil || group < machine) {
		return group, nil
	}
	return machine, err
}
