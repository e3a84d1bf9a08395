package viewfile

import (
	"bytes"
	"cmp"
	"database/sql/driver"
	"maps"
	"slices"

	"github.com/oklog/ulid/v2"
)

// changes is what a batch has yet to write of the indexes.
type changes struct {
	chunks map[int64]*chunkChanges
	latest *chunkChanges // of the chunk that came last
	n      int           // entries
	keys   []keyChange

	spare             []*chunkChanges // of earlier batches, empty
	list              []block         // room
	old, news, merged []entry
	columns           columns
}

// chunkChanges is the changes of the blocks of one chunk, in the order of their coming.
type chunkChanges struct {
	chunk       int64
	all         []entry
	facets      map[uint32]indices
	runs        [runBuckets]indices
	wides       [runBuckets/wideSpan + 1]indices
	states      []indices // by status
	tags        map[int64]indices
	zoned       bool // some came, with ids from least to most
	least, most ulid.ULID
}

// indices say where in all the changes of one block are.
type indices []uint32

const (
	// maxChanges is how many entries wait in memory before a batch writes them.
	maxChanges = 1 << 20
	// A chunk in which a batch changed no more than spareEntries, of no more than
	// spareTags tags, leaves its room to a later one: spareChunks do.
	spareEntries = chunkSize
	spareTags    = 1 << 10
	spareChunks  = 4
)

type keyChange struct {
	hash, seq int64
	gone      bool
}

func newChanges() *changes { return &changes{chunks: map[int64]*chunkChanges{}} }

// of returns the changes of a chunk.
func (c *changes) of(chunk int64) *chunkChanges {
	if c.latest != nil && c.latest.chunk == chunk {
		return c.latest
	}
	of := c.chunks[chunk]
	if of == nil {
		of = c.empty()
		of.chunk = chunk
		c.chunks[chunk] = of
	}
	c.latest = of
	return of
}

// empty returns one that is spare, or a new one.
func (c *changes) empty() *chunkChanges {
	n := len(c.spare) - 1
	if n < 0 {
		return &chunkChanges{facets: map[uint32]indices{}, states: make([]indices, FacetSpan), tags: map[int64]indices{}}
	}
	of := c.spare[n]
	c.spare = c.spare[:n]
	return of
}

// clear forgets all changes, and keeps some of their room.
func (c *changes) clear() {
	for _, of := range c.chunks {
		if len(c.spare) < spareChunks && cap(of.all) <= spareEntries && len(of.tags) <= spareTags {
			of.clear()
			c.spare = append(c.spare, of)
		}
	}
	clear(c.chunks)
	c.latest, c.n, c.keys = nil, 0, c.keys[:0]
	clear(c.list)
}

// shrink lets go of room that few batches need.
func (c *changes) shrink() {
	if cap(c.list) > spareEntries {
		c.list = nil
	}
	if cap(c.keys) > spareEntries {
		c.keys = nil
	}
}

func (of *chunkChanges) clear() {
	of.all, of.zoned, of.least, of.most = of.all[:0], false, ulid.ULID{}, ulid.ULID{}
	for facet, indices := range of.facets {
		of.facets[facet] = indices[:0]
	}
	for term, indices := range of.tags {
		of.tags[term] = indices[:0]
	}
	for _, list := range [...][]indices{of.runs[:], of.wides[:], of.states} {
		for i := range list {
			list[i] = list[i][:0]
		}
	}
}

// entryOf returns the entry of an archived row.
func entryOf(r *Row) entry {
	return entry{at: uint16(r.Task.SubmitSeq), facet: facetOf(r), run: runCode(&r.Task), last: r.Task.LastSeq}
}

// note takes a task into the indexes, or, when it is gone, out of them. tags are the
// terms of its tags, key the hash of its idempotency key, 0 without one.
func (c *changes) note(seq int64, e entry, tags []int64, key int64) {
	of := c.of(chunkOf(seq))
	at := uint32(len(of.all))
	of.all = append(of.all, e)
	of.facets[e.facet] = append(of.facets[e.facet], at)
	of.states[e.facet%FacetSpan] = append(of.states[e.facet%FacetSpan], at)
	if e.run != 0 {
		bucket := bucketOf(runOf(e.run))
		of.runs[bucket] = append(of.runs[bucket], at)
		of.wides[bucket/wideSpan] = append(of.wides[bucket/wideSpan], at)
	}
	for _, term := range tags {
		of.tags[term] = append(of.tags[term], at)
	}
	c.n += 5 + len(tags)
	if key != 0 {
		c.keys = append(c.keys, keyChange{key, seq, e.gone})
	}
}

// widen takes the id into the zone of the chunk.
func (c *changes) widen(seq int64, id ulid.ULID) {
	of := c.of(chunkOf(seq))
	if !of.zoned || bytes.Compare(id[:], of.least[:]) < 0 {
		of.least = id
	}
	if bytes.Compare(id[:], of.most[:]) > 0 {
		of.most = id
	}
	of.zoned = true
}

// block is the changes of one block.
type block struct {
	key     int64
	of      *chunkChanges
	indices indices // in the list of all; not for the block of all
}

// blocks lists the changes of all blocks by key.
func (c *changes) blocks() []block {
	list := c.list[:0]
	for chunk, of := range c.chunks {
		add := func(term int64, indices indices) {
			if len(indices) > 0 {
				list = append(list, block{keyOf(term, chunk), of, indices})
			}
		}
		if len(of.all) > 0 {
			list = append(list, block{key: keyOf(termAll, chunk), of: of})
		}
		for facet, indices := range of.facets {
			add(facetTerm(facet), indices)
		}
		for bucket, indices := range of.runs {
			add(runTerm(bucket), indices)
		}
		for wide, indices := range of.wides {
			add(wideTerm(wide), indices)
		}
		for status, indices := range of.states {
			add(statusTerm(uint32(status)), indices)
		}
		for term, indices := range of.tags {
			add(term, indices)
		}
	}
	slices.SortFunc(list, func(a, b block) int { return cmp.Compare(a.key, b.key) })
	c.list = list
	return list
}

// appendTo appends the changes to dst.
func (b *block) appendTo(dst []entry) []entry {
	if b.indices == nil {
		return append(dst, b.of.all...)
	}
	for _, at := range b.indices {
		dst = append(dst, b.of.all[at])
	}
	return dst
}

// flushFull writes all that waits if it is too much.
func (c *changes) flushFull(w *writer, t *totals) error {
	if c.n < maxChanges {
		return nil
	}
	return c.flush(w, t)
}

// flush writes all that waits. The counts of terms go into t.
func (c *changes) flush(w *writer, t *totals) error {
	sums := map[int64]int64{}
	for _, b := range c.blocks() {
		more, err := c.flushBlock(w, b)
		if err != nil {
			return err
		}
		term, _ := split(b.key)
		sums[term] += int64(more)
	}
	for _, term := range slices.Sorted(maps.Keys(sums)) {
		put := w.addTerm
		if kindOf(term) == kindTag {
			put = w.addTag
		}
		if err := put.run(term, sums[term]); err != nil {
			return err
		}
		t.add(term, sums[term])
	}
	for chunk, of := range c.chunks {
		if !of.zoned {
			continue
		}
		if err := w.putZone.run(chunk, of.least[:], of.most[:]); err != nil {
			return err
		}
	}
	if err := c.flushKeys(w); err != nil {
		return err
	}
	c.clear()
	return nil
}

// flushBlock merges the changes of one block into it; more is by how many tasks it grew.
func (c *changes) flushBlock(w *writer, b block) (more int, err error) {
	term, chunk := split(b.key)
	found, err := w.getBlock.row(w.dest[:5], b.key)
	if err != nil {
		return 0, err
	}
	c.news = b.appendTo(c.news[:0])
	news := inOrder(c.news)
	c.old = c.old[:0]
	newest := int64(0)
	if found {
		was := columnsOf(w.dest[:5])
		newest = was.newest
		if c.old, err = was.decode(c.old, term, chunk); err != nil {
			return 0, err
		}
	}
	c.merged = merge(c.merged[:0], c.old, news)
	more = len(c.merged) - len(c.old)
	if len(c.merged) == 0 {
		return more, w.dropBlock.run(b.key)
	}
	for i := range news {
		if !news[i].gone {
			newest = max(newest, news[i].last)
		}
	}
	c.columns.encode(c.merged, term, chunk)
	var facets, lasts driver.Value
	if kindOf(term) != kindFacet {
		facets = c.columns.facets
	}
	if kindOf(term) == termAll {
		lasts = c.columns.lasts
	}
	return more, w.putBlock.run(b.key, newest, c.columns.seqs, facets, c.columns.runs, lasts)
}

func columnsOf(v []driver.Value) columns {
	newest := intOf(v[0])
	return columns{newest, bytesOf(v[1]), bytesOf(v[2]), bytesOf(v[3]), bytesOf(v[4])}
}

// epochBits: an epoch is 2^21 seqs.
const epochBits = 21

func (c *changes) flushKeys(w *writer) error {
	slices.SortStableFunc(c.keys, func(a, b keyChange) int {
		return cmp.Or(cmp.Compare(a.seq>>epochBits, b.seq>>epochBits), cmp.Compare(a.hash, b.hash), cmp.Compare(a.seq, b.seq))
	})
	for _, k := range c.keys {
		put := w.putKey
		if k.gone {
			put = w.dropKey
		}
		if err := put.run(k.seq>>epochBits, k.hash, k.seq); err != nil {
			return err
		}
	}
	return nil
}
