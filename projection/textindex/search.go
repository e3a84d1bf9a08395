package textindex

import (
	"bytes"
	"cmp"
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Search returns the numbers below before (0: all) of documents that match, the largest
// first, each once, at most limit. Fewer than limit are all there are. It takes some
// 100 KiB beside them and the page cache of one connection.
func (x *Index) Search(ctx context.Context, q Query, before int64, limit int) ([]int64, error) {
	if q.Empty() || limit <= 0 {
		return nil, nil
	}
	if before == 0 {
		before = math.MaxInt64
	}
	s, err := x.pool.acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("search the text index: %w", unusable(err))
	}
	numbers, err := s.search(ctx, q, before, limit)
	err = errors.Join(err, x.pool.release(s))
	if err != nil {
		return nil, fmt.Errorf("search the text index: %w", unusable(err))
	}
	return numbers, nil
}

// searcher is a connection that reads, with room for what a search holds.
type searcher struct {
	reader
	many       int // words after which it is worth to ask for a row of the prefix
	wanted     []wanted
	hits, next bitmap
	cursor     cursor
	chunk      []int64 // numbers of one row
}

// wanted is a word of the query and what the last segment taught of it.
type wanted struct {
	prefix []byte
	docs   int  // how many had it
	heavy  bool // there was a row for it
}

// search sees one state of the file, from the first segment to the last.
func (s *searcher) search(ctx context.Context, q Query, before int64, limit int) (found []int64, err error) {
	if err := s.c.Do("BEGIN"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.c.Do("COMMIT")) }()
	rows, err := s.segments.Query(before)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	s.wanted = s.wanted[:0]
	for _, word := range q.words {
		s.wanted = append(s.wanted, wanted{prefix: []byte(word)})
	}
	row := make([]driver.Value, 7)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := rows.Next(row); err == io.EOF {
			return found, nil
		} else if err != nil {
			return nil, err
		}
		g := readSegment(row)
		if len(found) == limit && g.highest <= found[limit-1] {
			return found, nil
		}
		if found, err = s.searchSegment(found, g, before, limit); err != nil {
			return nil, err
		}
	}
}

// searchSegment joins what a segment has to what was found.
func (s *searcher) searchSegment(found []int64, g segment, before int64, limit int) ([]int64, error) {
	if g.docs < 1 || g.docs > maxDocs {
		return nil, damaged("a segment of %d documents", g.docs)
	}
	if any, err := s.match(g); err != nil || !any {
		return found, err
	}
	bound := g.docs
	if before <= g.highest {
		var err error
		if bound, err = s.bound(g, before); err != nil {
			return nil, err
		}
	}
	old := len(found)
	chunk := -1
	for p := s.hits.below(bound); p >= 0 && len(found)-old < limit; p = s.hits.below(p) {
		if p/perRow != chunk {
			chunk = p / perRow
			var err error
			if s.chunk, err = s.readNumbers(s.chunk[:0], g.id, chunk); err != nil {
				return nil, err
			}
		}
		if p%perRow >= len(s.chunk) {
			return nil, damaged("no number at place %d", p)
		}
		found = append(found, s.chunk[p%perRow])
	}
	if old > 0 && len(found) > old {
		slices.SortFunc(found, func(a, b int64) int { return cmp.Compare(b, a) })
		found = slices.Compact(found)
	}
	return found[:min(len(found), limit)], nil
}

// match leaves in hits the places of the documents that have all words, and tells
// whether there are any. The word that was rarest in the segment before comes first.
func (s *searcher) match(g segment) (bool, error) {
	slices.SortStableFunc(s.wanted, func(a, b wanted) int { return cmp.Compare(a.docs, b.docs) })
	for i := range s.wanted {
		into := &s.next
		if i == 0 {
			into = &s.hits
		}
		clear(into[:])
		w := &s.wanted[i]
		if err := s.collect(into, g, w); err != nil {
			return false, err
		}
		w.docs = into.count()
		if i > 0 {
			s.hits.and(into)
		}
		if s.hits.below(g.docs) < 0 {
			return false, nil
		}
	}
	return true, nil
}

// collect puts the places of all documents that have the word into the set.
func (s *searcher) collect(set *bitmap, g segment, w *wanted) (err error) {
	if w.heavy {
		if w.heavy, err = s.ofPrefix(set, g, w.prefix); w.heavy || err != nil {
			return err
		}
	}
	c := &s.cursor
	if err := s.from(c, g, w.prefix); err != nil {
		return err
	}
	for n := 0; ; {
		ok, err := c.next()
		if err != nil || !ok {
			return err
		}
		if !bytes.HasPrefix(c.current(), w.prefix) {
			if bytes.Compare(c.current(), w.prefix) > 0 {
				return nil
			}
			continue
		}
		if n++; n == s.many {
			if w.heavy, err = s.ofPrefix(set, g, w.prefix); w.heavy || err != nil {
				return err
			}
		}
		body, err := s.placesOf(&c.blockReader, g.id)
		if err != nil {
			return err
		}
		if err := set.add(c.form, body, g.docs); err != nil {
			return err
		}
	}
}

// bound returns how many documents of the segment have a number below before.
func (s *searcher) bound(g segment, before int64) (int, error) {
	value, err := s.value(s.firsts, g.id)
	if err != nil {
		return 0, err
	}
	firsts, _ := value.([]byte)
	row := -1
	for len(firsts) > 0 {
		n, size := binary.Varint(firsts)
		if size <= 0 {
			return 0, damaged("numbers end too soon")
		}
		if n >= before {
			break
		}
		row++
		firsts = firsts[size:]
	}
	if row < 0 {
		return 0, nil
	}
	if s.chunk, err = s.readNumbers(s.chunk[:0], g.id, row); err != nil {
		return 0, err
	}
	at, _ := slices.BinarySearch(s.chunk, before)
	return row*perRow + at, nil
}
