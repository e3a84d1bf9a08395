package daybook

import (
	"cmp"

	"daybook/eventlog/sqlitelog"
	"daybook/tasklog"
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
