package eventlog

import (
	"context"
	"errors"
	"sync"
)

// Payloads is a cache of recent payload bodies in front of a log, bounded in bytes.
// The bodies are shared: nobody changes them.
type Payloads struct {
	log   Log
	limit int

	mu    sync.Mutex
	bytes int                     // guarded by mu
	bySeq map[int64]*payloadEntry // guarded by mu
	ring  payloadEntry            // guarded by mu; next is the newest use, previous the oldest
	bad   map[int64]struct{}      // guarded by mu; seqs of events whose payloads were found damaged
	spare *payloadEntry           // guarded by mu; the one dropped last, for the next one
}

// payloadEntry is a body in the ring of uses.
type payloadEntry struct {
	seq            int64
	body           []byte
	next, previous *payloadEntry
}

// entryCost is what an entry costs beside its body, in bytes.
const entryCost = 160

// NewPayloads returns a cache of at most limit bytes in front of log.
func NewPayloads(log Log, limit int) *Payloads {
	p := &Payloads{log: log, limit: limit, bySeq: make(map[int64]*payloadEntry)}
	p.ring.next, p.ring.previous = &p.ring, &p.ring
	return p
}

// Put remembers the body of event seq.
func (p *Payloads) Put(seq int64, body []byte) {
	cost := len(body) + entryCost
	if cost > p.limit/8 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.bySeq[seq]; ok {
		return
	}
	for p.bytes += cost; p.bytes > p.limit; {
		p.drop(p.ring.previous)
	}
	e := p.spare
	if p.spare = nil; e == nil {
		e = new(payloadEntry)
	}
	e.seq, e.body = seq, body
	p.bySeq[seq] = e
	p.use(e)
}

// Get returns the body of event seq, from the cache or from the log.
func (p *Payloads) Get(ctx context.Context, seq int64) ([]byte, error) {
	p.mu.Lock()
	if e, ok := p.bySeq[seq]; ok {
		p.useAgain(e)
		body := e.body
		p.mu.Unlock()
		return body, nil
	}
	p.mu.Unlock()
	body, err := p.log.Payload(ctx, seq)
	if err == nil {
		p.Put(seq, body)
	}
	p.Note(seq, err)
	return body, err
}

// mostBad is how many damaged payloads are remembered.
const mostBad = 10_000

// Note remembers that the payload of event seq is damaged, if err says so.
func (p *Payloads) Note(seq int64, err error) {
	if !errors.Is(err, ErrDamaged) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bad == nil {
		p.bad = make(map[int64]struct{})
	}
	if len(p.bad) < mostBad {
		p.bad[seq] = struct{}{}
	}
}

// Damaged is how many payloads were found damaged since the start, 10,000 at most, and the
// event of the first of them; 0 when none was. Only what was read is known.
func (p *Payloads) Damaged() (n int, first int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for seq := range p.bad {
		if first == 0 || seq < first {
			first = seq
		}
	}
	return len(p.bad), first
}

// GetMany calls fn once for each of the seqs, with its index and what Get has for it: first
// for those in the cache, then for the others, which come from the log by one call. Errors:
// those of Log.Payloads.
func (p *Payloads) GetMany(ctx context.Context, seqs []int64, fn func(i int, body []byte, err error) error) error {
	bodies, missing := p.cached(seqs)
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
	return p.log.Payloads(ctx, others, func(k int, body []byte, err error) error {
		if err == nil {
			p.Put(others[k], body)
		}
		p.Note(others[k], err)
		return fn(missing[k], body, err)
	})
}

// cached returns the bodies that are in the cache, nil for the others, and the indexes
// of the others.
func (p *Payloads) cached(seqs []int64) (bodies [][]byte, missing []int) {
	bodies = make([][]byte, len(seqs))
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, seq := range seqs {
		if e, ok := p.bySeq[seq]; ok {
			p.useAgain(e)
			bodies[i] = e.body
		}
		if bodies[i] == nil {
			missing = append(missing, i)
		}
	}
	return bodies, missing
}

// Forget drops the body of event seq, because it was erased.
func (p *Payloads) Forget(seq int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.bySeq[seq]; ok {
		p.drop(e)
	}
}

// Bytes is what the cache holds now, its own bookkeeping included.
func (p *Payloads) Bytes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes
}

// Len is how many bodies the cache holds now.
func (p *Payloads) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.bySeq)
}

// use makes the entry the newest use; mu is held.
func (p *Payloads) use(e *payloadEntry) {
	e.next, e.previous = p.ring.next, &p.ring
	e.next.previous, e.previous.next = e, e
}

func (p *Payloads) useAgain(e *payloadEntry) {
	e.leave()
	p.use(e)
}

func (e *payloadEntry) leave() { e.next.previous, e.previous.next = e.previous, e.next }

// drop removes an entry; mu is held.
func (p *Payloads) drop(e *payloadEntry) {
	e.leave()
	delete(p.bySeq, e.seq)
	p.bytes -= len(e.body) + entryCost
	*e = payloadEntry{}
	p.spare = e
}
