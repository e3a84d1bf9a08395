package heap_test

import (
	"math"
	"runtime/debug"
	"testing"

	"daybook/internal/heap"
)

func TestTuneKeepsALimitThatIsSet(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	const set = 300 << 20
	debug.SetMemoryLimit(set)
	heap.Tune()
	if got := debug.SetMemoryLimit(-1); got != set {
		t.Errorf("the limit was %d and is %d", set, got)
	}
}

func TestTuneSetsALimitBelowTheMemoryOfTheMachine(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "") // for the runtime this is none
	before := debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	heap.Tune()
	if got := debug.SetMemoryLimit(-1); got < 256<<20 || got == math.MaxInt64 {
		t.Errorf("the limit is %d", got)
	}
}
