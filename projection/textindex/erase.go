package textindex

import (
	"context"
	"database/sql/driver"
	"slices"
)

// splitErased returns the documents to add, and the numbers of those that were erased, in order.
func splitErased(docs []Doc) (add []Doc, erased []int64) {
	if !slices.ContainsFunc(docs, func(d Doc) bool { return d.Erased }) {
		return docs, nil
	}
	for _, d := range docs {
		if d.Erased {
			erased = append(erased, d.Number)
		} else {
			add = append(add, d)
		}
	}
	slices.Sort(erased)
	return add, erased
}

// erase writes each segment again that has one of the documents, without it.
func (w *writer) erase(ctx context.Context, s *state, numbers []int64) error {
	if len(numbers) == 0 {
		return nil
	}
	all, err := w.segmentsOf(numbers)
	if err != nil {
		return err
	}
	erased := make(map[int64]bool, len(numbers))
	for _, n := range numbers {
		erased[n] = true
	}
	for _, old := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		has, err := w.hasAny(old, erased)
		if err != nil {
			return err
		}
		if !has {
			continue
		}
		g, err := w.mergeRun(s, []segment{old}, erased)
		if err == nil {
			err = w.remove(old)
		}
		if err != nil {
			return err
		}
		s.docs -= int64(old.docs)
		if at := slices.IndexFunc(s.open, func(o segment) bool { return o.id == old.id }); at >= 0 && g.docs > 0 {
			s.open[at] = g
		} else if at >= 0 {
			s.open = slices.Delete(s.open, at, at+1)
		}
	}
	return nil
}

// segmentsOf are the segments that may have documents with these numbers, which are in order.
func (w *writer) segmentsOf(numbers []int64) (found []segment, err error) {
	row := make([]driver.Value, 7)
	err = w.overlap.Each(row, func() error {
		g := readSegment(row)
		if at, _ := slices.BinarySearch(numbers, g.lowest); at < len(numbers) && numbers[at] <= g.highest {
			found = append(found, g)
		}
		return nil
	}, numbers[0], numbers[len(numbers)-1])
	return found, err
}

// hasAny reports whether a segment has one of the documents.
func (w *writer) hasAny(g segment, of map[int64]bool) (bool, error) {
	var numbers []int64
	for row := range (g.docs + perRow - 1) / perRow {
		var err error
		if numbers, err = w.read.readNumbers(numbers[:0], g.id, row); err != nil {
			return false, err
		}
		if slices.ContainsFunc(numbers, func(n int64) bool { return of[n] }) {
			return true, nil
		}
	}
	return false, nil
}

// emptyWAL copies the WAL into the database and empties it. It waits for searches, for some seconds; then the next erasure does it.
func (w *writer) emptyWAL() error {
	_, err := w.c.Row(3, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}
