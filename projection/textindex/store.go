package textindex

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"

	"daybook/internal/sqlite"
)

const (
	applicationID = 0x44425458 // "DBTX"
	format        = 4          // 2: each page has a checksum; 3: texts include subject and outcome; 4: what is deleted is zeros
	pageSize      = 4096
)

// schema of the file. The id of a row of blocks, places and numbers is its segment times 2^20, plus its
// index within the segment, from 0.
const schema = `
CREATE TABLE meta(owner TEXT NOT NULL, through INTEGER NOT NULL) STRICT;
CREATE TABLE segments(
	id     INTEGER PRIMARY KEY,
	age    INTEGER NOT NULL, -- higher = newer
	docs   INTEGER NOT NULL, -- number of documents
	blocks INTEGER NOT NULL, -- number of rows of blocks
	lowest INTEGER NOT NULL, -- lowest number of a document
	highest INTEGER NOT NULL,
	bytes  INTEGER NOT NULL, -- size of its rows
	firsts BLOB NOT NULL     -- first number of each row of numbers
) STRICT;
CREATE INDEX segments_highest ON segments(highest);
CREATE TABLE words(          -- first word of each block of a segment, shortened
	segment INTEGER NOT NULL,
	first   BLOB NOT NULL,
	block   INTEGER NOT NULL,
	PRIMARY KEY(segment, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE prefixes(       -- the row of places with all documents of a prefix of very many words
	segment INTEGER NOT NULL,
	prefix  BLOB NOT NULL,
	form    INTEGER NOT NULL,
	places  INTEGER NOT NULL,
	PRIMARY KEY(segment, prefix)
) STRICT, WITHOUT ROWID;
CREATE TABLE blocks(id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE places(id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE numbers(id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
`

const rowBits = 20 // bits of the index of a row within its segment

// state is what the writer keeps in memory about the file.
type state struct {
	through  int64
	docs     int64
	next     int64     // id of the next segment
	open     []segment // segments that may still be merged, oldest first
	newBytes int64     // bytes written since the file was opened, for tests and benchmarks
}

// segment is a row of segments.
type segment struct {
	id, age         int64
	docs            int
	blocks          int64
	lowest, highest int64
	bytes           int64
}

// readSegment converts a row of segments.
func readSegment(row []driver.Value) segment {
	var v [7]int64
	for i := range row {
		v[i], _ = row[i].(int64)
	}
	return segment{v[0], v[1], int(v[2]), v[3], v[4], v[5], v[6]}
}

// connectWriter opens or creates the file and checks its owner.
func connectWriter(path, owner string) (*sqlite.Conn, error) {
	_, err := os.Stat(path)
	missing := errors.Is(err, os.ErrNotExist)
	if !missing {
		if err := checkBefore(path); err != nil {
			return nil, err
		}
	}
	c, err := sqlite.ConnectSummed(path, "_synchronous=NORMAL&_cache_size=-8192&_txlock=immediate&_secure_delete=1", pageSize)
	if err != nil {
		return nil, err
	}
	if err = checkFile(c, missing, owner); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// checkBefore checks a file before SQLite opens it: its format, and the WAL of a process that did not
// close it.
func checkBefore(path string) error {
	id, version, err := sqlite.FormatOf(path)
	if err != nil {
		return err
	}
	if id != 0 { // otherwise everything may be in the WAL
		if err := isOurs(int64(id), int64(version)); err != nil {
			return err
		}
	}
	return sqlite.CheckWAL(path, pageSize)
}

func isOurs(id, version int64) error {
	if id != applicationID {
		return damaged("application %#x", id)
	}
	if version != format {
		return fmt.Errorf("%w: its format is %d, not %d", ErrOtherFormat, version, format)
	}
	return nil
}

func checkFile(c *sqlite.Conn, missing bool, owner string) error {
	pages, err := c.Number("PRAGMA page_count")
	if err != nil {
		return err
	}
	if pages == 0 || missing {
		return makeFile(c, owner)
	}
	id, err := c.Number("PRAGMA application_id")
	if err != nil {
		return err
	}
	version, err := c.Number("PRAGMA user_version")
	if err != nil {
		return err
	}
	if err := isOurs(id, version); err != nil {
		return err
	}
	row, err := c.Row(1, "SELECT owner FROM meta")
	if err != nil {
		return notThere(err)
	}
	if row[0] != owner {
		return damaged("it belongs to %v, not to %s", row[0], owner)
	}
	return c.Do("PRAGMA journal_size_limit=16777216")
}

// notThere wraps an error in ErrUnusable if it says that a row or a table is missing.
func notThere(err error) error {
	if _, code := sqlite.Code(err); errors.Is(err, io.EOF) || code == 1 {
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	return err
}

// makeFile creates the tables and sets the owner, in one transaction.
func makeFile(c *sqlite.Conn, owner string) error {
	if err := c.MakeSummed(pageSize); err != nil {
		return err
	}
	if err := c.Do("PRAGMA journal_mode=WAL; PRAGMA journal_size_limit=16777216"); err != nil {
		return err
	}
	if err := c.Do("BEGIN IMMEDIATE;" + schema +
		fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d", applicationID, format)); err != nil {
		return err
	}
	if _, err := c.SQLiteConn.Exec("INSERT INTO meta VALUES(?, 0)", []driver.Value{owner}); err != nil {
		return err
	}
	return c.Do("COMMIT")
}

// load reads the state from the file.
func load(c *sqlite.Conn, l limits) (*state, error) {
	var s state
	var err error
	if s.through, err = c.Number("SELECT through FROM meta"); err != nil {
		return nil, notThere(err)
	}
	all, err := c.Prepare("SELECT id, age, docs, blocks, lowest, highest, bytes FROM segments ORDER BY age")
	if err != nil {
		return nil, notThere(err)
	}
	row := make([]driver.Value, 7)
	err = all.Each(row, func() error {
		g := readSegment(row)
		s.docs += int64(g.docs)
		s.next = max(s.next, g.id+1)
		if s.open = append(s.open, g); l.sealed(g) {
			s.open = s.open[:0]
		}
		return nil
	})
	return &s, err
}
