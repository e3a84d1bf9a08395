package projection

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrRebuilding: a file of the views could not be used and is being rebuilt. What is in memory
// can be read meanwhile, the rest afterwards. The error is a *Rebuilding.
var ErrRebuilding = errors.New("the views are being made again from the log")

// Progress is how far a rebuild is; Total is 0 until it is known.
type Progress struct{ Done, Total int64 }

// Rebuilding is ErrRebuilding, with what is being rebuilt and how far that is.
type Rebuilding struct {
	Texts bool // the index of texts: all but the search for words works. Else the view file
	Progress

	since time.Time // when it was found unusable
}

func (r *Rebuilding) Error() string {
	what := "the views are being made again from the log"
	if r.Texts {
		what = "the index of texts is being made again"
	}
	if r.Total == 0 {
		return what
	}
	return fmt.Sprintf("%s: %d of %d", what, r.Done, r.Total)
}

func (r *Rebuilding) Is(target error) bool { return target == ErrRebuilding }

// Left is the time that remains at the speed so far; 0 = not known.
func (r *Rebuilding) Left() time.Duration {
	if r.Done == 0 || r.Done > r.Total {
		return 0
	}
	return time.Duration(float64(time.Since(r.since)) * float64(r.Total-r.Done) / float64(r.Done))
}

// patience is how long reads wait for a file of the views after it was found unusable. A
// small one is rebuilt by then.
const patience = 2 * time.Second

// patiently repeats read while it fails because of a rebuild, for patience. Errors:
// *Rebuilding, those of read, ctx's.
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
