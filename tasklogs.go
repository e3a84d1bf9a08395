package daybook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"daybook/eventlog/sqlitelog"
	"daybook/projection"
	"daybook/tasklog"

	"github.com/oklog/ulid/v2"
)

const (
	// roomForTaskLogs is how many bytes of the disk must be free for lines of task logs: twice what is
	// kept for results.
	roomForTaskLogs  = 128 << 20
	defaultTaskLogs  = 1 << 30
	smallestTaskLogs = 64 << 20 // four logs of the largest size
)

// openTaskLogs opens the logs of tasks in the data folder.
func (d *Daybook) openTaskLogs() (*tasklog.Store, error) {
	dir := d.o.Data
	o := tasklog.Options{Dir: dir, MaxTotal: max(cmp.Or(d.o.MaxTaskLogs, defaultTaskLogs), smallestTaskLogs), Logger: d.o.Logger,
		Room: func() bool { return sqlitelog.FreeBytes(dir) >= roomForTaskLogs }}
	if d.node != nil {
		o.Shared = d.node.Lines()
	}
	return tasklog.Open(o)
}

const (
	// leftLogsEvery is how often a node looks for logs of erased tasks, and leftLogsWait how long it waits to be up to date.
	leftLogsEvery = 24 * time.Hour
	leftLogsWait  = time.Second
	// leftLogsPage is how many tasks it looks at together.
	leftLogsPage = 1000
)

// eraseLeftLogs erases the logs that this node has of tasks that were erased while it was away, or ran a version that knew no erasure: the
// nodes keep the word of it, among the lines, only for a while. It goes on until ctx ends.
func (d *Daybook) eraseLeftLogs(ctx context.Context) {
	for wait := leftLogsWait; sleeps(ctx, wait); {
		if d.node.Ready() != nil {
			continue
		}
		wait = leftLogsEvery
		if err := d.eraseLogsOfErased(ctx); err != nil && ctx.Err() == nil {
			d.o.Logger.Warn("this node may have lines of tasks that were erased; it is tried again", "error", err)
			wait = time.Minute
		}
	}
}

// eraseLogsOfErased erases the logs of all tasks that were erased.
func (d *Daybook) eraseLogsOfErased(ctx context.Context) error {
	var last ulid.ULID
	for {
		page, err := d.taskLogs.Tasks(ctx, last, leftLogsPage)
		if err != nil || len(page) == 0 {
			return err
		}
		last = page[len(page)-1]
		var left []ulid.ULID
		for _, id := range page {
			t, _, err := d.views.Get(ctx, id)
			if err != nil && !errors.Is(err, projection.ErrNotFound) {
				return fmt.Errorf("look for erased tasks: %w", err)
			}
			if err == nil && t.Erased {
				left = append(left, id)
			}
		}
		if err := d.taskLogs.Erase(ctx, left); err != nil {
			return err
		}
	}
}

// sleeps waits, and reports whether ctx goes on.
func sleeps(ctx context.Context, wait time.Duration) bool {
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}
