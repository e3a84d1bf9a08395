package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"daybook/eventlog"
	"daybook/internal/sqlite"
)

// readers is how many connections read at the same time.
const readers = 4

// reader is one connection that reads, with its statements.
type reader struct {
	c                         *sqlite.Conn
	page, filtered, one, hash *sqlite.Stmt
	scan, bodies              *sqlite.Query
	latest                    int    // bytes of the latest chunk of a scan
	room                      []byte // for the next rows of bodies
}

// columns of an event as decode takes them; data as a BLOB spares a copy.
const columns = "seq, at, stream, version, type, v, actor, CAST(data AS BLOB), payload_hash, hash"

// A seq or a limit is "?1 + 0": for a bare parameter SQLite looks at the value when it
// plans, and then plans again each time the driver clears it.
const (
	pageSQL = "SELECT " + columns + " FROM events WHERE seq > ?1 + 0 AND seq <= ?2 + 0 ORDER BY seq LIMIT ?3 + 0"
	// Each list is a JSON array or NULL, which takes everything.
	filteredSQL = "SELECT " + columns + ` FROM events WHERE seq > ?1 + 0 AND seq <= ?2 + 0
		AND (?4 IS NULL OR stream IN (SELECT value FROM json_each(?4)))
		AND (?5 IS NULL OR type IN (SELECT value FROM json_each(?5)))
		AND (?6 IS NULL OR actor IN (SELECT value FROM json_each(?6)))
		ORDER BY seq LIMIT ?3 + 0`
	oneSQL = "SELECT " + columns + " FROM events WHERE seq = ?1 + 0"
	// The seqs are a JSON array; a row comes for each of them, in its order.
	bodiesSQL = `SELECT e.seq, e.payload_hash, p.salt, p.body
		FROM json_each(?1) j LEFT JOIN events e ON e.seq = j.value LEFT JOIN payloads p ON p.seq = e.seq`
	bodiesColumns = "ibbb"
	hashSQL       = "SELECT hash FROM events WHERE seq = ?1 + 0"
)

func newReader(c *sqlite.Conn) (*reader, error) {
	r := &reader{c: c}
	for _, p := range []struct {
		to  **sqlite.Stmt
		sql string
	}{
		{&r.page, pageSQL}, {&r.filtered, filteredSQL}, {&r.one, oneSQL},
		{&r.hash, hashSQL},
	} {
		s, err := c.Prepare(p.sql)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		*p.to = s
	}
	var err, more error
	r.scan, err = c.PrepareQuery(scanSQL, scanColumns)
	r.bodies, more = c.PrepareQuery(bodiesSQL, bodiesColumns)
	if err = errors.Join(err, more); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return r, nil
}

// pool holds the readers. Release one after a short page.
type pool struct {
	idle   chan *reader
	closed chan struct{}
	once   sync.Once
	count  int // readers that exist; changed only by open, pause and close, which are not concurrent
}

func newPool() *pool {
	return &pool{idle: make(chan *reader, readers), closed: make(chan struct{})}
}

// open fills the pool.
func (p *pool) open(connect func() (*sqlite.Conn, error)) error {
	for range readers {
		c, err := connect()
		if err != nil {
			return errors.Join(fmt.Errorf("open a reading connection: %w", err), p.pause())
		}
		r, err := newReader(c)
		if err != nil {
			return errors.Join(fmt.Errorf("open a reading connection: %w", err), p.pause())
		}
		p.idle <- r
		p.count++
	}
	return nil
}

// pause waits for all readers and closes them; open fills the pool again.
func (p *pool) pause() error {
	var errs []error
	for ; p.count > 0; p.count-- {
		r := <-p.idle
		errs = append(errs, r.c.Close())
	}
	return errors.Join(errs...)
}

// close ends the pool: acquire returns ErrClosed from now on.
func (p *pool) close() error {
	p.once.Do(func() { close(p.closed) })
	return p.pause()
}

func (p *pool) acquire(ctx context.Context) (*reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-p.closed:
		return nil, eventlog.ErrClosed
	default:
	}
	select {
	case r := <-p.idle:
		return r, nil
	case <-p.closed:
		return nil, eventlog.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pool) release(r *reader) { p.idle <- r }
