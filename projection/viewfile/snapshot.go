package viewfile

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"daybook/internal/sqlite"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// ErrIncomplete: a server is rebuilding the views, or has to.
var ErrIncomplete = errors.New("the views are not complete")

// ErrNewer: a newer version of this program made the file.
var ErrNewer = errors.New("a newer Daybook made the views")

// Snapshot answers SELECT statements of a user from a view file, as of one event. It changes no byte of
// the file or of the files beside it.
type Snapshot struct {
	Seq  int64 // the event that the views are as of
	conn *sqlite.Conn
	temp string // folder that Close removes; "" = none
}

// OpenSnapshot opens the view file for reading. served says that a server has it open; otherwise the
// caller must prevent a server from opening it until Close. Errors: os.ErrNotExist, ErrIncomplete,
// ErrNewer, ErrUnusable.
func OpenSnapshot(path string, served bool) (*Snapshot, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if info.Size() == 0 {
		return nil, ErrIncomplete
	}
	if app, version, err := sqlite.FormatOf(path); err != nil {
		return nil, err
	} else if app == applicationID && version > format {
		return nil, fmt.Errorf("%w: they are of format %d, and this version reads %d", ErrNewer, version, format)
	} else if app == applicationID && version != format {
		return nil, fmt.Errorf("%w: they are of format %d, and this version reads %d", ErrIncomplete, version, format)
	} else if app != 0 && app != applicationID {
		return nil, damaged("it is not a view file")
	}
	s := &Snapshot{}
	place, query, err := s.place(path, served)
	if err == nil {
		s.conn, err = sqlite.ConnectSummed(place, query, pageSize)
	}
	if err == nil {
		err = s.begin()
	}
	if err != nil {
		return nil, errors.Join(snapshotError(err), s.Close())
	}
	return s, nil
}

// place returns what to open, and how. SQLite writes to the -shm file of a WAL, even with mode=ro. That
// is correct while a server has the file open. After a server was killed, readonly_shm makes SQLite keep
// its index of the WAL in memory; if there is no -shm file, SQLite gets a hard link to the database and a
// copy of the WAL in a separate folder.
func (s *Snapshot) place(path string, served bool) (place, query string, err error) {
	if served {
		return path, "mode=ro", nil
	}
	if wal := size(path + "-wal"); wal == 0 {
		return path, "mode=ro&immutable=1", nil
	}
	if err := sqlite.CheckWAL(path, pageSize); err != nil {
		return "", "", err
	}
	if _, err := os.Stat(path + "-shm"); err == nil {
		return path, "mode=ro&readonly_shm=1", nil
	}
	place, s.temp, err = sqlite.LinkBeside(path)
	return place, "mode=ro", err
}

// begin begins the snapshot and allows only reading.
func (s *Snapshot) begin() error {
	if tables, err := s.conn.Number("SELECT count(*) FROM sqlite_schema WHERE name IN ('about', 'state')"); err != nil {
		return err
	} else if tables < 2 {
		return ErrIncomplete
	}
	if err := s.conn.Do("BEGIN"); err != nil {
		return err
	}
	row, err := s.conn.Row(2, "SELECT seq, complete FROM state, about")
	if err != nil {
		return err
	}
	if row[1] != int64(1) {
		return ErrIncomplete
	}
	s.Seq = intOf(row[0])
	return s.conn.ReadOnly()
}

// Query calls head with the names of the columns, and then row with each row, whose values are int64,
// float64, string, []byte or nil. row must not keep the slice. Errors: sqlite.ErrNoStatement,
// sqlite.ErrNotReading, ErrUnusable, that of ctx, and those of SQLite, head and row.
func (s *Snapshot) Query(ctx context.Context, sql string, head func([]string) error, row func([]driver.Value) error) error {
	sql, err := s.conn.CheckReading(sql)
	if err != nil {
		return snapshotError(err)
	}
	rows, err := s.conn.QueryContext(ctx, sql, nil)
	if err != nil {
		return snapshotError(err)
	}
	if err = head(rows.Columns()); err != nil {
		return errors.Join(err, rows.Close())
	}
	values := make([]driver.Value, len(rows.Columns()))
	for {
		if err = rows.Next(values); err == nil {
			err = row(values)
		}
		if err != nil {
			break
		}
	}
	if err == io.EOF {
		err = nil
	}
	return snapshotError(errors.Join(ctx.Err(), err, rows.Close()))
}

// snapshotError wraps an error of SQLite in the error that it means here.
func snapshotError(err error) error {
	_, code := sqlite.Code(err)
	switch {
	case sqlite.IsDamaged(err) && !errors.Is(err, ErrUnusable):
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	case code == sqlite3.ErrBusy, code == sqlite3.ErrLocked:
		return fmt.Errorf("%w: %w", ErrIncomplete, err)
	case errors.Is(err, fs.ErrNotExist):
		return ErrIncomplete // a server removed it in the meantime
	}
	return err
}

// Close closes the snapshot.
func (s *Snapshot) Close() error {
	var err error
	if s.conn != nil {
		err = s.conn.Close()
	}
	if s.temp != "" {
		err = errors.Join(err, os.RemoveAll(s.temp))
	}
	return err
}
