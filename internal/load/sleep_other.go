//go:build !linux

package load

// newSleeper returns the runtime's sleep: pollers of other systems count in nanoseconds.
func newSleeper() sleeper { return plainSleeper{} }
