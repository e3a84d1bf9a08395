package task

import (
	"math/bits"
)

// BackoffKind is how the wait grows from attempt to attempt.
type BackoffKind uint8

const (
	Exponential BackoffKind = iota // base × 2^(n−1)
	Linear                         // base × n
	Constant                       // base

	backoffKindCount
)

var backoffNames = [backoffKindCount]string{"exponential", "linear", "constant"}

// String returns the name that clients use: "exponential".
func (k BackoffKind) String() string { return backoffNames[k] }

// ParseBackoffKind returns the kind of that name.
func ParseBackoffKind(name string) (BackoffKind, bool) {
	for k := Exponential; k < backoffKindCount; k++ {
		if backoffNames[k] == name {
			return k, true
		}
	}
	return 0, false
}

// Backoff is how long to wait after a failed attempt.
type Backoff struct {
	Base Micros // wait after the first failure, 0 … 86,400 s
	Max  Micros // no wait is longer, Base … 604,800 s
	Kind BackoffKind
	// NoJitter gives the full wait each time; without it the wait is drawn evenly
	// from 0 to the full one, so that tasks which failed together do not return together.
	NoJitter bool
}

// DefaultBackoff is what a task gets that asks for nothing.
var DefaultBackoff = Backoff{Kind: Exponential, Base: 2 * Second, Max: 600 * Second}

// Delay is the wait after failed attempt n (from 1). seed is 64 random bits that the
// caller draws; the same n and seed always give the same wait. The jitter is the
// "full jitter" of Brooker, "Exponential Backoff And Jitter" (AWS, 2015).
func (b Backoff) Delay(n int, seed uint64) Micros {
	full := b.full(n)
	if b.NoJitter || full <= 0 {
		return full
	}
	// Multiply-shift maps 64 random bits to 0 … full without a division.
	hi, _ := bits.Mul64(seed, uint64(full)+1)
	return Micros(hi)
}

func (b Backoff) full(n int) Micros {
	wait := b.Base
	switch b.Kind {
	case Linear:
		if n > 1 && wait > 0 && Micros(n) > b.Max/wait {
			return b.Max
		}
		wait *= Micros(n)
	case Exponential:
		for i := 1; i < n && wait < b.Max && wait > 0; i++ {
			wait *= 2
		}
	}
	return min(wait, b.Max)
}
