// Package sqlitelog keeps a log in one SQLite file: the default engine.
//
// What Append reports as appended is on disk: WAL, synchronous=FULL, one sync a call.
// A witness beside the log, two slots in daybook.head, says how far the log was
// acknowledged; a log that is shorter than its witness, or tells another history, is not
// opened (see Options.AcceptLoss). One process owns a log at a time, by a lock on
// daybook.lock.
//
// After any disk error it is unknown what was written, so the log accepts no more appends and
// must be reopened (see Log.Failed). A full disk is different: appends are refused until there is room.
//
// Damage that is found while the log is open makes it one that is only read: see Log.Check
// and Log.Condemn.
//
// The package has no opinion on what an event means. One goroutine may outlive a call: it
// copies the WAL into the database while appends go on, decides nothing, and ends in
// Close. Its errors stop the log as well.
package sqlitelog
