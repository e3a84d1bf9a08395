// Package task is the pure domain of Daybook: what can happen to a task, what may
// be asked of it, and what follows.
//
// A task is the fold of its events. Decide says which events a command leads to
// in a given state, Apply folds one event into the state, and the codec turns the
// facts of an event into canonical JSON and back. Nothing here reads a clock, draws
// a random number or touches a disk: time, identity and jitter come in as parameters.
package task
