package eventlogtest

import (
	"context"

	"daybook/eventlog"
)

// Contested is a log that has another writer: just before an Append, it may append to the log
// too. Everything else is as in the log it wraps.
type Contested struct {
	eventlog.Log
	other func(log eventlog.Log)
}

// NewContested wraps log. other is called before each Append with the log within.
func NewContested(log eventlog.Log, other func(log eventlog.Log)) *Contested {
	return &Contested{log, other}
}

// Append lets the other writer append, then appends.
func (c *Contested) Append(ctx context.Context, entries []eventlog.Entry) []eventlog.Result {
	c.other(c.Log)
	return c.Log.Append(ctx, entries)
}
