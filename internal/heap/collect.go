package heap

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// leastGrowth is how much the heap grows at least between two garbage collections, in bytes. Go starts one when the heap has
// doubled, which a small heap under load does many times a second.
const leastGrowth = 64 << 20

// defaultPercent is GOGC of a program that sets none.
const defaultPercent = 100

// calls counts the calls of collectLess.
var calls atomic.Int64

// collectLess lets the heap grow by at least growth bytes between two garbage collections, until GOGC or the program sets how
// much, which is seen by another value than the one that it expects: 100 first, then its own. Of several calls the last one
// counts. It looks after each collection what has stayed.
func collectLess(growth uint64) {
	call := calls.Add(1)
	percent := defaultPercent
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/gogc:percent"}}
	var arm func()
	adjust := func(struct{}) {
		metrics.Read(live)
		if int(live[1].Value.Uint64()) != percent || calls.Load() != call {
			return
		}
		wanted := percentFor(live[0].Value.Uint64(), growth)
		if wanted < percent-percent/8 || wanted > percent+percent/8 { // each change stops all goroutines for a moment
			if before := debug.SetGCPercent(wanted); before != percent { // the program set it since
				debug.SetGCPercent(before)
				return
			}
			percent = wanted
		}
		arm()
	}
	arm = func() { runtime.AddCleanup(new([16]byte), adjust, struct{}{}) }
	arm()
}

// leastHeap is the size that Go takes a smaller heap for, in bytes: runtime.heapminimum is 4 MiB times GOGC by 100.
const leastHeap = 4 << 20

// percentFor is the GOGC with which a heap of live bytes grows by at least growth, in percent.
func percentFor(live, growth uint64) int {
	return int(max(100*growth/max(live, leastHeap), defaultPercent))
}
