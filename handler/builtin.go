package handler

import "math/rand/v2"

// Options are what the built-in types need. The zero value works.
type Options struct {
	// Random draws a number from 0 up to but not 1, for SLEEP's fail_rate. It is called
	// by several goroutines. nil = math/rand/v2, seeded by the system.
	Random func() float64
}

func (o Options) withDefaults() Options {
	if o.Random == nil {
		o.Random = rand.Float64
	}
	return o
}

// Builtin returns the task types that Daybook has by itself.
func Builtin(o Options) []Handler {
	o = o.withDefaults()
	return []Handler{
		NewDataProcessing(),
		NewSleep(o.Random),
		NewEmailSimulation(),
		NewImage(nil),
	}
}
