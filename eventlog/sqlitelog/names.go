package sqlitelog

import "daybook/internal/sqlite"

// Names in the folder of a log.
const (
	logName     = "log-00000000000000000001.db" // the number is the first seq it may hold
	sidecarName = "daybook.head"
	lockName    = "daybook.lock"
	newName     = lookPrefix + "new" // a log that is being made
	lookPrefix  = sqlite.LinkPrefix  // folders that a start makes to look at the log; see view
)
