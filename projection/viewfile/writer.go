package viewfile

import (
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"strings"

	"daybook/internal/sqlite"
)

// statement is a prepared statement of one connection.
type statement struct{ *sqlite.Stmt }

// run executes it, and gives no rows.
func (s statement) run(args ...driver.Value) error {
	for i, v := range args {
		s.Args[i].Value = v
	}
	return s.Run()
}

// row reads the first row into dest; false when there is none.
func (s statement) row(dest []driver.Value, args ...driver.Value) (bool, error) {
	rows, err := s.Query(args...)
	if err != nil {
		return false, err
	}
	err = rows.Next(dest)
	if closed := rows.Close(); err == nil {
		err = closed
	}
	if err == io.EOF {
		return false, nil
	}
	return err == nil, err
}

// prepareAll prepares every statement of the table.
func prepareAll(conn *sqlite.Conn, table map[*statement]string) error {
	for s, sql := range table {
		stmt, err := conn.Prepare(sql)
		if err != nil {
			return err
		}
		s.Stmt = stmt
	}
	return nil
}

func values(v ...driver.Value) []driver.Value { return v }

// bytesOf returns a blob, nil for anything else.
func bytesOf(v driver.Value) []byte {
	b, _ := v.([]byte)
	return b
}

// intOf returns a number, 0 for anything else.
func intOf(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}

// writer is the connection that writes.
type writer struct {
	conn *sqlite.Conn

	begin, commit, rollback       statement
	putGroup, putState            statement
	image                         *sqlite.Query
	putImage, dropImage           *sqlite.Rows
	putArchive, putArchives       *sqlite.Rows
	dropArchive, getArchive       statement
	putArchived, trimArchived     statement
	putKey, dropKey               statement
	putClaim, dropClaims          statement
	getBlock, putBlock, dropBlock statement
	addTerm, addTag               statement
	findTag, newTag               statement
	putZone                       statement

	open        bool  // a batch is
	no, trimmed int64 // as in the table of the state
	tags        map[string]int64
	lastTag     int64
	buf         []byte
	dest        [8]driver.Value
	waiting     *waiting
}

func newWriter(conn *sqlite.Conn) (*writer, error) {
	w := &writer{conn: conn, waiting: &waiting{changes: newChanges()}}
	err := prepareAll(conn, map[*statement]string{
		&w.begin:        "BEGIN IMMEDIATE",
		&w.commit:       "COMMIT",
		&w.rollback:     "ROLLBACK",
		&w.putGroup:     "INSERT INTO groups (number, type, queue) VALUES (?, ?, ?)",
		&w.putState:     "UPDATE state SET seq = ?, hash = ?, no = ?, trimmed = ?, counts = ?, windows = ?",
		&w.dropArchive:  "DELETE FROM archive WHERE seq = ? + 0",
		&w.getArchive:   "SELECT id, body FROM archive WHERE seq = ? + 0",
		&w.putArchived:  "INSERT INTO archived (first, seqs) VALUES (?, ?)",
		&w.trimArchived: "DELETE FROM archived WHERE first <= ? - ?",
		&w.putKey:       "INSERT OR IGNORE INTO keys (epoch, hash, seq) VALUES (?, ?, ?)",
		&w.dropKey:      "DELETE FROM keys WHERE epoch = ? + 0 AND hash = ? AND seq = ? + 0",
		&w.putClaim: "INSERT INTO claims (claim, seq, until) VALUES (?, ?, ?) " +
			"ON CONFLICT DO UPDATE SET seq = excluded.seq, until = excluded.until WHERE excluded.until >= until",
		&w.dropClaims: "DELETE FROM claims WHERE claim IN (SELECT claim FROM claims WHERE until < ? ORDER BY until LIMIT ?)",
		&w.getBlock:   "SELECT newest, seqs, facets, runs, lasts FROM lists WHERE key = ? + 0",
		&w.putBlock:   "INSERT OR REPLACE INTO lists (key, newest, seqs, facets, runs, lasts) VALUES (?, ?, ?, ?, ?, ?)",
		&w.dropBlock:  "DELETE FROM lists WHERE key = ? + 0",
		&w.addTerm:    "INSERT INTO terms (term, n) VALUES (?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
		&w.addTag:     "UPDATE tags SET n = n + ?2 WHERE term = ?1 + 0",
		&w.findTag:    "SELECT term FROM tags WHERE name = ?",
		&w.newTag:     "INSERT INTO tags (term, name, n) VALUES (?, ?, 0)",
		&w.putZone: "INSERT INTO zones (chunk, least, most) VALUES (?, ?, ?) " +
			"ON CONFLICT DO UPDATE SET least = min(least, excluded.least), most = max(most, excluded.most)",
	})
	if err == nil {
		err = w.prepareRows()
	}
	if err != nil {
		return nil, err
	}
	return w, w.reload()
}

// prepareRows prepares the statements of which one call does many rows.
func (w *writer) prepareRows() (err error) {
	const archive = "INSERT INTO archive (seq, no, id, body) VALUES (?, ?, ?, ?)"
	prepare := func(rows **sqlite.Rows, sql, kinds string) {
		if err == nil {
			*rows, err = w.conn.PrepareRows(sql, kinds)
		}
	}
	if w.image, err = w.conn.PrepareQuery(imageSQL, "ibb"); err != nil {
		return err
	}
	prepare(&w.putImage, "INSERT OR REPLACE INTO image (seq, id, body) VALUES (?, ?, ?)", "ibb")
	prepare(&w.dropImage, "DELETE FROM image WHERE seq = ? + 0", "i")
	prepare(&w.putArchive, archive, "iibb")
	prepare(&w.putArchives, archive+strings.Repeat(", (?, ?, ?, ?)", together-1), strings.Repeat("iibb", together))
	return err
}

// reload forgets what a transaction that was rolled back may have left in memory.
func (w *writer) reload() error {
	row, err := w.conn.Row(3, "SELECT no, trimmed, (SELECT coalesce(max(term), ?) FROM tags) FROM state", kindTag)
	if err != nil {
		return err
	}
	w.no, w.trimmed, w.lastTag = intOf(row[0]), intOf(row[1]), intOf(row[2])
	w.tags = map[string]int64{}
	return nil
}

// each calls fn for every row of a query; fn must not keep what it gets.
func (w *writer) each(sql string, columns int, fn func([]driver.Value) error, args ...driver.Value) error {
	rows, err := w.conn.Query(sql, args)
	if err != nil {
		return err
	}
	dest := make([]driver.Value, columns)
	for err == nil {
		if err = rows.Next(dest); err == nil {
			err = fn(dest)
		}
	}
	if err == io.EOF {
		err = nil
	}
	return errors.Join(err, rows.Close())
}

// tagTerms appends the terms of tags, each once.
func (w *writer) tagTerms(terms []int64, tags []string) ([]int64, error) {
	for i, name := range tags {
		if slices.Contains(tags[:i], name) {
			continue
		}
		term, err := w.tagTerm(name)
		if err != nil {
			return terms, err
		}
		terms = append(terms, term)
	}
	return terms, nil
}

// maxTags is how many tags the writer remembers the terms of.
const maxTags = 1 << 16

// tagTerm returns the term of a tag, and makes one when it is new.
func (w *writer) tagTerm(name string) (int64, error) {
	if term, ok := w.tags[name]; ok {
		return term, nil
	}
	found, err := w.findTag.row(w.dest[:1], name)
	if err != nil {
		return 0, err
	}
	term := w.lastTag + 1
	if found {
		term = intOf(w.dest[0])
	} else {
		if err := w.newTag.run(term, name); err != nil {
			return 0, err
		}
		w.lastTag = term
	}
	if len(w.tags) >= maxTags {
		clear(w.tags)
	}
	w.tags[name] = term
	return term, nil
}
