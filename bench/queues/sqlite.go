package queues

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"

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

// sqliteDurability asks the database what it does at a commit.
func sqliteDurability(ctx context.Context, db *sql.DB) (string, error) {
	var journal, version string
	var synchronous int
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return "", err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return "", err
	}
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return "", err
	}
	does := "no sync at a commit"
	if synchronous >= 2 {
		does = "synced at every commit"
	}
	return fmt.Sprintf("%s (SQLite %s, journal_mode=%s, synchronous=%d)", does, version, journal, synchronous), nil
}

// count asks for one number.
func count(ctx context.Context, db *sql.DB, query string) (n int64, err error) {
	err = db.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}
