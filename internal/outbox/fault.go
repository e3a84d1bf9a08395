package outbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/lib/pq"
	"github.com/mattn/go-sqlite3"
)

// advice says for an error of reading the table what is wrong with the database and what to change; "" = it is not known.
func (t *table) advice(ctx context.Context, err error) string {
	if t.dollar {
		return t.adviceOfPostgres(err)
	}
	return t.adviceOfSQLite(ctx, err)
}

func (t *table) adviceOfPostgres(err error) string {
	var dial *net.OpError
	var said *pq.Error
	switch {
	case errors.Is(err, pq.ErrSSLNotSupported):
		return "the database has no TLS: add ?sslmode=disable to its URL if the network can be trusted"
	case errors.As(err, &said):
		return t.adviceOfCode(said)
	case errors.As(err, &dial) && dial.Op == "dial":
		return "the database cannot be reached: check that it runs, and the host and the port of its URL"
	}
	return ""
}

// adviceOfCode is by SQLSTATE, as appendix A of PostgreSQL's manual has them.
func (t *table) adviceOfCode(said *pq.Error) string {
	code := string(said.Code)
	switch {
	case strings.HasPrefix(code, "28"):
		return "the database does not let the user in: check the user and the password of its URL"
	case code == "3D000":
		return "there is no such database on the server: check the name after the last / of its URL"
	case code == "42P01" || code == "3F000":
		return t.adviceOfNoTable("postgres")
	case code == "42703":
		return t.adviceOfColumns("postgres")
	case code == "42501":
		return "the user may not read the table: GRANT SELECT, UPDATE, DELETE ON " + t.name + " to it"
	case code == "57P03" || strings.HasPrefix(code, "53"):
		return "the database takes no connection now: try again"
	}
	return ""
}

func (t *table) adviceOfSQLite(ctx context.Context, err error) string {
	var said sqlite3.Error
	if !errors.As(err, &said) {
		return ""
	}
	switch said.Code {
	case sqlite3.ErrNotADB:
		return "the file is not a database of SQLite: name the one of your program, as in sqlite:app.db"
	case sqlite3.ErrCantOpen, sqlite3.ErrPerm, sqlite3.ErrReadonly, sqlite3.ErrAuth:
		return "the file cannot be opened: let the user of this command read and write it and its folder"
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return "another program has locked the database for 10 s: end its transaction, then try again"
	case sqlite3.ErrCorrupt:
		return "the database is damaged: check it with PRAGMA integrity_check"
	case sqlite3.ErrError: // of the statement: the table or a column of it is not there
		if t.isThere(ctx) {
			return t.adviceOfColumns("sqlite")
		}
		return t.adviceOfNoTable("sqlite")
	}
	return ""
}

// isThere reports whether a database of SQLite has the table.
func (t *table) isThere(ctx context.Context) bool {
	name := t.name[strings.LastIndex(t.name, ".")+1:]
	var n int
	err := t.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM pragma_table_info(?)", name).Scan(&n)
	return err == nil && n > 0
}

func (t *table) adviceOfNoTable(database string) string {
	text := fmt.Sprintf("there is no table %s: `daybook outbox --schema %s` prints the SQL that makes it", t.name, database)
	if t.name != DefaultTable {
		text += ", as " + DefaultTable
	}
	return text
}

func (t *table) adviceOfColumns(database string) string {
	return fmt.Sprintf("the table %s has other columns than an outbox: `daybook outbox --schema %s` prints those that it needs", t.name, database)
}
