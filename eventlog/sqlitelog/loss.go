package sqlitelog

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"daybook/eventlog"
	"daybook/internal/sqlite"
)

// ErrLoss: the log is not the one that was acknowledged. Nothing was changed.
var ErrLoss = errors.New("log has lost acknowledged events")

// Loss says what the witness beside the log knows and the log does not.
type Loss struct {
	// First and Last are the seqs that are missing; both 0 when that cannot be known.
	First, Last int64
	Head        int64  // where the log ends
	Reason      string // in words
}

// LossError is the refusal of a log that has lost events. It is an ErrLoss.
type LossError struct {
	Dir  string
	Loss Loss
}

func (e *LossError) Error() string {
	return fmt.Sprintf("%v in %s: %s. Nothing was changed. Restore the folder from a backup, "+
		"or start with --accept-loss to go on from event %d without what is missing", ErrLoss, e.Dir, e.Loss.Reason, e.Loss.Head)
}

// Unwrap returns ErrLoss, for errors.Is.
func (e *LossError) Unwrap() error { return ErrLoss }

// compare compares the log with its witness. newest is the slot that the witness was
// read from. A nil loss means that nothing acknowledged is missing.
func compare(c *sqlite.Conn, f found, w witness, err error) (*Loss, error) {
	loss := &Loss{Head: f.head.Seq}
	switch {
	case errors.Is(err, os.ErrNotExist):
		if f.empty || f.head.Seq == f.base.Seq {
			return nil, nil
		}
		loss.Reason = fmt.Sprintf("%s is missing beside a log of %d events, so that nobody knows how far it went", sidecarName, f.head.Seq)
		return loss, nil
	case errors.Is(err, errSlots):
		loss.Reason = err.Error() + ", so that nobody knows how far the log went"
		return loss, nil
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", sidecarName, err)
	case f.empty:
		loss.missing(1, w.seq)
		loss.Reason = fmt.Sprintf("%s is missing or empty; seqs 1 to %d are missing", logName, w.seq)
		return loss, nil
	case f.id != w.logID:
		loss.Reason = fmt.Sprintf("the log is %s, but %s belongs to log %s", f.id, sidecarName, w.logID)
		return loss, nil
	case f.head.Seq < w.seq:
		loss.missing(f.head.Seq+1, w.seq)
		loss.Reason = fmt.Sprintf("seqs %d to %d are missing: the log ends at %d, %s says %d",
			loss.First, loss.Last, f.head.Seq, sidecarName, w.seq)
		return loss, nil
	}
	hash, err := hashAt(c, f.base, w.seq)
	if err != nil {
		return nil, err
	}
	if hash != w.hash {
		loss.Reason = fmt.Sprintf("event %d is not the one that was acknowledged: the log tells another history", w.seq)
		return loss, nil
	}
	return nil, nil
}

func (l *Loss) missing(first, last int64) {
	if last >= first {
		l.First, l.Last = first, last
	}
}

// nextEpoch is the epoch after one that is known, which may be none.
func nextEpoch(last string) string {
	for {
		var random [eventlog.EpochSize]byte
		rand.Read(random[:]) // never returns an error
		if next := eventlog.EpochOf(random); next != last {
			return next
		}
	}
}
