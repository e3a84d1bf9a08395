package sqlitelog

import (
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"daybook/eventlog"
	"daybook/sqlite"
)

const (
	saltSize = 16
	// walBytes is how long the WAL may grow before it is folded into the database: 1,000
	// pages, as by default in SQLite. Here it is done by hand, for SQLite swallows the
	// errors of its own.
	walBytes = 1000 * 4096
)

// writer is the one connection that writes. It is used with Log.mu held.
type writer struct {
	c                                *sqlite.Conn
	begin, commit, rollback, foldWAL *sqlite.Stmt
	event, payload, erase            *sqlite.Stmt
	salts                            []byte // random bytes not used yet
	saltRoom                         [256 * saltSize]byte
	unfolded                         int64 // bytes that went to the WAL since it was last folded, about
}

const writerSettings = "_journal_mode=WAL&_synchronous=FULL&_recursive_triggers=1&_txlock=immediate&_secure_delete=1"

// openWriter opens path for writing; fresh makes the log.
func openWriter(path string, fresh bool) (*writer, error) {
	mode := "mode=rw&"
	if fresh {
		mode = "mode=rwc&"
	}
	c, err := sqlite.Connect(path, mode+writerSettings)
	if err != nil {
		return nil, err
	}
	w := &writer{c: c}
	if err := w.prepare(fresh); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return w, nil
}

func (w *writer) prepare(fresh bool) error {
	if err := w.c.Do("PRAGMA wal_autocheckpoint = 0"); err != nil {
		return err
	}
	if runtime.GOOS == "darwin" {
		if err := w.c.Do("PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1"); err != nil {
			return err
		}
	}
	if err := w.assertSettings(); err != nil {
		return err
	}
	if fresh {
		if err := create(w.c, time.Now()); err != nil {
			return err
		}
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
		{&w.foldWAL, "PRAGMA wal_checkpoint(PASSIVE)"},
		{&w.event, "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
		{&w.payload, "INSERT INTO payloads VALUES (?, ?, ?)"},
		{&w.erase, "DELETE FROM payloads WHERE seq = ?"},
	} {
		s, err := w.c.Prepare(p.sql)
		if err != nil {
			return err
		}
		*p.to = s
	}
	return nil
}

// assertSettings makes sure that the promises of durability hold on this connection.
func (w *writer) assertSettings() error {
	row, err := w.c.Row(1, "PRAGMA journal_mode")
	if err != nil {
		return err
	}
	if row[0] != "wal" {
		return fmt.Errorf("journal_mode is %v, want wal", row[0])
	}
	for pragma, want := range map[string]int64{"synchronous": 2, "recursive_triggers": 1} {
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

// write appends the events in one transaction with one sync, and fills in PayloadHash
// and Hash. prev is the hash before the first one; the last one's is returned.
func (w *writer) write(prev eventlog.Hash, events []*eventlog.Event) (eventlog.Hash, error) {
	if err := w.begin.Run(); err != nil {
		return prev, fmt.Errorf("begin: %w", err)
	}
	for _, e := range events {
		if err := w.insert(prev, e); err != nil {
			return prev, errors.Join(fmt.Errorf("insert event %d: %w", e.Seq, err), w.undo())
		}
		prev = e.Hash
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

func (w *writer) insert(prev eventlog.Hash, e *eventlog.Event) error {
	var payloadHash any
	if e.HasPayload {
		salt := w.salt()
		e.PayloadHash = eventlog.PayloadHash(salt, e.Payload)
		payloadHash = e.PayloadHash[:]
		a := w.payload.Args
		a[0].Value, a[1].Value, a[2].Value = e.Seq, salt, e.Payload
		if err := w.payload.Run(); err != nil {
			return err
		}
	}
	e.Hash = eventlog.Chain(prev, e)
	a := w.event.Args
	a[0].Value = e.Seq
	a[1].Value = e.At
	a[2].Value = e.Stream
	a[3].Value = e.Version
	a[4].Value = e.Type
	a[5].Value = int64(e.V)
	a[6].Value = e.Actor
	// The driver copies it before run returns: a string of its own would be a second copy.
	a[7].Value = unsafe.String(unsafe.SliceData(e.Data), len(e.Data))
	a[8].Value = payloadHash
	a[9].Value = e.Hash[:]
	w.unfolded += int64(len(e.Stream)+len(e.Type)+len(e.Actor)+len(e.Data)+len(e.Payload)) + 160
	return w.event.Run()
}

// salt returns 16 random bytes that are valid until the next call.
func (w *writer) salt() []byte {
	if len(w.salts) == 0 {
		rand.Read(w.saltRoom[:]) // never returns an error
		w.salts = w.saltRoom[:]
	}
	s := w.salts[:saltSize:saltSize]
	w.salts = w.salts[saltSize:]
	return s
}

// foldIfLong folds the WAL into the database when it has grown long.
func (w *writer) foldIfLong() error {
	w.unfolded += 2 * 4096 // the pages at the end of both tables are written by every commit
	if w.unfolded < walBytes {
		return nil
	}
	var dest [3]driver.Value // busy, pages in the WAL, pages folded
	err := w.foldWAL.Each(dest[:], func() error {
		total, _ := dest[1].(int64)
		folded, _ := dest[2].(int64)
		w.unfolded = 0
		if folded < total { // a reader was in the way: try again soon
			w.unfolded = walBytes * 3 / 4
		}
		return nil
	})
	if isFull(err) { // the events are safe in the WAL
		w.unfolded = walBytes / 2
		return nil
	}
	return err
}

// foldAndClose folds all of the WAL into the database and closes the connection.
func (w *writer) foldAndClose() error {
	_, err := w.c.Row(3, "PRAGMA wal_checkpoint(TRUNCATE)")
	if isFull(err) {
		err = nil
	}
	return errors.Join(err, w.close())
}

func (w *writer) close() error { return w.c.Close() }
