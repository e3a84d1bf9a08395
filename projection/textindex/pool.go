package textindex

import (
	"context"
	"errors"
	"sync"

	"daybook/internal/sqlite"
)

// maxReaders is the maximum number of concurrent searches. Others wait.
const maxReaders = 4

// pool has the reading connections. They are opened on demand.
type pool struct {
	path       string
	prefixFrom int           // of its searchers
	room       chan struct{} // one value per connection that may be acquired

	mu     sync.Mutex
	idle   []*searcher
	closed bool
}

func newPool(path string, l limits) *pool {
	p := &pool{path: path, prefixFrom: max(1, l.heavy/4), room: make(chan struct{}, maxReaders)}
	for range maxReaders {
		p.room <- struct{}{}
	}
	return p
}

// errClosed: the index was closed before the search.
var errClosed = errors.New("the text index is closed")

func (p *pool) acquire(ctx context.Context) (*searcher, error) {
	select {
	case <-p.room:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s, err := p.connection()
	if err != nil {
		p.room <- struct{}{}
	}
	return s, err
}

func (p *pool) connection() (*searcher, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	if n := len(p.idle); n > 0 {
		s := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return s, nil
	}
	c, err := sqlite.ConnectSummed(p.path, "mode=ro&_query_only=1&_cache_size=-2048", pageSize)
	if err != nil {
		return nil, err
	}
	s := &searcher{prefixFrom: p.prefixFrom}
	if err := s.prepare(c); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return s, nil
}

// release returns a connection to the pool. If its transaction has not ended, it closes the connection.
func (p *pool) release(s *searcher) error {
	var err error
	if s.c.AutoCommit() {
		p.mu.Lock()
		p.idle = append(p.idle, s)
		p.mu.Unlock()
	} else {
		err = s.c.Close()
	}
	p.room <- struct{}{}
	return err
}

// close waits for all connections and closes them.
func (p *pool) close() error {
	p.mu.Lock()
	closed := p.closed
	p.closed = true
	p.mu.Unlock()
	if closed {
		return nil
	}
	for range maxReaders {
		<-p.room
	}
	var errs []error
	for _, s := range p.idle {
		errs = append(errs, s.c.Close())
	}
	for range maxReaders {
		p.room <- struct{}{} // so that a later search gets errClosed
	}
	return errors.Join(errs...)
}
