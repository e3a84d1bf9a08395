package viewfile

import (
	"context"

	"daybook/task"
)

// mostDropped is how many claims one batch forgets: few, for others wait for it.
const mostDropped = 8192

// claim notes that a task which goes to the archive holds a unique key for a time.
func (w *writer) claim(t *task.Task) error {
	claim, ok := t.Claims()
	if !ok || t.Links.Unique.For == 0 {
		return nil
	}
	return w.putClaim.run(claim[:], t.SubmitSeq, int64(t.Links.Unique.Until()))
}

// DropClaims forgets unique keys that are free since before that moment, some of them at
// least.
func (b *Batch) DropClaims(before task.Micros) error {
	return fail("forget unique keys", b.w.dropClaims.run(int64(before), int64(mostDropped)))
}

// ByClaim returns the archived task that holds the claim for the longest time, which may be
// over. One that has gone back to the image is not found. Errors: ErrNotFound.
func (r *Reader) ByClaim(_ context.Context, claim task.Claim) (Row, error) {
	var row Row
	found, err := r.byClaim.row(r.dest[:3], claim[:])
	if err == nil && !found {
		err = ErrNotFound
	}
	if err == nil {
		err = r.decode(&row)
	}
	return row, fail("find task by unique key", err)
}
