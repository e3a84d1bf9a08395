package queues

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"

	"daybook/bench/measure"

	_ "github.com/mattn/go-sqlite3" // the driver, the same one for all
)

// openSQLite opens a database as the peers' documentation does: WAL, and a single
// connection, without which they run into "database is locked".
func openSQLite(dir, synchronous string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "queue.db")+
		"?_journal=WAL&_timeout=5000&_fk=true&_txlock=immediate&_sync="+synchronous)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	return db, nil
}

// sqliteFacts asks the database what it does at a commit.
func sqliteFacts(ctx context.Context, db *sql.DB, settings string) (f measure.Facts, err error) {
	f.Settings, f.PIDs = settings, []int{os.Getpid()}
	var journal, version string
	var synchronous int
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return f, err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return f, err
	}
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return f, err
	}
	does := "no sync at a commit"
	if f.Synced = synchronous >= 2; f.Synced {
		does = "synced at every commit"
	}
	f.Durability = fmt.Sprintf("%s (SQLite %s, journal_mode=%s, synchronous=%d)", does, version, journal, synchronous)
	return f, nil
}

// count asks for one number.
func count(ctx context.Context, db *sql.DB, query string) (n int64, err error) {
	err = db.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}
