package sqlitelog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"daybook/eventlog"
	"daybook/internal/sqlite"
)

// view is a way to read a log without changing a byte of it or beside it.
//
// Opening a WAL database, even with mode=ro, makes or rewrites its -shm file, and
// opening it for writing may cut a damaged WAL and delete it at the end. So SQLite is shown
// a hard link to the database and a copy of the WAL, in a separate folder. A
// database without WAL is complete and is read in place.
type view struct {
	path  string
	query string
	temp  string // folder to be removed; "" = none
}

// look prepares a view of the log in dir. os.ErrNotExist: there is no log.
func look(dir string) (view, error) {
	path := filepath.Join(dir, logName)
	if _, err := os.Stat(path); err != nil {
		return view{}, err
	}
	wal, err := os.Stat(path + "-wal")
	if errors.Is(err, os.ErrNotExist) || err == nil && wal.Size() == 0 {
		return view{path: path, query: "mode=ro&immutable=1"}, nil
	}
	if err != nil {
		return view{}, err
	}
	if place, temp, err := sqlite.LinkBeside(path); err == nil {
		return view{path: place, query: "mode=ro", temp: temp}, nil
	}
	// No hard links here, or no room for the copy: read in place. With readonly_shm
	// SQLite keeps the index of the WAL in memory.
	query := "mode=ro"
	if _, err := os.Stat(path + "-shm"); err == nil {
		query += "&readonly_shm=1"
	}
	return view{path: path, query: query}, nil
}

func (v view) open() (*sqlite.Conn, error) { return sqlite.Connect(v.path, v.query) }

// remove removes what the view made. Its connections are closed before.
func (v view) remove() error {
	if v.temp == "" {
		return nil
	}
	return os.RemoveAll(v.temp)
}

// removeLooks removes what a start that was killed left behind.
func removeLooks(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, lookPrefix+"*"))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

// found is what was read from a log before it is opened for writing.
type found struct {
	empty bool // no log was made yet: no file, or one without tables
	id    string
	base  eventlog.Head
	head  eventlog.Head
}

// find reads identity and head through c.
func find(c *sqlite.Conn) (found, error) {
	tables, err := c.Number("SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return found{}, damage(err)
	}
	if tables == 0 {
		return found{empty: true}, nil
	}
	if err := checkSchema(c); err != nil {
		return found{}, err
	}
	var f found
	row, err := c.Row(3, "SELECT log_id, base_seq, base_hash FROM meta")
	if err != nil {
		return found{}, fmt.Errorf("read meta: %w", damage(err))
	}
	id, ok1 := row[0].(string)
	seq, ok2 := row[1].(int64)
	hash, ok3 := row[2].([]byte)
	if !ok1 || !ok2 || !ok3 || len(id) != ulidSize || len(hash) != eventlog.HashSize {
		return found{}, fmt.Errorf("read meta: %w", eventlog.ErrDamaged)
	}
	f.id, f.base = id, eventlog.Head{Seq: seq, Hash: eventlog.Hash(hash)}
	f.head, err = readHead(c, f.base)
	return f, err
}

func readHead(c *sqlite.Conn, base eventlog.Head) (eventlog.Head, error) {
	row, err := c.Row(3, "SELECT seq, hash, at FROM events ORDER BY seq DESC LIMIT 1")
	if errors.Is(err, io.EOF) {
		return base, nil
	}
	if err != nil {
		return eventlog.Head{}, fmt.Errorf("read head: %w", damage(err))
	}
	seq, ok1 := row[0].(int64)
	hash, ok2 := row[1].([]byte)
	at, ok3 := row[2].(int64)
	if !ok1 || !ok2 || !ok3 || len(hash) != eventlog.HashSize {
		return eventlog.Head{}, fmt.Errorf("read head: %w", eventlog.ErrDamaged)
	}
	return eventlog.Head{Seq: seq, Hash: eventlog.Hash(hash), At: at}, nil
}

// hashAt returns the stored hash of event seq, or that of the base.
func hashAt(c *sqlite.Conn, base eventlog.Head, seq int64) (eventlog.Hash, error) {
	if seq == base.Seq {
		return base.Hash, nil
	}
	row, err := c.Row(1, "SELECT hash FROM events WHERE seq = ?", seq)
	if err != nil && !errors.Is(err, io.EOF) {
		return eventlog.Hash{}, damage(err)
	}
	hash, ok := row[0].([]byte)
	if err != nil || !ok || len(hash) != eventlog.HashSize {
		return eventlog.Hash{}, fmt.Errorf("%w: event %d is missing", eventlog.ErrDamaged, seq)
	}
	return eventlog.Hash(hash), nil
}
