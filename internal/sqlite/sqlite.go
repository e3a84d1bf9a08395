//go:build cgo

// Package sqlite is SQLite through the driver itself: database/sql costs a third of the
// speed of what Daybook does. It knows nothing of what is stored.
package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// oldest is the first version without the bug that can corrupt a WAL.
const oldest = 3_051_003

// Conn is one connection. It is used by one goroutine at a time.
type Conn struct {
	*sqlite3.SQLiteConn
	stmts  []*Stmt
	rows   []*rowStmt
	frames *frameCount // nil: not counted
}

// CheckVersion refuses an SQLite that can corrupt a WAL.
func CheckVersion() error {
	if text, number, _ := sqlite3.Version(); number < oldest {
		return fmt.Errorf("SQLite %s is too old: older than 3.51.3 can corrupt a log", text)
	}
	return nil
}

// Connect opens path with the settings of the query, as in a URL. Unless the mode
// is ro or rw, a database that is not there is made, for its owner alone; what SQLite makes
// beside it gets the same mode.
// Errors: ErrNotFile, those of SQLite.
func Connect(path, query string) (*Conn, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := CheckFile(abs + suffix); err != nil {
			return nil, err
		}
	}
	settings, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	if mode := settings.Get("mode"); mode != "ro" && mode != "rw" {
		if err := makeFile(abs); err != nil {
			return nil, err
		}
	}
	dsn := "file:" + (&url.URL{Path: abs}).EscapedPath() + "?_mutex=no&_busy_timeout=5000&" + query
	c, err := (&sqlite3.SQLiteDriver{}).Open(dsn)
	if err != nil {
		return nil, err
	}
	return &Conn{SQLiteConn: c.(*sqlite3.SQLiteConn)}, nil
}

// ErrNotFile: something that is no file lies where a file is to be. Opening a named pipe would
// wait for its writer.
var ErrNotFile = errors.New("is no file")

// CheckFile refuses what lies at the path if it is neither a file nor a link to one. Nothing
// may lie there. Errors: ErrNotFile, with what it is.
func CheckFile(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	kind := "something else"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a folder"
	case mode&os.ModeNamedPipe != 0:
		kind = "a named pipe"
	case mode&os.ModeSocket != 0:
		kind = "a socket"
	case mode&os.ModeDevice != 0:
		kind = "a device"
	}
	return fmt.Errorf("%s %w but %s: move it away", path, ErrNotFile, kind)
}

// makeFile makes an empty file if there is none. A file that is there is not opened: closing
// it would drop the locks that SQLite has on it.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// Close closes the statements and then the connection. A connection with an open
// statement would live on inside SQLite, with its locks and its view of the WAL.
func (c *Conn) Close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.s.Close())
	}
	for _, r := range c.rows {
		r.close()
	}
	c.stmts, c.rows = nil, nil
	errs = append(errs, c.SQLiteConn.Close())
	c.frames.free()
	c.frames = nil
	return errors.Join(errs...)
}

// Do executes statements that give no rows.
func (c *Conn) Do(sql string) error {
	_, err := c.SQLiteConn.Exec(sql, nil)
	return err
}

// Row returns the first row of a query, io.EOF when there is none.
func (c *Conn) Row(columns int, sql string, args ...driver.Value) ([]driver.Value, error) {
	rows, err := c.SQLiteConn.Query(sql, args)
	if err != nil {
		return nil, err
	}
	dest := make([]driver.Value, columns)
	err = rows.Next(dest)
	return dest, errors.Join(err, rows.Close())
}

// Number returns the first value of a query as a number.
func (c *Conn) Number(sql string, args ...driver.Value) (int64, error) {
	dest, err := c.Row(1, sql, args...)
	if err != nil {
		return 0, err
	}
	n, ok := dest[0].(int64)
	if !ok {
		return 0, fmt.Errorf("%s: want a number, got %v", sql, dest[0])
	}
	return n, nil
}

// Stmt is a prepared statement with room for its arguments.
type Stmt struct {
	s    *sqlite3.SQLiteStmt
	Args []driver.NamedValue
}

// Prepare makes a statement that lives as long as the connection, or until it is closed.
func (c *Conn) Prepare(sql string) (*Stmt, error) {
	s, err := c.SQLiteConn.Prepare(sql)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", sql, err)
	}
	st := &Stmt{s: s.(*sqlite3.SQLiteStmt)}
	st.Args = make([]driver.NamedValue, st.s.NumInput())
	for i := range st.Args {
		st.Args[i].Ordinal = i + 1
	}
	c.stmts = append(c.stmts, st)
	return st, nil
}

// Query starts the statement. The rows must be closed before its next use.
func (s *Stmt) Query(args ...driver.Value) (driver.Rows, error) {
	for i, v := range args {
		s.Args[i].Value = v
	}
	return s.s.QueryContext(context.Background(), s.Args)
}

// Run executes the statement with s.Args. It goes through QueryContext, for there the
// driver resets, binds and steps in one call of C instead of one for each argument.
func (s *Stmt) Run() error {
	rows, err := s.s.QueryContext(context.Background(), s.Args)
	if err != nil {
		return err
	}
	return rows.Close()
}

// Each calls fn for every row of the query; fn must not keep dest.
func (s *Stmt) Each(dest []driver.Value, fn func() error, args ...driver.Value) error {
	rows, err := s.Query(args...)
	if err != nil {
		return err
	}
	for err == nil {
		if err = rows.Next(dest); err == nil {
			err = fn()
		}
	}
	if err == io.EOF {
		err = nil
	}
	return errors.Join(err, rows.Close())
}

// Code returns the extended result code of SQLite in err, 0 when there is none, and
// the primary code that it belongs to.
func Code(err error) (extended sqlite3.ErrNoExtended, primary sqlite3.ErrNo) {
	var e sqlite3.Error
	if errors.As(err, &e) {
		return e.ExtendedCode, e.Code
	}
	return 0, 0
}

// IsFull reports whether the disk was full, so that nothing was written.
func IsFull(err error) bool {
	_, primary := Code(err)
	return primary == sqlite3.ErrFull
}
