package viewfile

import "context"

// Part is which of the matches that are counted a page takes its rows from.
type Part struct {
	From   int64 // submit seq, inclusive
	Before int64 // submit seq, exclusive
	Limit  int   // rows at most, the latest submitted first
}

// Page returns the rows of a part and how many match in all. It stops counting at most,
// which is not 0. Both come of one walk where they can.
func (r *Reader) Page(ctx context.Context, q *Query, part Part, most int64) ([]Row, int64, error) {
	var seqs []int64
	n, end := int64(0), part.Before
	err := r.walk(ctx, q, func(base int64, found *set) bool {
		n = min(n+found.size(), most)
		seqs, end = part.collect(seqs, base, found), min(end, base)
		return n < most
	})
	if rest := *q; err == nil && n == most { // the part may go on below
		rest.From, rest.Before = max(q.From, part.From), end
		if rest.From < end {
			seqs, err = r.latest(ctx, &rest, seqs, part.Limit)
		}
	}
	var rows []Row
	if err == nil {
		rows, err = r.rowsAt(seqs)
	}
	if err != nil {
		return nil, 0, fail("list and count archived tasks", err)
	}
	return rows, n, nil
}

// collect appends the submit seqs of the part that are found in a chunk.
func (p *Part) collect(seqs []int64, base int64, found *set) []int64 {
	first, last := max(p.From-base, 0), min(p.Before-base, chunkSize)-1
	if first > last || len(seqs) >= p.Limit {
		return seqs
	}
	found.keep(first, last)
	return found.appendDown(seqs, base, p.Limit)
}

// Rows returns up to limit matches, the latest submitted first.
func (r *Reader) Rows(ctx context.Context, q *Query, limit int) ([]Row, error) {
	seqs, err := r.latest(ctx, q, nil, limit)
	var rows []Row
	if err == nil {
		rows, err = r.rowsAt(seqs)
	}
	if err != nil {
		return nil, fail("list archived tasks", err)
	}
	return rows, nil
}

// latest appends the submit seqs of matches, the latest first, until there are limit.
func (r *Reader) latest(ctx context.Context, q *Query, seqs []int64, limit int) ([]int64, error) {
	if len(seqs) >= limit {
		return seqs, nil
	}
	err := r.walk(ctx, q, func(base int64, found *set) bool {
		seqs = found.appendDown(seqs, base, limit)
		return len(seqs) < limit
	})
	return seqs, err
}

// rowsAt returns the archived tasks with those submit seqs.
func (r *Reader) rowsAt(seqs []int64) ([]Row, error) {
	rows := make([]Row, len(seqs))
	for i, seq := range seqs {
		if err := r.rowAt(&rows[i], seq); err != nil {
			return nil, err
		}
	}
	return rows, nil
}
