package daybook_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"daybook"

	gocmp "github.com/google/go-cmp/cmp"
)

// ask runs a query and returns its columns and rows.
func ask(t *testing.T, dir, sql string) (columns []string, rows [][]driver.Value, err error) {
	t.Helper()
	err = daybook.Query(t.Context(), dir, sql, func(_ int64, names []string) error {
		columns = names
		return nil
	}, func(values []driver.Value) error {
		rows = append(rows, slices.Clone(values))
		return nil
	})
	return columns, rows, err
}

// restore lays the files of an image into a new folder.
func restore(t *testing.T, image map[string]entry) string {
	t.Helper()
	dir := t.TempDir()
	lay(t, dir, image)
	return dir
}

func TestQueryReadsWhatAKilledServerLeftAndChangesNothing(t *testing.T) {
	image := killed(t)
	for name, spoil := range map[string]func(dir string) error{
		"as it was":         func(string) error { return nil },
		"without index":     func(dir string) error { return os.Remove(filepath.Join(dir, "views.db-shm")) },
		"without lock file": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "daybook.lock")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := restore(t, image)
			if err := spoil(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			before := folder(t, dir)
			_, rows, err := ask(t, dir, "SELECT count(*) FROM tasks")
			if err != nil || rows[0][0].(int64) < 1 {
				t.Errorf("%v, %v", rows, err)
			}
			for _, sql := range []string{
				"DELETE FROM live", "UPDATE state SET seq = 1", "CREATE TEMP TABLE t (n)", "DROP VIEW tasks",
				"ATTACH ':memory:' AS other", "VACUUM", "VACUUM INTO 'copy.db'", "REINDEX", "ANALYZE", "BEGIN", "COMMIT",
				"PRAGMA query_only = 0", "PRAGMA journal_mode = DELETE", "PRAGMA wal_checkpoint", "PRAGMA user_version = 1",
				"SELECT 1; SELECT 2", "SELECT 1; DELETE FROM live", "SELECT 1; nonsense", "SELECT load_extension('x')",
				"WITH n AS (SELECT 1) DELETE FROM live", "EXPLAIN DELETE FROM live", "SELECT 1\x00; DELETE FROM live", "", " -- nothing",
			} {
				if columns, _, err := ask(t, dir, sql); err == nil || columns != nil {
					t.Errorf("%q was run: %v", sql, columns)
				}
			}
			for _, sql := range []string{"SELECT 1; -- the end", "/* one */ SELECT 1 ;;", "PRAGMA table_info(tasks)", "EXPLAIN QUERY PLAN SELECT * FROM tasks"} {
				if _, rows, err := ask(t, dir, sql); err != nil || len(rows) == 0 {
					t.Errorf("%q: %v, %v", sql, rows, err)
				}
			}
			if diff := gocmp.Diff(before, folder(t, dir)); diff != "" {
				t.Errorf("a query changed the folder (-before +after):\n%.2000s", diff)
			}
		})
	}
}

func TestQueryEndsWithItsContext(t *testing.T) {
	image := killed(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := daybook.Query(ctx, restore(t, image), "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n",
		func(int64, []string) error { return nil }, func([]driver.Value) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestDocumentedTablesAndQueriesAreRight(t *testing.T) {
	dir := restore(t, killed(t))
	var want strings.Builder
	for _, table := range daybook.Tables() {
		columns, _, err := ask(t, dir, "SELECT * FROM "+table.Name+" LIMIT 0")
		var names []string
		fmt.Fprintf(&want, "\n### %s\n\n%s\n\n| column | type | |\n|---|---|---|\n", table.Name, table.About)
		for _, c := range table.Columns {
			names = append(names, c.Name)
			fmt.Fprintf(&want, "| `%s` | %s | %s |\n", c.Name, c.Type, c.About)
		}
		if diff := gocmp.Diff(columns, names); err != nil || diff != "" {
			t.Errorf("%s: %v (-file +listed):\n%s", table.Name, err, diff)
		}
	}
	const path, mark = "docs/views.md", "<!-- tables -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	queries := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(queries) < 10 {
		t.Errorf("%d queries", len(queries))
	}
	for _, q := range queries {
		if _, _, err := ask(t, dir, q[1]); err != nil {
			t.Errorf("%s%v", q[1], err)
		}
	}
	before, listed, _ := strings.Cut(string(text), mark)
	if listed == want.String() {
		return
	}
	if os.Getenv("UPDATE_DOCS") == "1" {
		if err := os.WriteFile(path, []byte(before+mark+want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("the tables in %s are not those of the code: UPDATE_DOCS=1 go test -run Documented .\n%s", path, gocmp.Diff(listed, want.String()))
}
