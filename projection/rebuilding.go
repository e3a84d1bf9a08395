package projection

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrRebuilding: the view file or the text index could not be used and is being rebuilt. Until then only
// what is in memory can be read. The error is a *Rebuilding.
var ErrRebuilding = errors.New("the views are being rebuilt from the log")

// Progress is the progress of a rebuild in events or documents. Total is 0 until it is known.
type Progress struct{ Done, Total int64 }

// Rebuilding is ErrRebuilding with what is being rebuilt, and the progress.
type Rebuilding struct {
	Texts bool // the text index, so only searches fail; otherwise the view file
	Progress

	since time.Time // when it was found unusable
}

func (r *Rebuilding) Error() string {
	what := "the views are being rebuilt from the log"
	if r.Texts {
		what = "the text index is being rebuilt"
	}
	if r.Total == 0 {
		return what
	}
	return fmt.Sprintf("%s: %d of %d", what, r.Done, r.Total)
}

func (r *Rebuilding) Is(target error) bool { return target == ErrRebuilding }

// Left estimates the remaining time from the speed so far; 0 = not known.
func (r *Rebuilding) Left() time.Duration {
	if r.Done == 0 || r.Done > r.Total {
		return 0
	}
	return time.Duration(float64(time.Since(r.since)) * float64(r.Total-r.Done) / float64(r.Done))
}

// patience is how long reads wait for a file after it was found unusable. A small file is rebuilt by
// then.
const patience = 2 * time.Second

// patiently repeats read while it fails because of a rebuild, for at most patience. Errors: *Rebuilding,
// those of read, that of ctx.
func (v *Views) patiently(ctx context.Context, read func() error) error {
	for {
		whole := v.whole.Wait()
		err := read()
		var rebuilding *Rebuilding
		if v.mender == nil || !errors.As(err, &rebuilding) {
			return err
		}
		left := v.mender.patience - time.Since(rebuilding.since)
		if left <= 0 {
			return err
		}
		timer := time.NewTimer(left)
		select {
		case <-whole:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
