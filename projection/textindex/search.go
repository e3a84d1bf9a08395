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

// Search returns the numbers of the documents that match, in descending order and without
// duplicates: at most limit numbers, all less than before (0 = no bound). If it returns fewer than limit,
// there are no more. It takes some 100 KiB, and the page cache of one connection.
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

// searcher is a reading connection with the buffers of a search.
type searcher struct {
	reader
	prefixFrom int // number of words from which on it looks for a row of their prefix
	wanted     []wanted
	hits, next bitmap
	cursor     cursor
	chunk      []int64 // one row of numbers
}

// wanted is a word of the query, and what the previous segment had of it.
type wanted struct {
	prefix []byte
	docs   int  // number of documents
	heavy  bool // there was a row for the prefix
}

// search reads all segments in one transaction, newest numbers first.
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

// searchSegment adds the matches of a segment to those found so far.
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

// match sets hits to the places of the documents that have all words, and reports whether there are
// any. It starts with the word that was rarest in the previous segment.
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

// collect adds the places of all documents that have the word to the set.
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
		if n++; n == s.prefixFrom {
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

// bound returns the number of documents of the segment whose number is less than before.
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
