package daybook

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"daybook/eventlog/sqlitelog"
	"daybook/projection"
)

// Table is a table or view of the views on disk.
type Table struct {
	Name    string   `json:"name"`
	About   string   `json:"about"`
	Columns []Column `json:"columns"`
}

// Column is a column of a Table.
type Column struct {
	Name  string `json:"name"`
	Type  string `json:"type,omitempty"`
	About string `json:"about,omitempty"`
}

// Tables lists what Query can read.
func Tables() []Table {
	var all []Table
	for _, t := range projection.Tables() {
		table := Table{Name: t.Name, About: t.About}
		for _, c := range t.Columns {
			table.Columns = append(table.Columns, Column(c))
		}
		all = append(all, table)
	}
	return all
}

// Query executes one SQL statement on the views in a data folder. A server may have the folder open; its
// views on disk are up to 2 seconds old. If no server has it open, none can start until Query
// returns. Nothing in the folder is changed: only statements that read are accepted.
//
// head is called once, with the seq of the event that the views are as of and the names of the columns.
// Then row is called for each row, with an int64, float64, string, []byte or nil for each column; it must
// not keep the slice. Errors: those of SQLite, ctx, head and row, and errors that say what is wrong with the
// folder.
func Query(ctx context.Context, data, sql string, head func(seq int64, columns []string) error, row func([]driver.Value) error) (err error) {
	if info, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return fmt.Errorf("there is no data folder %s: name the one of the server with --data", data)
	} else if err != nil {
		return err
	}
	release, err := sqlitelog.Share(data)
	served := errors.Is(err, sqlitelog.ErrLocked)
	if err != nil && !served {
		return err
	}
	if !served {
		defer func() { err = errors.Join(err, release()) }()
	}
	views, err := projection.OpenSnapshot(data, served)
	if err != nil {
		return explainUnreadable(err, data, served)
	}
	defer func() { err = errors.Join(err, views.Close()) }()
	err = views.Query(ctx, sql, func(columns []string) error { return head(views.Seq, columns) }, row)
	return explainUnreadable(err, data, served)
}

// explainUnreadable adds what to do about views that cannot be read.
func explainUnreadable(err error, data string, served bool) error {
	folder := ShellQuoted(data)
	switch {
	case errors.Is(err, projection.ErrViewsNewer):
		return fmt.Errorf("%w: install the version that made them, or a newer one", err)
	case errors.Is(err, projection.ErrViewsIncomplete) && served:
		return fmt.Errorf("%w: the server is rebuilding them; try again when it is ready", err)
	case errors.Is(err, projection.ErrViewsIncomplete):
		return fmt.Errorf("%w: start a server, which rebuilds them: daybook serve --data %s", err, folder)
	case errors.Is(err, projection.ErrViewsUnusable):
		return fmt.Errorf("%w; nothing is lost, because they can be rebuilt: stop the server, then run daybook doctor --data %s --fix views", err, folder)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there are no views in %s yet: start a server, which creates them: daybook serve --data %s", data, folder)
	}
	return err
}
