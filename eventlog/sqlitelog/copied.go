package sqlitelog

import (
	"context"
	"errors"
	"fmt"

	"daybook/eventlog"
)

// ErrOther: the folder holds another log than the one that was asked for. Nothing was changed.
var ErrOther = errors.New("folder holds another log")

var errOtherHistory = fmt.Errorf("%w: what was copied does not follow from it", eventlog.ErrDamaged)

// Copied is a piece of a log that another replica holds.
type Copied struct {
	// Events have all their fields but Hash, which AppendCopied fills in. The Payload of one whose body
	// was erased is nil.
	Events []*eventlog.Event
	Salts  [][]byte      // of the payload of each event, 16 bytes; nil = there is no body
	Hash   eventlog.Hash // of the last event
}

// saltsAfter are the salts of all events but the first n, nil for new events.
func (c *Copied) saltsAfter(n int) [][]byte {
	if c == nil {
		return nil
	}
	return c.Salts[n:]
}

// AppendCopied appends events as they are in another replica of the log, in one transaction with one sync: with
// their seqs, salts and hashes. The first must be the one after the head. Errors: eventlog.ErrDamaged (they do
// not follow from this log, or a payload does not fit its hash; nothing written), ErrFull (nothing written),
// ErrUnknown; ctx's, which is looked at before anything is written.
func (l *Log) AppendCopied(ctx context.Context, c *Copied) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(ctx); err != nil {
		return err
	}
	head := l.Head()
	if err := c.check(head); err != nil {
		return err
	}
	hash, err := l.writer.write(head.Hash, c.Events, c)
	if errors.Is(err, eventlog.ErrDamaged) && l.writer.c.AutoCommit() {
		return err
	}
	if err == nil {
		err = l.publish(c.Events, hash)
	}
	switch {
	case err == nil:
		return nil
	case isFull(err):
		return fmt.Errorf("%w: %w", eventlog.ErrFull, err)
	default:
		return l.fail(err)
	}
}

// check refuses what does not begin after the head.
func (c *Copied) check(head eventlog.Head) error {
	if len(c.Events) == 0 || len(c.Salts) != len(c.Events) {
		return fmt.Errorf("%w: %d events with %d salts were copied", eventlog.ErrInvalid, len(c.Events), len(c.Salts))
	}
	if first := c.Events[0].Seq; first != head.Seq+1 {
		return fmt.Errorf("%w: event %d was copied to a log that ends with event %d", eventlog.ErrInvalid, first, head.Seq)
	}
	entry := eventlog.Entry{Events: c.Events}
	if err := entry.Check(head.At); err != nil {
		return err
	}
	for i, e := range c.Events {
		if e.Seq != head.Seq+1+int64(i) {
			return fmt.Errorf("%w: event %d was copied as number %d after event %d", eventlog.ErrInvalid, e.Seq, i+1, head.Seq)
		}
		if salt := c.Salts[i]; salt != nil && (len(salt) != saltSize || e.Payload == nil) {
			return fmt.Errorf("%w: event %d was copied with a salt of %d bytes and a payload of %d", eventlog.ErrInvalid, e.Seq, len(salt), len(e.Payload))
		}
	}
	return nil
}

// SaltedPayloads reads the bodies that belong to events, with their salts, for a replica of the log. It calls fn for each of the seqs,
// which ascend, with its index; salt and body are nil for one that was erased, and valid only during the call. Errors:
// eventlog.ErrDamaged, ctx's, those of the disk.
func (l *Log) SaltedPayloads(ctx context.Context, seqs []int64, fn func(i int, salt, body []byte)) error {
	for done := 0; done < len(seqs); {
		var damage error
		read := done
		err := l.withReader(ctx, func(r *reader) error {
			return r.rowsOf(seqs[done:min(len(seqs), done+bodiesAtOnce)], func(there bool, hash, salt, stored []byte) {
				seq := seqs[read]
				read++
				if !there {
					damage = errors.Join(damage, bodyError(seq, errMissing))
					return
				}
				body, err := checkBody(hash, salt, stored)
				switch {
				case errors.Is(err, eventlog.ErrErased):
					salt = nil
				case err != nil:
					damage = errors.Join(damage, bodyError(seq, err))
					return
				}
				fn(read-1, salt, body)
			})
		})
		if err = errors.Join(err, damage); err != nil {
			return fmt.Errorf("read payloads: %w", err)
		}
		done = read
	}
	return ctx.Err()
}
