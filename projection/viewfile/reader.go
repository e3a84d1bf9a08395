package viewfile

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"daybook/internal/sqlite"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// Reader is a reading connection. One goroutine at a time uses it and returns it with Close. All methods
// except Fix and Close read the ended tasks only, as of Fix.
type Reader struct {
	f    *File
	conn *sqlite.Conn

	begin, rollback, first          statement
	byID, byKey, byClaim, createdAt statement
	endOf, hasTag, zones, zone      statement
	trimmed, archived               statement
	countTag, countClasses          statement
	rows, numbered                  *sqlite.Query
	all, facet, class, tag, ids     *sqlite.Query
	children                        *sqlite.Query
	counters                        counters

	fixed   bool
	groups  []Group
	summary *summary
	dest    [4]driver.Value
	read    []byte // buffer
}

func newReader(f *File) (*Reader, error) {
	conn, err := sqlite.ConnectSummed(f.path, "_query_only=1", pageSize)
	if err != nil {
		return nil, err
	}
	r := &Reader{f: f, conn: conn}
	err = conn.Do(readerCache)
	if err == nil {
		err = prepareAll(conn, map[*statement]string{
			&r.begin:        "BEGIN",
			&r.rollback:     "ROLLBACK",
			&r.first:        "SELECT seq FROM state",
			&r.trimmed:      "SELECT trimmed FROM state",
			&r.byID:         "SELECT submit_seq FROM ended WHERE id = ?",
			&r.byKey:        byKey,
			&r.byClaim:      "SELECT c.submit_seq FROM claims AS c JOIN ended AS e ON e.submit_seq = c.submit_seq WHERE c.claim = CAST(? AS BLOB)",
			&r.createdAt:    "SELECT submit_seq, created_at FROM ended WHERE submit_seq >= ? ORDER BY submit_seq LIMIT 1",
			&r.endOf:        "SELECT last_seq, id FROM ended WHERE submit_seq = ? + 0",
			&r.archived:     "SELECT first, seqs FROM archived WHERE last > ? ORDER BY first LIMIT 1",
			&r.countTag:     "SELECT count(*) FROM (SELECT 1 FROM ended_tags WHERE tag = ? LIMIT ?)",
			&r.countClasses: "SELECT count(*) FROM (SELECT 1 FROM ended INDEXED BY ended_run WHERE run_class BETWEEN ? AND ? LIMIT ?)",
			&r.hasTag:       "SELECT 1 FROM ended_tags WHERE tag = ? AND status = ? AND submit_seq = ?",
			&r.zones:        "SELECT min(zone), max(zone) FROM ended_zones WHERE most_id >= ? AND least_id <= ?",
			&r.zone:         "SELECT least_id, most_id, least_seq, most_seq FROM ended_zones WHERE zone = ? + 0",
		})
	}
	query := func(q **sqlite.Query, kinds, sql string) {
		if err == nil {
			*q, err = conn.PrepareQuery(sql, kinds)
		}
	}
	const inOrder = " FROM json_each(?1) AS j CROSS JOIN ended AS e ON e.submit_seq = j.value"
	query(&r.rows, ended.kinds, "SELECT "+prefixed("e.", ended.names)+inOrder)
	query(&r.numbered, "i"+ended.kinds, "SELECT e.number, "+prefixed("e.", ended.names)+inOrder)
	candidates := func(q **sqlite.Query, from, where string, first int) {
		query(q, candidateKinds, "SELECT submit_seq, group_no, status FROM "+from+" WHERE "+where+fmt.Sprintf("submit_seq >= ?%d AND submit_seq < ?%d "+
			"AND run BETWEEN ?%d AND ?%d ORDER BY submit_seq DESC LIMIT ?%d", first, first+1, first+2, first+3, first+4))
	}
	candidates(&r.all, "ended NOT INDEXED", "", 1)
	candidates(&r.facet, "ended INDEXED BY ended_facet", "group_no = ?1 AND status = ?2 AND ", 3)
	candidates(&r.class, "ended INDEXED BY ended_run", "run_class = ?1 AND ", 2)
	candidates(&r.children, "ended INDEXED BY ended_parent", "parent = ?1 AND parent <> '' AND ", 2)
	candidates(&r.tag, "ended_tags", "tag = ?1 AND status = ?2 AND ", 3)
	count := func(q **sqlite.Query, from, where string, first int) {
		query(q, "i", "SELECT count(*) FROM (SELECT 1 FROM "+from+" WHERE "+where+fmt.Sprintf("submit_seq >= ?%d AND submit_seq < ?%d LIMIT ?%d)", first, first+1, first+2))
	}
	count(&r.counters.all, "ended NOT INDEXED", "", 1)
	count(&r.counters.facet, "ended INDEXED BY ended_facet", "group_no = ?1 AND status = ?2 AND ", 3)
	count(&r.counters.tag, "ended_tags", "tag = ?1 AND status = ?2 AND ", 3)
	query(&r.ids, candidateKinds, "SELECT submit_seq, group_no, status FROM ended INDEXED BY ended_id "+
		"WHERE id BETWEEN json_extract(?1, '$[0]') AND json_extract(?1, '$[1]') AND run BETWEEN ?2 AND ?3 LIMIT ?4")
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return r, nil
}

func prefixed(prefix, names string) string {
	return prefix + strings.ReplaceAll(names, ", ", ", "+prefix)
}

// byKey finds the tasks of a key, from the newest epoch to the oldest.
const byKey = `WITH RECURSIVE epochs (n) AS (
	SELECT max(epoch) FROM ended_keys UNION ALL SELECT n - 1 FROM epochs WHERE n > 0
) SELECT k.submit_seq FROM epochs CROSS JOIN ended_keys AS k ON k.epoch = epochs.n AND k.key = ? LIMIT 1`

// keptRoom is the maximum size of the buffer that a reader keeps after Close, in bytes.
const keptRoom = 512 << 10

// Fix begins a snapshot of the last commit, which the reader reads until Close. Call it directly after
// Acquire. It takes some microseconds and never waits for the writer.
func (r *Reader) Fix() error {
	if err := r.begin.run(); err != nil {
		return fail("fix reader", err)
	}
	r.fixed = true
	if _, err := r.first.row(r.dest[:1]); err != nil {
		return fail("fix reader", err)
	}
	r.groups, r.summary = *r.f.groups.Load(), r.f.summary.Load()
	return nil
}

// Close returns the reader to the file.
func (r *Reader) Close() {
	if r.fixed && !r.conn.AutoCommit() {
		_ = r.rollback.run() // nothing was written; a permanent error appears at the next Fix
	}
	r.fixed, r.groups, r.summary = false, nil, nil
	if cap(r.read) > keptRoom {
		r.read = nil
	}
	r.f.idle <- r
}

// ByID returns the ended task with that id. Errors: ErrNotFound.
func (r *Reader) ByID(_ context.Context, id ulid.ULID) (Row, error) {
	row, err := r.one(&r.byID, id.String())
	return row, fail("find task by id", err)
}

// ByKey returns the ended task with that idempotency key, which must not be empty. Errors:
// ErrNotFound.
func (r *Reader) ByKey(_ context.Context, key string) (Row, error) {
	row, err := r.one(&r.byKey, key)
	return row, fail("find task by key", err)
}

// ByClaim returns the ended task that holds the claim longest, even if that time is over. It does not find
// a task that is live again. Errors: ErrNotFound.
func (r *Reader) ByClaim(_ context.Context, claim task.Claim) (Row, error) {
	row, err := r.one(&r.byClaim, claim[:])
	return row, fail("find task by unique key", err)
}

// one returns the task whose submit seq the statement finds.
func (r *Reader) one(find *statement, arg driver.Value) (Row, error) {
	found, err := find.row(r.dest[:1], arg)
	if err != nil {
		return Row{}, err
	}
	if !found {
		return Row{}, ErrNotFound
	}
	rows, err := r.rowsAt([]int64{intOf(r.dest[0])})
	if err != nil {
		return Row{}, err
	}
	return rows[0], nil
}

// rowsAt returns the ended tasks with those submit seqs, in that order.
func (r *Reader) rowsAt(seqs []int64) ([]Row, error) {
	rows := make([]Row, 0, len(seqs))
	if len(seqs) == 0 {
		return rows, nil
	}
	var err error
	if r.read, err = r.rows.AppendText(r.read[:0], sqlite.Array(seqs)); err != nil {
		return nil, err
	}
	for values := sqlite.ValuesOf(r.read); values.More(); {
		rows = append(rows, Row{})
		if err := ended.readRow(&rows[len(rows)-1], &values, r.groups); err != nil {
			return nil, err
		}
	}
	for i, seq := range seqs {
		if i >= len(rows) || rows[i].Task.SubmitSeq != seq {
			return nil, damaged(fmt.Sprintf("task %d is in an index and not in its table", seq))
		}
	}
	return rows, nil
}

// FirstAfter returns the submit seq of the first ended task that was created after the moment, or
// math.MaxInt64. It relies on created_at never decreasing with the submit seq.
func (r *Reader) FirstAfter(_ context.Context, moment task.Micros) (int64, error) {
	least, most, answer := int64(0), int64(math.MaxInt64), int64(math.MaxInt64) // least ≤ answer ≤ most
	top, err := r.top()
	if err != nil {
		return 0, fail("find task by time", err)
	}
	for most = top + 1; least < most; {
		middle := least + (most-least)/2
		found, err := r.createdAt.row(r.dest[:2], middle)
		if err != nil {
			return 0, fail("find task by time", err)
		}
		switch {
		case !found:
			most = middle
		case task.Micros(intOf(r.dest[1])) > moment:
			most, answer = middle, intOf(r.dest[0])
		default:
			least = intOf(r.dest[0]) + 1
		}
	}
	return answer, nil
}

// top returns the greatest submit seq, 0 if there is none.
func (r *Reader) top() (int64, error) {
	last, err := r.all.Append(r.read[:0], 0, math.MaxInt64, -1, math.MaxInt64, 1)
	r.read = last
	if err != nil || len(last) == 0 {
		return 0, err
	}
	values := sqlite.ValuesOf(last)
	return values.Number(), nil
}

// Archived appends up to limit tasks with archive numbers after the given one to rows, in the order of
// these numbers. It returns the last number that it read, from which the next call continues; if that is
// after, there are no more. A task that was archived again has only its new number. Tasks that are live
// again are omitted.
func (r *Reader) Archived(_ context.Context, rows []Row, after int64, limit int) (_ []Row, last int64, err error) {
	rows, last, err = r.archivedAfter(rows, after, limit)
	if err != nil {
		return nil, after, fail("list archived tasks", err)
	}
	return rows, last, nil
}

func (r *Reader) archivedAfter(rows []Row, after int64, limit int) (_ []Row, last int64, err error) {
	if _, err := r.trimmed.row(r.dest[:1]); err != nil {
		return nil, after, err
	}
	last = max(after, intOf(r.dest[0]))
	var seqs, numbers []int64
	for len(seqs) < limit {
		found, err := r.archived.row(r.dest[:2], last)
		if err != nil {
			return nil, after, err
		}
		if !found {
			break
		}
		seq := int64(0)
		number, rest := intOf(r.dest[0]), bytesOf(r.dest[1])
		for ; len(rest) > 0 && len(seqs) < limit; number++ {
			distance, n := binary.Varint(rest)
			if n <= 0 {
				return nil, after, damaged("archive numbers cannot be read")
			}
			if rest, seq = rest[n:], seq+distance; number > last {
				seqs, numbers, last = append(seqs, seq), append(numbers, number), number
			}
		}
	}
	if r.read, err = r.numbered.AppendText(r.read[:0], sqlite.Array(seqs)); err != nil {
		return nil, after, err
	}
	values, at := sqlite.ValuesOf(r.read), 0
	for values.More() {
		number := values.Number()
		rows = append(rows, Row{})
		got := &rows[len(rows)-1]
		if err := ended.readRow(got, &values, r.groups); err != nil {
			return nil, after, err
		}
		for at < len(seqs) && seqs[at] != got.Task.SubmitSeq { // that task is live again
			at++
		}
		if at == len(seqs) {
			return nil, after, damaged("archived tasks are not those that were asked for")
		}
		if numbers[at] != number { // the task has been archived again
			rows = rows[:len(rows)-1]
		}
		at++
	}
	return rows, last, nil
}
