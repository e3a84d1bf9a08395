package viewfile

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"

	"daybook/internal/sqlite"
)

//go:embed schema.sql
var schemaSQL string

// schema is schemaSQL with the columns of tasks inserted.
var schema = strings.NewReplacer("/*live*/", live.declared, "/*ended*/", ended.declared, "/*names*/", ended.names).Replace(schemaSQL)

const (
	applicationID = 0x44425657 // "DBVW"
	format        = 18         // user_version; 3: each page has a checksum, 6: plain tables, 7: streams, 8: tokens of leases, 9: who paused a schedule, 10: concurrency keys, 11: steps, 12: suspended tasks, 13: dependencies, 14: children, 15: from whom a wait ends, 16: erasures, 17: own work that was done before a cancel, 18: waits that a cancel has stopped, and undos that have changed nothing
	pageSize      = 8192

	readers     = 4
	writerCache = "PRAGMA cache_size = -16384" // KiB
	readerCache = "PRAGMA cache_size = -4096"

	// Before SQLite changes several rows in one statement, it copies the pages, in case the statement
	// fails half-way. In a temporary file these copies were several times the size of the WAL; in
	// memory they are few, because they are dropped at the end of the statement.
	writerTemp = "PRAGMA temp_store = MEMORY"
)

// ErrClosed: the file has been closed.
var ErrClosed = errors.New("view file is closed")

// File is an open view file. One goroutine calls Begin, StartBulk, EndBulk, Live and State; any
// goroutine may call Acquire, Last and Sizes.
type File struct {
	path   string
	write  *writer
	idle   chan *Reader
	closed chan struct{}
	copier *copier // during a rebuild

	// What has been written or is about to be. It may be newer than the snapshot of a reader,
	// never older.
	groups  atomic.Pointer[[]Group]
	summary atomic.Pointer[summary]
	last    atomic.Int64 // latest archive number, as of the last commit
}

// Open opens the view file of the log with that id, and creates it if it does not exist. Errors:
// ErrUnusable, if it belongs to another log or format, is damaged, or its rebuild did not finish.
func Open(path, logID string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open view file: %w", err)
	}
	isNew := info == nil || info.Size() == 0
	if !isNew {
		if err := checkBefore(path); err != nil {
			return nil, fail("open view file", err)
		}
	}
	conn, err := sqlite.ConnectSummed(path, "", pageSize)
	if err != nil {
		return nil, fail("open view file", err)
	}
	if isNew {
		err = create(conn, logID)
	} else {
		err = check(conn, logID)
	}
	if err != nil {
		return nil, errors.Join(fail("open view file", err), conn.Close())
	}
	f := &File{path: path, idle: make(chan *Reader, readers), closed: make(chan struct{})}
	if err := f.prepare(conn); err != nil {
		return nil, errors.Join(fail("open view file", err), f.release(), conn.Close())
	}
	return f, nil
}

// create creates the tables of a new file.
func create(conn *sqlite.Conn, logID string) error {
	if err := conn.MakeSummed(pageSize); err != nil {
		return err
	}
	for _, sql := range []string{
		"PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL",
		"BEGIN IMMEDIATE",
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", format),
		schema,
		"INSERT INTO state VALUES (1, 0, zeroblob(32), 0, 0, 0, x'')",
	} {
		if err := conn.Do(sql); err != nil {
			return err
		}
	}
	if _, err := conn.Exec("INSERT INTO about VALUES (1, ?, 1)", values(logID)); err != nil {
		return err
	}
	return conn.Do("COMMIT")
}

// checkBefore checks a file before SQLite opens it: its format, and the WAL of a process that did not
// close it.
func checkBefore(path string) error {
	app, version, err := sqlite.FormatOf(path)
	if err != nil {
		return err
	}
	if app != 0 { // otherwise everything may be in the WAL
		if err := isOurs(int64(app), int64(version)); err != nil {
			return err
		}
	}
	return sqlite.CheckWAL(path, pageSize)
}

func isOurs(app, version int64) error {
	if app != applicationID {
		return damaged(fmt.Sprintf("it has application id %#x, not %#x", app, applicationID))
	}
	if version != format {
		return fmt.Errorf("%w: its format is %d, not %d", ErrOtherFormat, version, format)
	}
	return nil
}

// check returns an error if the file has another format or log, or is incomplete.
func check(conn *sqlite.Conn, logID string) error {
	app, err := conn.Number("PRAGMA application_id")
	if err != nil {
		return err
	}
	version, err := conn.Number("PRAGMA user_version")
	if err != nil {
		return err
	}
	if err := isOurs(app, version); err != nil {
		return err
	}
	row, err := conn.Row(2, "SELECT log_id, complete FROM about")
	if err != nil {
		return err
	}
	if row[0] != logID {
		return damaged(fmt.Sprintf("it is of log %v, not %s", row[0], logID))
	}
	if row[1] != int64(1) {
		return damaged("its rebuild did not finish")
	}
	return nil
}

// prepare configures the writer and opens the readers.
func (f *File) prepare(conn *sqlite.Conn) error {
	for _, sql := range []string{"PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", writerCache, writerTemp} {
		if err := conn.Do(sql); err != nil {
			return err
		}
	}
	var err error
	if f.write, err = newWriter(conn); err != nil {
		return err
	}
	f.last.Store(f.write.archived)
	if err := f.load(); err != nil {
		return err
	}
	for range readers {
		r, err := newReader(f)
		if err != nil {
			return err
		}
		f.idle <- r
	}
	return nil
}

// Remove deletes the file at path and SQLite's files beside it, if they exist. The file must be
// closed.
func Remove(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove view file: %w", err)
		}
	}
	return nil
}

// Close waits until every reader is closed, and closes the file. An open batch is lost. Call Close
// once.
func (f *File) Close() error {
	close(f.closed)
	f.write.endBatch()
	errs := []error{f.endCopier()}
	for range readers {
		errs = append(errs, (<-f.idle).conn.Close())
	}
	return fail("close view file", errors.Join(append(errs, f.write.conn.Close())...))
}

// release closes the readers after a failed Open.
func (f *File) release() error {
	var errs []error
	for len(f.idle) > 0 {
		errs = append(errs, (<-f.idle).conn.Close())
	}
	return errors.Join(errs...)
}

// Acquire returns one of 4 readers. It waits while all are in use. Errors: that of ctx, ErrClosed.
func (f *File) Acquire(ctx context.Context) (*Reader, error) {
	select {
	case <-f.closed:
		return nil, ErrClosed
	default:
	}
	select {
	case r := <-f.idle:
		return r, nil
	case <-f.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Last returns the latest archive number.
func (f *File) Last() int64 { return f.last.Load() }

// Sizes returns the sizes of the file and of its WAL in bytes; 0 for a file that does not exist.
func (f *File) Sizes() (file, wal int64) { return size(f.path), size(f.path + "-wal") }

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
