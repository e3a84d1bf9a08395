package sqlitelog

import (
	"database/sql/driver"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"daybook/eventlog"
	"daybook/internal/sqlite"

	sqlite3 "github.com/mattn/go-sqlite3"
)

//go:embed schema.sql
var schemaSQL string

const (
	applicationID = 0x4442_4b31 // "DBK1"
	schemaVersion = 1
)

// ErrForeign: the file is no log of Daybook, or one of a newer Daybook.
var ErrForeign = errors.New("not a log that this version can open")

// checkSchema checks that the file is a log that can be read.
func checkSchema(c *sqlite.Conn) error {
	app, err := c.Number("PRAGMA application_id")
	if err != nil {
		return damage(err)
	}
	if app != applicationID {
		return fmt.Errorf("%w: %s is not a Daybook log", ErrForeign, logName)
	}
	version, err := c.Number("PRAGMA user_version")
	if err != nil {
		return damage(err)
	}
	if version != schemaVersion {
		return fmt.Errorf("%w: %s has schema %d and was written by a newer Daybook; this one knows %d",
			ErrForeign, logName, version, schemaVersion)
	}
	return nil
}

// create makes the tables of a new log, all or none.
func create(c *sqlite.Conn, id string, now time.Time) error {
	base := eventlog.FirstHash(id)
	if err := c.Do("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := c.Do(schemaSQL)
	if err == nil {
		_, err = c.Exec("INSERT INTO meta VALUES (?, ?, ?, 0, ?)", []driver.Value{int64(schemaVersion), id, now.UnixMicro(), base[:]})
	}
	if err == nil {
		err = c.Do(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, schemaVersion))
	}
	if err != nil {
		return errors.Join(err, c.Do("ROLLBACK"))
	}
	return c.Do("COMMIT")
}

// damage marks errors that mean that the file was changed or damaged.
func damage(err error) error {
	if malformed(err) {
		return fmt.Errorf("%w: %w", eventlog.ErrDamaged, err)
	}
	return err
}

// malformed reports whether SQLite says that the file, or a page of it, is not an SQLite file.
func malformed(err error) bool {
	_, primary := sqlite.Code(err)
	return primary == sqlite3.ErrCorrupt || primary == sqlite3.ErrNotADB
}
