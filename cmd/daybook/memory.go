package main

import "runtime/debug"

// gcPercent lets the heap grow to this much over what is live before it is collected.
const gcPercent = 200

// tuneMemory trades memory for fewer collections. What GOGC in the environment says wins.
func tuneMemory() {
	if before := debug.SetGCPercent(gcPercent); before != 100 {
		debug.SetGCPercent(before)
	}
}
