package tasklog

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"daybook/internal/sqlite"

	sqlite3 "github.com/mattn/go-sqlite3"
	"github.com/oklog/ulid/v2"
)

const (
	fileName      = "tasklogs.db"
	damagedSuffix = ".damaged"
	applicationID = 0x4442544c // "DBTL"
	format        = 1
	settings      = "_synchronous=NORMAL&_journal_mode=WAL&_cache_size=-8192&_secure_delete=1"
)

const schema = `
CREATE TABLE lines(
	number     INTEGER PRIMARY KEY AUTOINCREMENT,
	task       BLOB NOT NULL,
	attempt    INTEGER NOT NULL,
	at         INTEGER NOT NULL, -- microseconds since 1970
	level      INTEGER NOT NULL, -- as in log/slog: -4 debug, 0 info, 4 warn, 8 error
	text       TEXT NOT NULL,
	attributes TEXT,             -- a JSON object
	size       INTEGER NOT NULL  -- what it counts for
) STRICT;
CREATE INDEX lines_task ON lines(task);
CREATE TABLE tasks(
	task       BLOB PRIMARY KEY,
	size       INTEGER NOT NULL, -- of its lines
	latest     INTEGER NOT NULL, -- number of its latest line
	latest_at  INTEGER NOT NULL, -- when that was written
	removed    INTEGER NOT NULL, -- lines that were too many
	removed_to INTEGER NOT NULL, -- number of the last of them
	removed_at INTEGER NOT NULL  -- when that was written
) STRICT, WITHOUT ROWID;
CREATE INDEX tasks_latest ON tasks(latest);
CREATE TABLE evicted(at INTEGER NOT NULL) STRICT; -- one row, the newest line removed with its whole log
INSERT INTO evicted VALUES(0);
`

// writer writes lines. One goroutine uses it.
type writer struct {
	c       *sqlite.Conn
	store   *Store
	last    int64 // number of the last line
	total   int64 // size of all lines
	evicted int64 // the one row of evicted

	insert, load, save, oldest, cut, forget, stalest, zero *sqlite.Stmt
}

// openWriter opens or makes the database.
func openWriter(path string, s *Store) (*writer, error) {
	c, err := sqlite.Connect(path, settings)
	if err != nil {
		return nil, err
	}
	w := &writer{c: c, store: s}
	if err := w.prepare(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return w, nil
}

func (w *writer) prepare() error {
	if err := w.checkFormat(); err != nil {
		return err
	}
	for _, one := range []struct {
		at  *int64
		sql string
	}{
		{&w.last, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence"},
		{&w.total, "SELECT coalesce(sum(size), 0) FROM tasks"},
		{&w.evicted, "SELECT at FROM evicted"},
	} {
		n, err := w.c.Number(one.sql)
		if err != nil {
			return err
		}
		*one.at = n
	}
	for _, one := range []struct {
		at  **sqlite.Stmt
		sql string
	}{
		{&w.insert, "INSERT INTO lines VALUES(?, ?, ?, ?, ?, ?, ?, ?)"},
		{&w.load, "SELECT size, removed, removed_to, removed_at FROM tasks WHERE task = ?"},
		{&w.save, "REPLACE INTO tasks VALUES(?, ?, ?, ?, ?, ?, ?)"},
		{&w.oldest, "SELECT number, at, size FROM lines WHERE task = ? ORDER BY number"},
		{&w.cut, "DELETE FROM lines WHERE task = ? AND number <= ?"},
		{&w.forget, "DELETE FROM tasks WHERE task = ?"},
		{&w.stalest, "SELECT task, size, latest, latest_at FROM tasks ORDER BY latest LIMIT 1"},
		{&w.zero, eraseSQL},
	} {
		var err error
		if *one.at, err = w.c.Prepare(one.sql); err != nil {
			return err
		}
	}
	w.store.head.Store(w.last)
	w.store.total.Store(w.total)
	w.store.evicted.Store(w.evicted)
	return nil
}

// checkFormat makes the tables in a new file, and refuses one that is of something else.
func (w *writer) checkFormat() error {
	id, err := w.c.Number("PRAGMA application_id")
	if err != nil {
		return err
	}
	version, err := w.c.Number("PRAGMA user_version")
	if err != nil {
		return err
	}
	tables, err := w.c.Number("SELECT count(*) FROM sqlite_master")
	switch {
	case err != nil:
		return err
	case id == 0 && tables == 0:
		return w.transaction(func() error {
			return w.c.Do(schema + fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, format))
		})
	case id != applicationID || version != format:
		return fmt.Errorf("%s is not of this version of Daybook: move it away, and a new one is made", fileName)
	}
	return nil
}

func (w *writer) transaction(do func() error) error {
	if err := w.c.Do("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := do()
	if err == nil {
		err = w.c.Do("COMMIT")
	}
	if err != nil {
		_ = w.c.Do("ROLLBACK") // SQLite may have done so
	}
	return err
}

// write writes the lines of all jobs, or none.
func (w *writer) write(jobs []job) error {
	before := *w
	err := w.transaction(func() error {
		for i := range jobs {
			if len(jobs[i].lines) == 0 {
				continue
			}
			if err := w.add(&jobs[i]); err != nil {
				return err
			}
		}
		return w.evict()
	})
	if err != nil {
		w.last, w.total, w.evicted = before.last, before.total, before.evicted
		return fmt.Errorf("write task logs: %w", err)
	}
	return nil
}

// taskRow is a row of tasks.
type taskRow struct{ size, removed, removedTo, removedAt int64 }

// add adds the lines of one job and removes the oldest ones of the task if it has too many.
func (w *writer) add(j *job) error {
	t, err := w.row(j.task)
	if err != nil {
		return err
	}
	for i := range j.lines {
		l := &j.lines[i]
		w.last++
		size := int64(l.Size() + lineCost)
		var attributes driver.Value
		if l.Attributes != nil {
			attributes = string(l.Attributes)
		}
		err := run(w.insert, w.last, j.task[:], int64(j.attempt), l.At.UnixMicro(), int64(l.Level), l.Text, attributes, size)
		if err != nil {
			return err
		}
		t.size += size
		w.total += size
	}
	if t.size > w.store.MaxTask {
		if err := w.trim(j.task, &t); err != nil {
			return err
		}
	}
	return run(w.save, j.task[:], t.size, w.last, time.Now().UnixMicro(), t.removed, t.removedTo, t.removedAt)
}

func (w *writer) row(id ulid.ULID) (t taskRow, err error) {
	dest := make([]driver.Value, 4)
	err = w.load.Each(dest, func() error {
		t = taskRow{number(dest[0]), number(dest[1]), number(dest[2]), number(dest[3])}
		return nil
	}, id[:])
	return t, err
}

// trim removes the oldest lines of a task.
func (w *writer) trim(id ulid.ULID, t *taskRow) error {
	dest := make([]driver.Value, 3)
	err := w.oldest.Each(dest, func() error {
		if t.size <= w.store.MaxTask {
			return io.EOF
		}
		t.removedTo, t.removedAt = number(dest[0]), number(dest[1])
		t.removed++
		t.size -= number(dest[2])
		w.total -= number(dest[2])
		return nil
	}, id[:])
	if err != nil {
		return err
	}
	return run(w.cut, id[:], t.removedTo)
}

// evict removes the whole logs of the tasks that have been silent for longest while all logs
// together are too large.
func (w *writer) evict() error {
	for w.total > w.store.MaxTotal {
		dest := make([]driver.Value, 4)
		var id []byte
		var size, latest, at int64
		err := w.stalest.Each(dest, func() error {
			text, _ := dest[0].([]byte)
			id = append(id, text...)
			size, latest, at = number(dest[1]), number(dest[2]), number(dest[3])
			return nil
		})
		if err != nil || id == nil {
			return err
		}
		if err := errors.Join(run(w.cut, id, latest), run(w.forget, id)); err != nil {
			return err
		}
		w.total -= size
		w.evicted = max(w.evicted, at)
		if err := w.c.Do(fmt.Sprintf("UPDATE evicted SET at = %d", w.evicted)); err != nil {
			return err
		}
	}
	return nil
}

// run executes a statement that gives no rows.
func run(s *sqlite.Stmt, args ...driver.Value) error {
	for i, arg := range args {
		s.Args[i].Value = arg
	}
	return s.Run()
}

func number(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}

// isDamage reports whether a database cannot be used at all.
func isDamage(err error) bool {
	_, code := sqlite.Code(err)
	return code == sqlite3.ErrCorrupt || code == sqlite3.ErrNotADB
}

// moveAside gives a damaged database another name. One that was moved before is replaced.
func moveAside(path string) error {
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return os.Rename(path, path+damagedSuffix)
}
