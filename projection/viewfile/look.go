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

// ErrRemade: the views are being made, or have to be made again, by a server.
var ErrRemade = errors.New("the views are not complete")

// ErrNewer: a newer version of this program made the views.
var ErrNewer = errors.New("a newer Daybook made the views")

// Look reads a view file for a person: any SELECT, as of one event. It changes no byte of the
// file or beside it.
type Look struct {
	Seq  int64 // all of it is as of this event
	conn *sqlite.Conn
	temp string // folder to be removed; "" = none
}

// OpenLook opens the view file for reading. served says that a server has it open; otherwise
// the caller keeps servers away until Close. Errors: os.ErrNotExist, ErrRemade, ErrNewer,
// ErrUnusable.
func OpenLook(path string, served bool) (*Look, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if info.Size() == 0 {
		return nil, ErrRemade
	}
	if app, version, err := sqlite.FormatOf(path); err != nil {
		return nil, err
	} else if app == applicationID && version > format {
		return nil, fmt.Errorf("%w: they are of format %d, and this version reads %d", ErrNewer, version, format)
	} else if app == applicationID && version != format {
		return nil, fmt.Errorf("%w: they are of format %d, and this version reads %d", ErrRemade, version, format)
	} else if app != 0 && app != applicationID {
		return nil, damaged("it is not a view file")
	}
	l := &Look{}
	place, query, err := l.place(path, served)
	if err == nil {
		l.conn, err = sqlite.ConnectSummed(place, query, pageSize)
	}
	if err == nil {
		err = l.begin()
	}
	if err != nil {
		return nil, errors.Join(lookError(err), l.Close())
	}
	return l, nil
}

// place returns what to open, and how. SQLite writes to the -shm file of a WAL, even with
// mode=ro. That is right beside a server. After a server that was killed, readonly_shm keeps
// SQLite's index of the WAL in memory; without a -shm file SQLite is shown a hard link to the
// database and a copy of the WAL in a separate folder.
func (l *Look) place(path string, served bool) (place, query string, err error) {
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
	place, l.temp, err = sqlite.LinkBeside(path)
	return place, "mode=ro", err
}

// begin fixes what is seen, and forbids all but reading.
func (l *Look) begin() error {
	if tables, err := l.conn.Number("SELECT count(*) FROM sqlite_schema WHERE name IN ('about', 'state')"); err != nil {
		return err
	} else if tables < 2 {
		return ErrRemade
	}
	if err := l.conn.Do("BEGIN"); err != nil {
		return err
	}
	row, err := l.conn.Row(2, "SELECT seq, complete FROM state, about")
	if err != nil {
		return err
	}
	if row[1] != int64(1) {
		return ErrRemade
	}
	l.Seq = intOf(row[0])
	return l.conn.ReadOnly()
}

// Query calls head with the names of the columns, and row for each row: int64, float64, string,
// []byte or nil. It must not keep the slice. Errors: sqlite.ErrNoStatement and ErrNotReading,
// ErrUnusable, ctx's, those of SQLite and of the functions.
func (l *Look) Query(ctx context.Context, sql string, head func([]string) error, row func([]driver.Value) error) error {
	sql, err := l.conn.CheckReading(sql)
	if err != nil {
		return lookError(err)
	}
	rows, err := l.conn.QueryContext(ctx, sql, nil)
	if err != nil {
		return lookError(err)
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
	return lookError(errors.Join(ctx.Err(), err, rows.Close()))
}

// lookError says of an error of SQLite what it means for the views.
func lookError(err error) error {
	_, code := sqlite.Code(err)
	switch {
	case sqlite.IsDamaged(err) && !errors.Is(err, ErrUnusable):
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	case code == sqlite3.ErrBusy, code == sqlite3.ErrLocked:
		return fmt.Errorf("%w: %w", ErrRemade, err)
	case errors.Is(err, fs.ErrNotExist):
		return ErrRemade // a server removed it in the meantime
	}
	return err
}

// Close ends the look.
func (l *Look) Close() error {
	var err error
	if l.conn != nil {
		err = l.conn.Close()
	}
	if l.temp != "" {
		err = errors.Join(err, os.RemoveAll(l.temp))
	}
	return err
}
