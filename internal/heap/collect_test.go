package heap

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestASmallHeapGrowsByAtLeastThatMuch(t *testing.T) {
	const growth = 64 << 20
	for live, want := range map[uint64]int{0: 1600, 1 << 20: 1600, 16 << 20: 400, 32 << 20: 200, 64 << 20: 100, 1 << 30: 100} {
		if got := percentFor(live, growth); got != want {
			t.Errorf("%d bytes live: GOGC %d, want %d", live, got, want)
		}
	}
}

// goal is the size of the heap at which the next collection begins, in bytes.
func goal() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func TestTheGoalFollowsWhatIsLive(t *testing.T) {
	t.Cleanup(func() { debug.SetGCPercent(defaultPercent) })
	debug.SetGCPercent(defaultPercent)
	const growth = 128 << 20
	collectLess(growth)
	await := func(what string, ok func(uint64) bool) {
		t.Helper()
		for deadline := time.Now().Add(2 * time.Minute); !ok(goal()); runtime.Gosched() {
			if runtime.GC(); time.Now().After(deadline) {
				t.Fatalf("%s: the goal is %d MB", what, goal()>>20)
			}
		}
	}
	await("a small heap", func(goal uint64) bool { return goal >= growth })
	large := make([]byte, 512<<20)
	await("a large heap", func(goal uint64) bool { return goal > 1000<<20 && goal < 1200<<20 }) // as GOGC=100 has it
	runtime.KeepAlive(large)
	await("small again", func(goal uint64) bool { return goal >= growth && goal < 2*growth })
}

// percent is GOGC as the runtime has it.
func percent() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func TestCollectLessKeepsWhatTheProgramHasSet(t *testing.T) {
	t.Cleanup(func() { debug.SetGCPercent(defaultPercent) })
	collectAndLook := func(when string) {
		t.Helper()
		debug.SetGCPercent(50)
		for range 20 {
			runtime.GC() // what is done after a collection is done beside it, a moment later
			time.Sleep(time.Millisecond)
			if got := percent(); got != 50 {
				t.Fatalf("%s: GOGC was 50 and is %d", when, got)
			}
		}
	}
	debug.SetGCPercent(50)
	collectLess(128 << 20)
	collectAndLook("set before")
	debug.SetGCPercent(defaultPercent)
	collectLess(128 << 20)
	for deadline := time.Now().Add(2 * time.Minute); percent() == defaultPercent; time.Sleep(time.Millisecond) {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatal("GOGC was not adjusted")
		}
	}
	collectAndLook("set after")
}
