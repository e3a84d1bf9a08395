package viewfile

import (
	"context"

	"github.com/oklog/ulid/v2"
)

// childChunk is the number of children that are read per call.
const childChunk = 1000

// Children calls fn for the children of a task that have ended, the latest submitted first.
func (r *Reader) Children(ctx context.Context, parent ulid.ULID, fn func(*Row)) error {
	q := &Query{Parent: parent, LastSeq: r.summary.latest}
	for {
		rows, err := r.Rows(ctx, q, childChunk)
		if err != nil {
			return err
		}
		for i := range rows {
			fn(&rows[i])
		}
		if len(rows) < childChunk {
			return nil
		}
		q.Before = rows[len(rows)-1].Task.SubmitSeq
	}
}
