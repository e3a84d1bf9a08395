package sqlitelog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"daybook/eventlog"
	"daybook/internal/sqlite"
)

// pageSize is that of a new log, in bytes. Full pages cost least when they are large, for
// each is written with two calls; a lone event costs a page of each table. See docs/adr/0009.
const pageSize = 8192

// writer is the one connection that writes. It is used with Log.mu held.
type writer struct {
	c                              *sqlite.Conn
	path                           string
	synchronous                    int64
	begin, commit, rollback, erase *sqlite.Stmt
	events, payloads               *sqlite.Rows
	rows                           rows
	checkpointer                   *walCheckpointer // nil until the writer is in use
}

const writerSettings = "&_recursive_triggers=1&_txlock=immediate&_secure_delete=1"

// Values of PRAGMA synchronous.
const (
	syncCheckpoints = 1 // NORMAL: what is checkpointed is synced before
	syncCommits     = 2 // FULL: a commit is synced before it returns
)

// openWriter opens path for writing; fresh makes the log, with that identity. synchronous is syncCommits or syncCheckpoints.
func openWriter(path string, fresh bool, id string, synchronous int) (*writer, error) {
	if fresh {
		if err := makeLog(path, id); err != nil {
			return nil, err
		}
	}
	c, err := sqlite.Connect(path, fmt.Sprintf("mode=rw&_journal_mode=WAL&_synchronous=%d%s", synchronous, writerSettings))
	if err != nil {
		return nil, err
	}
	w := &writer{c: c, path: path, synchronous: int64(synchronous)}
	if err := c.KeepWAL(true); err != nil { // until the log is intact: see checkpointAndClose
		return nil, errors.Join(err, c.Close())
	}
	if err := w.prepare(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if err := w.sync(); err != nil { // what a process wrote that was killed before its sync
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// sync waits until all commits are on the disk.
func (w *writer) sync() error { return syncFile(w.path + "-wal") }

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// makeLog makes an empty log under a temporary name and renames it when it is on
// disk, so that a power cut leaves a complete log or none. A file that is at path has no tables.
func makeLog(path, id string) error {
	temp := filepath.Join(filepath.Dir(path), newName)
	for _, old := range []string{temp, path} {
		for _, part := range []string{"-wal", "-shm", "-journal"} {
			if err := os.Remove(old + part); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	c, err := sqlite.Connect(temp, "mode=rwc&"+writerSettings)
	if err != nil {
		return err
	}
	err = c.Do(fmt.Sprintf("PRAGMA page_size = %d; PRAGMA journal_mode = WAL", pageSize)) // WAL comes after the page size
	if err == nil {
		err = syncFully(c)
	}
	if err == nil {
		err = create(c, id, time.Now())
	}
	if err := errors.Join(err, c.Close()); err != nil { // the close checkpoints the WAL and removes it
		return err
	}
	if err := syncFile(temp); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func (w *writer) prepare() error {
	if err := errors.Join(w.c.Do("PRAGMA wal_autocheckpoint = 0"), w.c.CountFrames(), syncFully(w.c)); err != nil {
		return err
	}
	if err := w.assertSettings(); err != nil {
		return err
	}
	if err := checkSchema(w.c); err != nil {
		return err
	}
	for _, p := range []struct {
		to  **sqlite.Stmt
		sql string
	}{
		{&w.begin, "BEGIN IMMEDIATE"},
		{&w.commit, "COMMIT"},
		{&w.rollback, "ROLLBACK"},
		{&w.erase, eraseSQL},
	} {
		s, err := w.c.Prepare(p.sql)
		if err != nil {
			return err
		}
		*p.to = s
	}
	return w.prepareRows()
}

// prepareRows makes the statements that insert. The trigger that refuses whatever is not
// the next event costs half as much as the insert itself. It protects against other programs:
// here the seqs are given by eventlog.Admit, and the key refuses one that is taken.
func (w *writer) prepareRows() (err error) {
	if err = w.c.IgnoreTriggers(); err != nil {
		return err
	}
	if w.events, err = w.c.PrepareRows(insertEventSQL, eventKinds); err != nil {
		return err
	}
	w.payloads, err = w.c.PrepareRows(insertPayloadSQL, payloadKinds)
	return err
}

// syncFully makes a sync reach the disk on systems where that is not the default.
func syncFully(c *sqlite.Conn) error {
	if runtime.GOOS != "darwin" {
		return nil
	}
	return c.Do("PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1")
}

// assertSettings checks that the connection has the settings that durability needs.
func (w *writer) assertSettings() error {
	row, err := w.c.Row(1, "PRAGMA journal_mode")
	if err != nil {
		return err
	}
	if row[0] != "wal" {
		return fmt.Errorf("journal_mode is %v, want wal", row[0])
	}
	for pragma, want := range map[string]int64{"synchronous": w.synchronous, "recursive_triggers": 1} {
		got, err := w.c.Number("PRAGMA " + pragma)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%s is %d, want %d", pragma, got, want)
		}
	}
	return nil
}

// write appends the events in one transaction, on disk when it returns if commits are synced, and fills in
// PayloadHash and Hash. prev is the hash before the first one; the last one's is returned. What is
// copied from another log keeps its salts and must have its hashes: copied is nil for new events.
func (w *writer) write(prev eventlog.Hash, events []*eventlog.Event, copied *Copied) (eventlog.Hash, error) {
	if err := w.begin.Run(); err != nil {
		return prev, fmt.Errorf("begin: %w", err)
	}
	for done := 0; done < len(events); {
		n, err := w.rows.encode(prev, events[done:], copied.saltsAfter(done))
		if err == nil {
			err = w.insert(events[done : done+n])
		}
		if err != nil {
			return prev, errors.Join(err, w.undo())
		}
		done += n
		prev = events[done-1].Hash
	}
	w.rows.trim()
	if copied != nil && prev != copied.Hash {
		return prev, errors.Join(errOtherHistory, w.undo())
	}
	if err := w.commit.Run(); err != nil {
		return prev, errors.Join(fmt.Errorf("commit: %w", err), w.undo())
	}
	return prev, nil
}

// undo ends a transaction that SQLite has not ended itself.
func (w *writer) undo() error {
	if w.c.AutoCommit() {
		return nil
	}
	return w.rollback.Run()
}

// insert inserts the rows that were made of these events.
func (w *writer) insert(events []*eventlog.Event) error {
	if _, err := w.payloads.Insert(w.rows.payloads); err != nil {
		return fmt.Errorf("insert payloads of events %d to %d: %w", events[0].Seq, events[len(events)-1].Seq, err)
	}
	if n, err := w.events.Insert(w.rows.events()); err != nil {
		return fmt.Errorf("insert event %d: %w", events[0].Seq+int64(n), err)
	}
	return nil
}

// checkpointAndClose checkpoints all of the WAL and closes the connection.
func (w *writer) checkpointAndClose() error {
	if err := w.stopCheckpoints(); err != nil {
		return errors.Join(err, w.c.Close())
	}
	_, err := w.c.Row(3, "PRAGMA wal_checkpoint(TRUNCATE)")
	if isFull(err) {
		err = nil
	}
	if err == nil {
		err = w.c.KeepWAL(false)
	}
	return errors.Join(err, w.c.Close())
}

func (w *writer) close() error { return errors.Join(w.stopCheckpoints(), w.c.Close()) }

func (w *writer) stopCheckpoints() error {
	if w.checkpointer == nil {
		return nil
	}
	return w.checkpointer.close()
}
