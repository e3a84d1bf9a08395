package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"daybook/eventlog"
)

// Failing is a log whose Append fails once, on purpose. Everything else is as in the
// log it wraps.
type Failing struct {
	eventlog.Log

	mu    sync.Mutex
	calls int      // guarded by mu
	at    int      // guarded by mu; which call fails, from 1; 0 = none
	when  FailWhen // guarded by mu
	err   error    // guarded by mu
	stuck error    // guarded by mu; after ErrUnknown nothing works any more
}

// FailWhen says on which side of the disk an append fails.
type FailWhen uint8

const (
	// BeforeWriting: nothing was written.
	BeforeWriting FailWhen = iota
	// AfterWriting: everything was written, and the caller is told that it failed.
	AfterWriting
)

// NewFailing wraps log. Append works until FailAppend says otherwise.
func NewFailing(log eventlog.Log) *Failing { return &Failing{Log: log} }

// FailAppend makes the call'th Append from now on (1 = the next) fail with err on every
// entry. After an err that is eventlog.ErrUnknown all later appends fail too, as the
// contract says.
func (f *Failing) FailAppend(call int, when FailWhen, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.when, f.err = f.calls+call, when, err
}

// Calls is how many times Append was called.
func (f *Failing) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// Append appends, or fails.
func (f *Failing) Append(ctx context.Context, entries []eventlog.Entry) []eventlog.Result {
	f.mu.Lock()
	f.calls++
	call, fails := f.calls, f.calls == f.at
	when, err, stuck := f.when, f.err, f.stuck
	if fails && errors.Is(err, eventlog.ErrUnknown) {
		f.stuck = err
	}
	f.mu.Unlock()
	if stuck != nil {
		return refuse(entries, stuck)
	}
	if !fails {
		return f.Log.Append(ctx, entries)
	}
	if when == AfterWriting {
		f.Log.Append(ctx, entries)
	}
	return refuse(entries, fmt.Errorf("append %d fails: %w", call, err))
}

func refuse(entries []eventlog.Entry, err error) []eventlog.Result {
	results := make([]eventlog.Result, len(entries))
	for i := range results {
		results[i].Err = err
	}
	return results
}
