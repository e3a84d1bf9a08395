// Package payloadcache keeps the payloads of recent events in memory, in front of a log, and
// remembers which payloads were found damaged. It holds a bounded number of bytes and drops the
// payload that was unused for the longest time first. It never writes to the log.
package payloadcache

import (
	"context"
	"errors"
	"sync"

	"daybook/eventlog"
)

// Cache holds recent payloads of a log. They are shared: nobody changes them. Its methods may be
// called from any goroutine.
type Cache struct {
	log   eventlog.Log
	limit int

	mu      sync.Mutex
	bytes   int                // guarded by mu
	bySeq   map[int64]*entry   // guarded by mu
	ring    entry              // guarded by mu; next is the latest used, previous the longest unused
	damaged map[int64]struct{} // guarded by mu; seqs of events whose payloads were found damaged
	erased  uint64             // guarded by mu; how often payloads were erased
	spare   *entry             // guarded by mu; the entry dropped last, to be used again
}

// entry is a payload in the ring, which is in the order of use.
type entry struct {
	seq            int64
	body           []byte
	next, previous *entry
}

// entryCost is what an entry costs beside its body, in bytes.
const entryCost = 160

// New returns a cache of at most limit bytes in front of log. It drops what is erased from the log.
func New(log eventlog.Log, limit int) *Cache {
	c := &Cache{log: log, limit: limit, bySeq: make(map[int64]*entry)}
	c.ring.next, c.ring.previous = &c.ring, &c.ring
	log.OnErased(c.forget)
	return c
}

// Put remembers the body of event seq, which was just appended.
func (c *Cache) Put(seq int64, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(seq, body)
}

// put remembers a body; mu is held.
func (c *Cache) put(seq int64, body []byte) {
	cost := len(body) + entryCost
	if _, ok := c.bySeq[seq]; ok || cost > c.limit/8 {
		return
	}
	for c.bytes += cost; c.bytes > c.limit; {
		c.drop(c.ring.previous)
	}
	e := c.spare
	if c.spare = nil; e == nil {
		e = new(entry)
	}
	e.seq, e.body = seq, body
	c.bySeq[seq] = e
	c.use(e)
}

// Get returns the body of event seq, from the cache or from the log.
func (c *Cache) Get(ctx context.Context, seq int64) ([]byte, error) {
	c.mu.Lock()
	if e, ok := c.bySeq[seq]; ok {
		c.moveToFront(e)
		body := e.body
		c.mu.Unlock()
		return body, nil
	}
	erased := c.erased
	c.mu.Unlock()
	body, err := c.log.Payload(ctx, seq)
	if err == nil {
		c.keep(seq, body, erased)
	}
	c.Note(seq, err)
	return body, err
}

// keep remembers a body that was read when so many erasures were known: it may have been erased since.
func (c *Cache) keep(seq int64, body []byte, erased uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.erased == erased {
		c.put(seq, body)
	}
}

// maxDamaged is how many damaged payloads are remembered.
const maxDamaged = 10_000

// Note remembers that the payload of event seq is damaged, if err says so.
func (c *Cache) Note(seq int64, err error) {
	if !errors.Is(err, eventlog.ErrDamaged) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.damaged == nil {
		c.damaged = make(map[int64]struct{})
	}
	if len(c.damaged) < maxDamaged {
		c.damaged[seq] = struct{}{}
	}
}

// Damaged is how many payloads were found damaged since the start, 10,000 at most, and the
// event of the first of them; 0 when none was. Only what was read is known.
func (c *Cache) Damaged() (n int, first int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for seq := range c.damaged {
		if first == 0 || seq < first {
			first = seq
		}
	}
	return len(c.damaged), first
}

// GetMany calls fn once for each of the seqs, with its index and what Get has for it: first
// for those in the cache, then for the others, which come from the log by one call. Errors:
// those of Log.Payloads.
func (c *Cache) GetMany(ctx context.Context, seqs []int64, fn func(i int, body []byte, err error) error) error {
	bodies, missing, erased := c.cached(seqs)
	for i, body := range bodies {
		if body == nil {
			continue
		}
		if err := fn(i, body, nil); err != nil {
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	others := make([]int64, len(missing))
	for k, i := range missing {
		others[k] = seqs[i]
	}
	return c.log.Payloads(ctx, others, func(k int, body []byte, err error) error {
		if err == nil {
			c.keep(others[k], body, erased)
		}
		c.Note(others[k], err)
		return fn(missing[k], body, err)
	})
}

// cached returns the bodies that are in the cache, nil for the others, the indexes of the others, and how many erasures
// are known.
func (c *Cache) cached(seqs []int64) (bodies [][]byte, missing []int, erased uint64) {
	bodies = make([][]byte, len(seqs))
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, seq := range seqs {
		if e, ok := c.bySeq[seq]; ok {
			c.moveToFront(e)
			bodies[i] = e.body
		}
		if bodies[i] == nil {
			missing = append(missing, i)
		}
	}
	return bodies, missing, c.erased
}

// forget drops bodies that were erased.
func (c *Cache) forget(seqs []int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erased++
	for _, seq := range seqs {
		if e, ok := c.bySeq[seq]; ok {
			c.drop(e)
		}
	}
}

// Bytes is what the cache holds now, its own bookkeeping included.
func (c *Cache) Bytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// Len is how many bodies the cache holds now.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.bySeq)
}

// use puts a new entry into the ring as the latest used; mu is held.
func (c *Cache) use(e *entry) {
	e.next, e.previous = c.ring.next, &c.ring
	e.next.previous, e.previous.next = e, e
}

// moveToFront makes an entry the latest used; mu is held.
func (c *Cache) moveToFront(e *entry) {
	e.leave()
	c.use(e)
}

// leave takes the entry out of the ring.
func (e *entry) leave() { e.next.previous, e.previous.next = e.previous, e.next }

// drop removes an entry; mu is held.
func (c *Cache) drop(e *entry) {
	e.leave()
	delete(c.bySeq, e.seq)
	c.bytes -= len(e.body) + entryCost
	*e = entry{}
	c.spare = e
}
