package projection

import (
	"context"

	"github.com/oklog/ulid/v2"
)

// History returns the seqs of all events of the task, oldest first. Errors:
// ErrNotFound, those of the view file, ctx's.
func (v *Views) History(ctx context.Context, id ulid.ULID) ([]int64, error) {
	var seqs []int64
	_, _, err := v.look(ctx, id, func(rec *record) {
		seqs = seqsOf(rec.task.SubmitSeq, rec.trail.bytes())
	}, func(row *fileRow) {
		seqs = seqsOf(row.Task.SubmitSeq, row.Events)
	})
	return seqs, err
}
