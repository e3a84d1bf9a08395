package sqlitelog

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// oldestSQLite is the first version without the bug that can corrupt a WAL.
const oldestSQLite = 3_051_003

// conn is one connection through the driver itself: database/sql costs a third of the
// speed. It is used by one goroutine at a time.
type conn struct {
	*sqlite3.SQLiteConn
	stmts []*stmt
}

func checkVersion() error {
	if text, number, _ := sqlite3.Version(); number < oldestSQLite {
		return fmt.Errorf("SQLite %s is too old: older than 3.51.3 can corrupt a log", text)
	}
	return nil
}

// connect opens path with the settings of the query.
func connect(path, query string) (*conn, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := "file:" + (&url.URL{Path: abs}).EscapedPath() + "?_mutex=no&_busy_timeout=5000&" + query
	c, err := (&sqlite3.SQLiteDriver{}).Open(dsn)
	if err != nil {
		return nil, err
	}
	return &conn{SQLiteConn: c.(*sqlite3.SQLiteConn)}, nil
}

// Close closes the statements and then the connection. A connection with an open
// statement would live on inside SQLite, with its locks and its view of the WAL.
func (c *conn) Close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.s.Close())
	}
	return errors.Join(append(errs, c.SQLiteConn.Close())...)
}

func (c *conn) exec(sql string) error {
	_, err := c.SQLiteConn.Exec(sql, nil)
	return err
}

// row returns the first row of a query, io.EOF when there is none.
func (c *conn) row(columns int, sql string, args ...driver.Value) ([]driver.Value, error) {
	rows, err := c.Query(sql, args)
	if err != nil {
		return nil, err
	}
	dest := make([]driver.Value, columns)
	err = rows.Next(dest)
	return dest, errors.Join(err, rows.Close())
}

// number returns the first value of a query as a number.
func (c *conn) number(sql string, args ...driver.Value) (int64, error) {
	dest, err := c.row(1, sql, args...)
	if err != nil {
		return 0, err
	}
	n, ok := dest[0].(int64)
	if !ok {
		return 0, fmt.Errorf("%s: want a number, got %v", sql, dest[0])
	}
	return n, nil
}

// stmt is a prepared statement with room for its arguments.
type stmt struct {
	s    *sqlite3.SQLiteStmt
	args []driver.NamedValue
}

func (c *conn) prepare(sql string) (*stmt, error) {
	s, err := c.Prepare(sql)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", sql, err)
	}
	st := &stmt{s: s.(*sqlite3.SQLiteStmt)}
	st.args = make([]driver.NamedValue, st.s.NumInput())
	for i := range st.args {
		st.args[i].Ordinal = i + 1
	}
	c.stmts = append(c.stmts, st)
	return st, nil
}

// query starts the statement. The rows must be closed before its next use.
func (s *stmt) query(args ...driver.Value) (driver.Rows, error) {
	for i, v := range args {
		s.args[i].Value = v
	}
	return s.s.QueryContext(context.Background(), s.args)
}

// run executes the statement with s.args. It goes through QueryContext, for there the
// driver resets, binds and steps in one call of C instead of one for each argument.
func (s *stmt) run() error {
	rows, err := s.s.QueryContext(context.Background(), s.args)
	if err != nil {
		return err
	}
	return rows.Close()
}

// each calls fn for every row of the query; fn must not keep dest.
func (s *stmt) each(dest []driver.Value, fn func() error, args ...driver.Value) error {
	rows, err := s.query(args...)
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

// code returns the extended result code of SQLite in err, 0 when there is none, and
// the primary code that it belongs to.
func code(err error) (extended sqlite3.ErrNoExtended, primary sqlite3.ErrNo) {
	var e sqlite3.Error
	if errors.As(err, &e) {
		return e.ExtendedCode, e.Code
	}
	return 0, 0
}
