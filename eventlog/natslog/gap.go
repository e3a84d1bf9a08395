package natslog

import (
	"context"
	"errors"
	"fmt"

	"daybook/eventlog"
)

// readGap reads what takes the place of a message that is missing: the copy of a round of which a payload was erased. A copy that
// is missing was replaced by another one.
func (l *Log) readGap(ctx context.Context) error {
	first := l.reached + 1 - uint64(l.parts) // its first parts may have been read before they were deleted
	for range maxCopies {
		if last, ok := l.told.replaced[first]; ok {
			l.partial, l.parts = nil, 0
			l.noteReached(last, nil)
			return nil
		}
		moved := l.told.published(first)
		if moved == nil {
			if err := l.lookForErasures(ctx); err != nil {
				return err
			}
			if l.told.published(first) == nil && l.told.replaced[first] == 0 {
				return l.missing(ctx, first)
			}
			continue
		}
		now := moved.now()
		content, err := l.contentOf(ctx, now)
		if errors.Is(err, errGone) { // it was replaced meanwhile
			if err := l.lookForErasures(ctx); err != nil {
				return err
			}
			if moved = l.told.published(first); moved.now() == now {
				return l.missing(ctx, now.first)
			}
			continue
		}
		if err != nil {
			return err
		}
		last, hash, content, err := parseCopy(content)
		if err == nil {
			err = l.stageRound(content, last, hash)
		}
		if err != nil {
			return fmt.Errorf("message %d, a copy of message %d: %w", now.first, first, err)
		}
		l.partial, l.parts = nil, 0
		l.noteStaged(moved.spans[0].last())
		l.noteReached(moved.spans[0].last(), nil)
		return nil
	}
	return unavailable("read the log", fmt.Errorf("message %d is replaced again and again", first))
}

// maxCopies is how often a round may be replaced while it is read.
const maxCopies = 100

// missing is the error for a message that was expected: it is not there and no erasure says why, or it was read before and dropped.
func (l *Log) missing(ctx context.Context, sequence uint64) error {
	message, err := l.get(ctx, sequence)
	switch {
	case err != nil:
		return unavailable("read the log", err)
	case message != nil:
		return unavailable("read the log", fmt.Errorf("message %d was left out", sequence))
	}
	return fmt.Errorf("%w: message %d is missing in the stream, and nobody has erased it: bring the folder of a node that has it into a new cluster with `daybook cluster import`",
		eventlog.ErrDamaged, sequence)
}
