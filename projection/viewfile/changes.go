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
	blocks map[int64][]entry // by key, in the order of their coming
	n      int               // entries in blocks
	keys   []keyChange
	zones  map[int64]*zone

	old, merged []entry // room
	columns     columns
	free        [][]entry
}

// maxChanges is how many entries wait in memory before a batch writes them.
const maxChanges = 1 << 20

type keyChange struct {
	hash, seq int64
	gone      bool
}

type zone struct{ least, most ulid.ULID }

func newChanges() *changes {
	return &changes{blocks: map[int64][]entry{}, zones: map[int64]*zone{}}
}

// entryOf returns the entry of an archived row.
func entryOf(r *Row) entry {
	return entry{at: uint16(r.Task.SubmitSeq), facet: facetOf(r), run: runCode(&r.Task), last: r.Task.LastSeq}
}

// note takes a task into the indexes, or, when it is gone, out of them. tags are the
// terms of its tags, key the hash of its idempotency key, 0 without one.
func (c *changes) note(seq int64, e entry, tags []int64, key int64) {
	chunk := chunkOf(seq)
	c.add(keyOf(termAll, chunk), e)
	c.add(keyOf(facetTerm(e.facet), chunk), e)
	if e.run != 0 {
		c.add(keyOf(runTerm(bucketOf(runOf(e.run))), chunk), e)
	}
	for _, term := range tags {
		c.add(keyOf(term, chunk), e)
	}
	if key != 0 {
		c.keys = append(c.keys, keyChange{key, seq, e.gone})
	}
}

func (c *changes) add(key int64, e entry) {
	list, ok := c.blocks[key]
	if !ok && len(c.free) > 0 {
		list = c.free[len(c.free)-1]
		c.free = c.free[:len(c.free)-1]
	}
	c.blocks[key] = append(list, e)
	c.n++
}

func (c *changes) widen(chunk int64, id ulid.ULID) {
	z := c.zones[chunk]
	if z == nil {
		c.zones[chunk] = &zone{id, id}
		return
	}
	if bytes.Compare(id[:], z.least[:]) < 0 {
		z.least = id
	}
	if bytes.Compare(id[:], z.most[:]) > 0 {
		z.most = id
	}
}

// flush writes all that waits. The counts of terms go into t.
func (c *changes) flush(w *writer, t *totals) error {
	sums := map[int64]int64{}
	for _, key := range slices.Sorted(maps.Keys(c.blocks)) {
		more, err := c.flushBlock(w, key)
		if err != nil {
			return err
		}
		term, _ := split(key)
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
	for chunk, z := range c.zones {
		if err := w.putZone.run(chunk, z.least[:], z.most[:]); err != nil {
			return err
		}
	}
	if err := c.flushKeys(w); err != nil {
		return err
	}
	return c.clear()
}

func (c *changes) clear() error {
	clear(c.blocks)
	clear(c.zones)
	c.n, c.keys = 0, c.keys[:0]
	return nil
}

// flushBlock merges the changes of one block into it; more is by how many tasks it grew.
func (c *changes) flushBlock(w *writer, key int64) (more int, err error) {
	term, chunk := split(key)
	found, err := w.getBlock.row(w.dest[:5], key)
	if err != nil {
		return 0, err
	}
	news := inOrder(c.blocks[key])
	c.free = append(c.free, c.blocks[key][:0])
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
		return more, w.dropBlock.run(key)
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
	return more, w.putBlock.run(key, newest, c.columns.seqs, facets, c.columns.runs, lasts)
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
