package viewfile

import "context"

// Rows returns up to limit matches, the latest submitted first.
func (r *Reader) Rows(ctx context.Context, q *Query, limit int) ([]Row, error) {
	if limit <= 0 {
		return nil, nil
	}
	rows := make([]Row, 0, min(limit, 1024))
	var stop error
	err := r.walk(ctx, q, func(base int64, found *set) bool {
		found.down(func(at uint16) bool {
			var row Row
			if stop = r.rowAt(&row, base+int64(at)); stop == nil {
				rows = append(rows, row)
			}
			return stop == nil && len(rows) < limit
		})
		return stop == nil && len(rows) < limit
	})
	if err == nil {
		err = stop
	}
	if err != nil {
		return nil, fail("list archived tasks", err)
	}
	return rows, nil
}

// Count returns how many match; it stops counting at most.
func (r *Reader) Count(ctx context.Context, q *Query, most int64) (int64, error) {
	n := int64(0)
	err := r.walk(ctx, q, func(_ int64, found *set) bool {
		n = min(n+found.size(), most)
		return n < most
	})
	if err != nil {
		return 0, fail("count archived tasks", err)
	}
	return n, nil
}
