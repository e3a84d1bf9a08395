package outbox

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	_ "github.com/lib/pq"           // the driver "postgres"
	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
)

// DefaultTable is the name of the table that Schema makes.
const DefaultTable = "daybook_outbox"

//go:embed sqlite.sql
var sqliteSchema string

//go:embed postgres.sql
var postgresSchema string

// Schema is the SQL that makes the table: of "sqlite" or "postgres".
func Schema(database string) (string, error) {
	switch database {
	case "sqlite":
		return sqliteSchema, nil
	case "postgres":
		return postgresSchema, nil
	}
	return "", fmt.Errorf("there is no outbox for %q: it is for sqlite and postgres", database)
}

// ErrFrom: the database cannot be used. The error says what to change.
var ErrFrom = errors.New("outbox cannot be opened")

// table is the outbox in a database.
type table struct {
	db     *sql.DB
	name   string
	dollar bool // parameters are $1, $2 …
}

// row is a task that waits to be submitted.
type row struct {
	id   int64
	key  string
	task []byte // JSON
}

// tableName is what a table may be called, with its schema if need be.
var tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?$`)

// openTable opens the database and looks for the table. from is "sqlite:PATH" or "postgres://…". Errors: ErrFrom, ctx's.
func openTable(ctx context.Context, from, name string) (*table, error) {
	if name == "" {
		name = DefaultTable
	}
	if !tableName.MatchString(name) {
		return nil, fmt.Errorf("%w: the table must be called with letters, digits and _, such as %s", ErrFrom, DefaultTable)
	}
	t := &table{name: name}
	var err error
	scheme, rest, _ := strings.Cut(from, ":")
	switch scheme {
	case "sqlite":
		path := strings.TrimPrefix(rest, "//")
		if _, err := os.Stat(path); err != nil || path == "" {
			return nil, fmt.Errorf("%w: there is no file %q: name the database of your program, as in sqlite:app.db", ErrFrom, path)
		}
		t.db, err = sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=rw&_busy_timeout=10000&_txlock=immediate")
	case "postgres", "postgresql":
		t.dollar = true
		if _, err = url.Parse(from); err == nil {
			t.db, err = sql.Open("postgres", from)
		}
	default:
		return nil, fmt.Errorf("%w: it must be sqlite:PATH or postgres://USER@HOST/DATABASE", ErrFrom)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the address of the database cannot be read", ErrFrom) // the error may have the password
	}
	t.db.SetMaxOpenConns(1)
	return t, nil
}

// place is the n-th parameter of a statement, from 1.
func (t *table) place(n int) string {
	if t.dollar {
		return fmt.Sprintf("$%d", n)
	}
	return "?"
}

// check looks whether the table is there and can be read. Errors: ErrFrom, ctx's.
func (t *table) check(ctx context.Context) error {
	_, err := t.waiting(ctx, 1)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	if advice := t.advice(ctx, err); advice != "" {
		return fmt.Errorf("%w: %s (%w)", ErrFrom, advice, err)
	}
	return fmt.Errorf("%w: the table %s cannot be read: %w", ErrFrom, t.name, err)
}

// waiting are the first rows that were not refused, at most n.
func (t *table) waiting(ctx context.Context, n int) (rows []row, err error) {
	found, err := t.db.QueryContext(ctx, fmt.Sprintf("SELECT id, key, task FROM %s WHERE refused IS NULL ORDER BY id LIMIT %d", t.name, n))
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var r row
		if err := found.Scan(&r.id, &r.key, &r.task); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, found.Err()
}

// remove deletes rows whose tasks were submitted.
func (t *table) remove(ctx context.Context, rows []row) error {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for i := range rows {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE id = %s", t.name, t.place(1)), rows[i].id); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// refuse notes why a task cannot be submitted. The row stays, for a person to look at.
func (t *table) refuse(ctx context.Context, r *row, why string) error {
	_, err := t.db.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET refused = %s WHERE id = %s", t.name, t.place(1), t.place(2)), why, r.id)
	return err
}
