package tasklog

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"time"

	"daybook/internal/logline"
	"daybook/internal/sqlite"

	"github.com/oklog/ulid/v2"
)

const (
	readers  = 2       // connections that read
	maxPage  = 1000    // lines of one Read
	maxBytes = 4 << 20 // of one Read, about
)

// Query says which lines of a task to read.
type Query struct {
	After   int64      // lines with a larger number
	Before  int64      // lines with a smaller number; 0 = all
	Attempt int        // of this attempt; 0 = of all
	Level   slog.Level // of this level or a higher one
	Limit   int        // at most 1,000
	Tail    bool       // the last ones of them, not the first
}

// reader is one connection that reads.
type reader struct {
	c                *sqlite.Conn
	maxTask          int64
	up, down, status *sqlite.Stmt
	tasks            *sqlite.Stmt
}

func openReader(path string, maxTask int64) (*reader, error) {
	c, err := sqlite.Connect(path, "mode=ro&_query_only=1")
	if err != nil {
		return nil, err
	}
	const lines = `SELECT number, attempt, at, level, text, attributes, size FROM lines
		WHERE task = ? AND number > ? AND number < ? AND attempt BETWEEN ? AND ? AND level >= ? ORDER BY number `
	r := &reader{c: c, maxTask: maxTask}
	for _, one := range []struct {
		at  **sqlite.Stmt
		sql string
	}{{&r.up, lines + "LIMIT ?"}, {&r.down, lines + "DESC LIMIT ?"}, {&r.status, "SELECT removed, removed_to, removed_at FROM tasks WHERE task = ?"},
		{&r.tasks, "SELECT task FROM tasks WHERE task > ? ORDER BY task LIMIT ?"}} {
		if *one.at, err = c.Prepare(one.sql); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return r, nil
}

// Read returns lines of a task in order, and whether the query has more. Where lines were removed because
// the log was too large, a line of attempt 0 says so. Errors: ErrClosed, those of the disk, ctx's.
func (s *Store) Read(ctx context.Context, id ulid.ULID, q Query) (lines []Line, more bool, err error) {
	r, err := s.reader(ctx)
	if err != nil {
		return nil, false, err
	}
	defer func() { s.readers <- r }()
	lines, more, err = r.read(id, q)
	if err != nil {
		return nil, false, fmt.Errorf("read a task log: %w", err)
	}
	return lines, more, nil
}

// Tasks lists up to n tasks that have logs, by id, after one. Errors: ErrClosed, those of the disk, ctx's.
func (s *Store) Tasks(ctx context.Context, after ulid.ULID, n int) (ids []ulid.ULID, err error) {
	r, err := s.reader(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { s.readers <- r }()
	ids, err = r.list(after, n)
	if err != nil {
		return nil, fmt.Errorf("list the task logs: %w", err)
	}
	return ids, nil
}

// reader is a connection that reads. It must be given back.
func (s *Store) reader(ctx context.Context) (*reader, error) {
	select {
	case r := <-s.readers:
		return r, nil
	case <-s.ended:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *reader) read(id ulid.ULID, q Query) (lines []Line, more bool, err error) {
	notice, err := r.removed(id)
	if err != nil {
		return nil, false, err
	}
	statement := r.up
	if q.Tail {
		statement = r.down
	}
	before, lowest, highest := int64(math.MaxInt64), int64(0), int64(math.MaxInt64)
	if q.Before > 0 {
		before = q.Before
	}
	if q.Attempt > 0 {
		lowest, highest = int64(q.Attempt), int64(q.Attempt)
	}
	limit, size := min(max(q.Limit, 1), maxPage), int64(0)
	dest := make([]driver.Value, 7)
	err = statement.Each(dest, func() error {
		if more = len(lines) == limit || size > maxBytes; more {
			return io.EOF
		}
		lines = append(lines, lineOf(dest))
		size += number(dest[6])
		return nil
	}, id[:], q.After, before, lowest, highest, int64(q.Level), int64(limit+1))
	if err != nil {
		return nil, false, err
	}
	if q.Tail {
		slices.Reverse(lines)
	}
	if notice != nil && q.After < notice.Number && notice.Number < before && !(q.Tail && more) {
		lines = slices.Insert(lines, 0, *notice)
	}
	return lines, more, nil
}

func (r *reader) list(after ulid.ULID, n int) (ids []ulid.ULID, err error) {
	dest := make([]driver.Value, 1)
	err = r.tasks.Each(dest, func() error {
		var id ulid.ULID
		if b, _ := dest[0].([]byte); copy(id[:], b) == len(id) {
			ids = append(ids, id)
		}
		return nil
	}, after[:], int64(n))
	return ids, err
}

func lineOf(row []driver.Value) Line {
	l := Line{Number: number(row[0]), Attempt: int(number(row[1]))}
	l.At, l.Level = time.UnixMicro(number(row[2])), slog.Level(number(row[3]))
	l.Text, _ = row[4].(string)
	if attributes, ok := row[5].(string); ok {
		l.Attributes = []byte(attributes)
	}
	return l
}

// removed is the line that says how many lines of a task were removed, nil if none were.
func (r *reader) removed(id ulid.ULID) (notice *Line, err error) {
	dest := make([]driver.Value, 3)
	err = r.status.Each(dest, func() error {
		n := number(dest[0])
		if n == 0 {
			return nil
		}
		notice = &Line{Number: number(dest[1]), Line: logline.Line{At: time.UnixMicro(number(dest[2])), Level: slog.LevelWarn,
			Text: fmt.Sprintf("%d older lines were removed: the log of a task keeps its newest %s", n, sizeText(r.maxTask))}}
		return nil
	}, id[:])
	return notice, err
}

// sizeText is a size for people.
func sizeText(bytes int64) string {
	if bytes%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d bytes", bytes)
}
