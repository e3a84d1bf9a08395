package viewfile

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"daybook/internal/sqlite"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// Reader is one reading connection. One goroutine at a time uses it, and gives it back
// with Close. Its methods but Fix and Close see the archive alone, as it was at Fix.
type Reader struct {
	f    *File
	conn *sqlite.Conn

	begin, rollback, first               statement
	body, byID, byKey, byClaim, from     statement
	archivedFrom, archived               statement
	tag, block, below, ends, zones, zone statement
	idsBetween, idsOfChunk               statement
	look                                 *sqlite.Query

	fixed  bool
	groups []Group
	totals *totals
	dest   [6]driver.Value
	room   room

	wanted, numbers []int64 // of a look: submit seqs, and the archive numbers they had
	looked          []byte  // what it read
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
			&r.body:         "SELECT id, body FROM archive WHERE seq = ? + 0",
			&r.byID:         "SELECT seq, id, body FROM archive WHERE id = CAST(? AS BLOB)",
			&r.byKey:        byKey,
			&r.byClaim:      "SELECT a.seq, a.id, a.body FROM claims AS c JOIN archive AS a ON a.seq = c.seq WHERE c.claim = CAST(? AS BLOB)",
			&r.from:         "SELECT seq, id, body FROM archive WHERE seq >= ? ORDER BY seq LIMIT 1",
			&r.archivedFrom: "SELECT coalesce(max(first), 0), (SELECT trimmed FROM state) FROM archived WHERE first <= ?",
			&r.archived:     "SELECT first, seqs FROM archived WHERE first >= ? ORDER BY first LIMIT 1",
			&r.tag:          "SELECT term, n FROM tags WHERE name = ?",
			&r.block:        "SELECT newest, seqs, facets, runs, lasts FROM lists WHERE key = ? + 0",
			&r.below:        "SELECT key, newest, seqs, CASE WHEN ?3 THEN facets END, CASE WHEN ?4 THEN runs END FROM lists WHERE key BETWEEN ?1 AND ?2 ORDER BY key DESC LIMIT 1",
			&r.ends:         "SELECT (SELECT min(chunk) FROM zones), (SELECT max(chunk) FROM zones)",
			&r.zones:        "SELECT min(chunk), max(chunk) FROM zones WHERE most >= ? AND least <= ?",
			&r.zone:         "SELECT least, most FROM zones WHERE chunk = ? + 0",
			&r.idsBetween:   "SELECT group_concat(seq), count(*) FROM (SELECT seq FROM archive INDEXED BY archive_id WHERE id BETWEEN ? AND ? LIMIT ?)",
			&r.idsOfChunk:   "SELECT group_concat(seq) FROM archive NOT INDEXED WHERE seq BETWEEN ? AND ? AND id BETWEEN ? AND ?",
		})
	}
	if err == nil {
		r.look, err = conn.PrepareQuery(lookSQL, "iibb")
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return r, nil
}

// keptRoom is how much memory a reader keeps for the next look, in bytes.
const keptRoom = 512 << 10

// lookSQL gives the tasks of a JSON array of submit seqs, in its order.
const lookSQL = "SELECT a.seq, a.no, a.id, a.body FROM json_each(?1) AS j CROSS JOIN archive AS a ON a.seq = j.value"

// byKey gives the tasks of a hash, from the newest epoch to the oldest.
const byKey = `WITH RECURSIVE epochs (n) AS (
	SELECT max(epoch) FROM keys UNION ALL SELECT n - 1 FROM epochs WHERE n > 0
) SELECT a.seq, a.id, a.body FROM epochs
CROSS JOIN keys AS k ON k.epoch = epochs.n AND k.hash = ?
CROSS JOIN archive AS a ON a.seq = k.seq`

// Fix fixes what the reader sees until Close: the file as last committed. It comes right
// after Take. It takes some microseconds and never waits for the writer.
func (r *Reader) Fix() error {
	if err := r.begin.run(); err != nil {
		return fail("fix reader", err)
	}
	r.fixed = true
	if _, err := r.first.row(r.dest[:1]); err != nil {
		return fail("fix reader", err)
	}
	r.groups, r.totals = *r.f.groups.Load(), r.f.totals.Load()
	return nil
}

// Close gives the reader back.
func (r *Reader) Close() {
	if r.fixed && !r.conn.AutoCommit() {
		_ = r.rollback.run() // nothing was written; a lasting error shows at the next Fix
	}
	r.fixed, r.groups, r.totals = false, nil, nil
	r.f.idle <- r
}

// decode makes a row of three columns of dest: seq, id, body.
func (r *Reader) decode(row *Row) error {
	seq := intOf(r.dest[0])
	return decodeBody(row, seq, bytesOf(r.dest[1]), bytesOf(r.dest[2]), r.groups)
}

// ByID returns the archived task with that id. Errors: ErrNotFound.
func (r *Reader) ByID(_ context.Context, id ulid.ULID) (Row, error) {
	var row Row
	found, err := r.byID.row(r.dest[:3], id[:])
	if err == nil && !found {
		err = ErrNotFound
	}
	if err == nil {
		err = r.decode(&row)
	}
	return row, fail("find task by id", err)
}

// ByKey returns the archived task with that idempotency key, which is not empty.
// Errors: ErrNotFound.
func (r *Reader) ByKey(_ context.Context, key string) (Row, error) {
	rows, err := r.byKey.Query(hashKey(key))
	if err != nil {
		return Row{}, fail("find task by key", err)
	}
	var row Row
	for {
		if err = rows.Next(r.dest[:3]); err == io.EOF {
			err = ErrNotFound
		}
		if err == nil {
			err = r.decode(&row)
		}
		if err != nil || row.Task.IdempotencyKey == key {
			break
		}
	}
	if err != nil {
		row = Row{}
	}
	return row, fail("find task by key", errors.Join(err, rows.Close()))
}

// FirstAfter returns the submit seq of the first archived task that was created after
// the moment, math.MaxInt64 when there is none. It rests on this: of two tasks, the
// one submitted later was not created earlier.
func (r *Reader) FirstAfter(_ context.Context, moment task.Micros) (int64, error) {
	least, most := int64(0), int64(maxSeq) // the answer lies in least … most
	var row Row
	for least < most {
		middle := least + (most-least)/2
		found, err := r.from.row(r.dest[:3], middle)
		if err == nil && found {
			err = r.decode(&row)
		}
		if err != nil {
			return 0, fail("find task by time", err)
		}
		switch {
		case !found:
			most = middle
		case row.Task.CreatedAt > moment:
			most = middle
		default:
			least = row.Task.SubmitSeq + 1
		}
	}
	found, err := r.from.row(r.dest[:3], least)
	if err != nil || !found {
		return math.MaxInt64, fail("find task by time", err)
	}
	return intOf(r.dest[0]), nil
}

// Archived appends to rows up to limit tasks in the order in which they were archived, those with
// archive numbers after the given one, and the last number it looked at: where to go
// on from. A task that was archived again has its new number alone; one that went
// back to the image is left out. There is no more when last is after.
func (r *Reader) Archived(ctx context.Context, rows []Row, after int64, limit int) (_ []Row, last int64, err error) {
	limit += len(rows)
	if _, err = r.archivedFrom.row(r.dest[:2], after+1); err != nil {
		return nil, after, fail("list archived tasks", err)
	}
	from, trimmed := intOf(r.dest[0]), intOf(r.dest[1])
	last = max(after, trimmed)
	for len(rows) < limit {
		found, err := r.archived.row(r.dest[:2], from)
		if err != nil || !found {
			return rows, last, fail("list archived tasks", err)
		}
		first := intOf(r.dest[0])
		n, err := r.archivedRow(first, bytesOf(r.dest[1]), &rows, &last, limit)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, after, fail("list archived tasks", err)
		}
		from = first + n
	}
	return rows, last, nil
}

// archivedRow appends to rows the tasks of one row of archive numbers, n in all.
func (r *Reader) archivedRow(first int64, seqs []byte, rows *[]Row, last *int64, limit int) (n int64, err error) {
	for seq := int64(0); len(seqs) > 0 && len(*rows) < limit; {
		r.wanted, r.numbers = r.wanted[:0], r.numbers[:0]
		for len(seqs) > 0 && len(*rows)+len(r.wanted) < limit {
			step, size := binary.Varint(seqs)
			if size <= 0 {
				return n, damaged("archive numbers cannot be read")
			}
			seqs, seq = seqs[size:], seq+step
			if no := first + n; no > *last {
				*last = no
				r.wanted, r.numbers = append(r.wanted, seq), append(r.numbers, no)
			}
			n++
		}
		if err := r.lookAt(rows); err != nil {
			return n, err
		}
	}
	return n, nil
}

// lookAt appends to rows those of the wanted tasks that have the same number still.
func (r *Reader) lookAt(rows *[]Row) (err error) {
	if r.looked, err = r.look.AppendSome(r.looked[:0], math.MaxInt, sqlite.Array(r.wanted)); err != nil {
		return err
	}
	values := sqlite.ValuesOf(r.looked)
	if cap(r.looked) > keptRoom {
		r.looked = nil
	}
	for at := 0; values.More(); at++ {
		seq, no, id, body := values.Number(), values.Number(), values.Bytes(), values.Bytes()
		for at < len(r.wanted) && r.wanted[at] != seq { // of a task that went back to the image
			at++
		}
		if !values.Whole() || at == len(r.wanted) {
			return damaged("archived tasks are not those that were asked for")
		}
		if r.numbers[at] != no {
			continue
		}
		*rows = append(*rows, Row{})
		if err := decodeBody(&(*rows)[len(*rows)-1], seq, id, body, r.groups); err != nil {
			return err
		}
	}
	return nil
}

// rowAt returns the archived task with that submit seq.
func (r *Reader) rowAt(row *Row, seq int64) error {
	found, err := r.body.row(r.dest[:2], seq)
	if err == nil && !found {
		err = damaged(fmt.Sprintf("task %d is in a list and not in the archive", seq))
	}
	if err != nil {
		return err
	}
	return decodeBody(row, seq, bytesOf(r.dest[0]), bytesOf(r.dest[1]), r.groups)
}
