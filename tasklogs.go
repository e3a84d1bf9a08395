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
func openTaskLogs(o *Options) (*tasklog.Store, error) {
	dir := o.Data
	return tasklog.Open(tasklog.Options{Dir: dir, MaxTotal: max(cmp.Or(o.MaxTaskLogs, defaultTaskLogs), smallestTaskLogs), Logger: o.Logger,
		Room: func() bool { return sqlitelog.FreeBytes(dir) >= roomForTaskLogs }})
}
