package eventlog

import (
	"errors"
	"fmt"
	"slices"
)

// Admit decides for an engine, entry by entry, what may be appended after head, and returns its events, numbered.
// It fills in the results. Entries that have an error already are left out, unless that is ErrFull and full is
// true now. full: only entries with Reserve have room.
func Admit(head Head, entries []Entry, results []Result, full bool) []*Event {
	seq, at := head.Seq, head.At
	var batch []*Event
	for i := range entries {
		e, r := &entries[i], &results[i]
		if r.Err != nil && !(full && e.Reserve && errors.Is(r.Err, ErrFull)) {
			continue
		}
		*r = Result{}
		if !e.Expect.Holds(head.Seq) {
			r.Err = fmt.Errorf("%w: its last event is %d", ErrConflict, head.Seq)
			continue
		}
		if full && !e.Reserve {
			r.Err = ErrFull
			continue
		}
		if k, lacks := e.Lacks(results[:i]); lacks {
			r.Err = fmt.Errorf("%w: it builds on entry %d, which was refused", ErrConflict, k)
			continue
		}
		if r.Err = e.Check(at); r.Err != nil {
			continue
		}
		batch = slices.Grow(batch, len(e.Events))
		r.First = seq + 1
		for _, event := range e.Events {
			seq++
			event.Seq = seq
			event.HasPayload = event.Payload != nil
			batch = append(batch, event)
		}
		at = e.Events[len(e.Events)-1].At
		r.Last = seq
	}
	return batch
}
