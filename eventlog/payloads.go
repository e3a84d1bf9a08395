package eventlog

import (
	"container/list"
	"context"
	"sync"
)

// Payloads is a cache of recent payload bodies in front of a log, bounded in bytes.
// The bodies are shared: nobody changes them.
type Payloads struct {
	log   Log
	limit int

	mu     sync.Mutex
	bytes  int                     // guarded by mu
	bySeq  map[int64]*list.Element // guarded by mu
	recent *list.List              // guarded by mu; front = newest use; of payloadEntry
}

type payloadEntry struct {
	seq  int64
	body []byte
}

// entryCost is what an entry costs beside its body, in bytes.
const entryCost = 160

// NewPayloads returns a cache of at most limit bytes in front of log.
func NewPayloads(log Log, limit int) *Payloads {
	return &Payloads{log: log, limit: limit, bySeq: make(map[int64]*list.Element), recent: list.New()}
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
	p.bySeq[seq] = p.recent.PushFront(payloadEntry{seq, body})
	p.bytes += cost
	for p.bytes > p.limit {
		p.drop(p.recent.Back())
	}
}

// Get returns the body of event seq, from the cache or from the log.
func (p *Payloads) Get(ctx context.Context, seq int64) ([]byte, error) {
	p.mu.Lock()
	if at, ok := p.bySeq[seq]; ok {
		p.recent.MoveToFront(at)
		p.mu.Unlock()
		return at.Value.(payloadEntry).body, nil
	}
	p.mu.Unlock()
	body, err := p.log.Payload(ctx, seq)
	if err == nil {
		p.Put(seq, body)
	}
	return body, err
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
		if at, ok := p.bySeq[seq]; ok {
			p.recent.MoveToFront(at)
			bodies[i] = at.Value.(payloadEntry).body
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
	if at, ok := p.bySeq[seq]; ok {
		p.drop(at)
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
	return p.recent.Len()
}

// drop removes an entry; mu is held.
func (p *Payloads) drop(at *list.Element) {
	e := p.recent.Remove(at).(payloadEntry)
	delete(p.bySeq, e.seq)
	p.bytes -= len(e.body) + entryCost
}
