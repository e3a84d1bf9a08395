package viewfile

import (
	"database/sql/driver"
	"errors"
	"io"

	"daybook/internal/sqlite"
)

// statement is a prepared statement of one connection.
type statement struct{ *sqlite.Stmt }

// run executes it and discards any rows.
func (s statement) run(args ...driver.Value) error {
	for i, v := range args {
		s.Args[i].Value = v
	}
	return s.Run()
}

// row reads the first row into dest, and returns false if there is none.
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

// bytesOf returns a BLOB as bytes, and nil for any other value.
func bytesOf(v driver.Value) []byte {
	b, _ := v.([]byte)
	return b
}

// intOf returns an integer, and 0 for any other value.
func intOf(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}

// writer is the connection that writes.
type writer struct {
	conn *sqlite.Conn

	begin, commit, rollback                         statement
	putGroup, putCount, dropCounts, putState        statement
	putStream                                       statement
	putArchived, trimArchived                       statement
	tagsOf, dropTag, dropKey, dropEnded             statement
	live                                            *sqlite.Query
	putLive, dropLive                               *sqlite.Rows
	putEnded, putTag, putKey, putZone               *sqlite.Rows
	putClaim, dropClaims, putKeyState, dropKeyState *sqlite.Rows

	inserts  *inserter // of the open batch; nil = none is open
	archived int64
	trimmed  int64
	latest   int64
	counts   []int64  // as last written
	streams  []Stream // as last written
	dest     [8]driver.Value
	pending  pending
}

func newWriter(conn *sqlite.Conn) (*writer, error) {
	w := &writer{conn: conn}
	w.pending.clear()
	err := prepareAll(conn, map[*statement]string{
		&w.begin:        "BEGIN IMMEDIATE",
		&w.commit:       "COMMIT",
		&w.rollback:     "ROLLBACK",
		&w.putGroup:     "INSERT INTO groups (number, type, queue) VALUES (?, ?, ?)",
		&w.putCount:     "INSERT OR REPLACE INTO counts (facet, n) VALUES (?, ?)",
		&w.dropCounts:   "DELETE FROM counts WHERE facet >= ? + 0",
		&w.putStream:    "INSERT OR REPLACE INTO streams (kind, state) VALUES (?, ?)",
		&w.putState:     "UPDATE state SET seq = ?, hash = ?, archived = ?, trimmed = ?, latest_seq = ?, windows = ?",
		&w.dropEnded:    "DELETE FROM ended WHERE submit_seq = ? + 0",
		&w.tagsOf:       "SELECT tags, status, idempotency_key FROM ended WHERE submit_seq = ? + 0",
		&w.dropTag:      "DELETE FROM ended_tags WHERE tag = ? AND status = ? AND submit_seq = ?",
		&w.dropKey:      "DELETE FROM ended_keys WHERE epoch = ? AND key = ? AND submit_seq = ?",
		&w.putArchived:  "INSERT INTO archived (first, last, seqs) VALUES (?, ?, ?)",
		&w.trimArchived: "DELETE FROM archived WHERE last <= ? + 0",
	})
	if err == nil {
		err = w.prepareRows()
	}
	if err != nil {
		return nil, err
	}
	return w, w.reload()
}

// prepareRows prepares the statements that process many rows per call.
func (w *writer) prepareRows() (err error) {
	if w.live, err = w.conn.PrepareQuery(liveSQL, live.kinds); err != nil {
		return err
	}
	prepare := func(rows **sqlite.Rows, kinds, sql string) {
		if err == nil {
			*rows, err = w.conn.PrepareRows(sql, kinds)
		}
	}
	insert := func(into, names string, n int) string {
		return "INSERT INTO " + into + " (" + names + ") VALUES (" + questionMarks(n) + ")"
	}
	prepare(&w.putLive, live.kinds, "INSERT OR REPLACE INTO live ("+live.names+") VALUES ("+questionMarks(len(live.columns))+")")
	prepare(&w.dropLive, "i", "DELETE FROM live WHERE submit_seq = ? + 0")
	prepare(&w.putEnded, "iii"+ended.kinds, "INSERT INTO ended (number, run, run_class, "+ended.names+") VALUES (?, ?, nullif(?, -1), "+questionMarks(len(ended.columns))+")")
	prepare(&w.putTag, "tiiii", insert("ended_tags", "tag, status, submit_seq, group_no, run", 5))
	prepare(&w.putKey, "iti", insert("ended_keys", "epoch, key, submit_seq", 3))
	prepare(&w.putClaim, "bii", insert("claims", "claim, submit_seq, until", 3)+
		" ON CONFLICT DO UPDATE SET submit_seq = excluded.submit_seq, until = excluded.until WHERE excluded.until >= until")
	prepare(&w.dropClaims, "ii", "DELETE FROM claims WHERE claim IN (SELECT claim FROM claims WHERE until < ? ORDER BY until LIMIT ?)")
	prepare(&w.putKeyState, "ttii", "INSERT OR REPLACE INTO queue_keys (queue, key, due, finish) VALUES (?, ?, ?, ?)")
	prepare(&w.dropKeyState, "tt", "DELETE FROM queue_keys WHERE queue = ? AND key = ?")
	prepare(&w.putZone, "ittii", insert("ended_zones", "zone, least_id, most_id, least_seq, most_seq", 5)+" ON CONFLICT DO UPDATE SET "+
		"least_id = min(least_id, excluded.least_id), most_id = max(most_id, excluded.most_id), least_seq = min(least_seq, excluded.least_seq), most_seq = max(most_seq, excluded.most_seq)")
	return err
}

// reload discards what a rolled back transaction left in memory.
func (w *writer) reload() error {
	row, err := w.conn.Row(3, "SELECT archived, trimmed, latest_seq FROM state")
	if err != nil {
		return err
	}
	w.archived, w.trimmed, w.latest = intOf(row[0]), intOf(row[1]), intOf(row[2])
	w.pending.clear()
	return nil
}

// each calls fn for every row of a query. fn must not keep the slice.
func (w *writer) each(sql string, columns int, fn func([]driver.Value) error) error {
	rows, err := w.conn.Query(sql, nil)
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
