package eventlog

import (
	"context"
	"errors"
)

// Audit is what reading a log from its first event has shown.
type Audit struct {
	Seq      int64 // the last event that is as it should be, 0 = none
	Hash     Hash  // of that event: it stands for all before it
	Payloads int64 // that fit their hash, up to Seq
	Erased   int64 // that were erased by request, up to Seq
}

// Verify reads the log up to event head, recomputes its chain and looks at every payload.
// progress, if not nil, is called now and then with the seq that was reached. The Audit
// counts with an error too. A log that ends before head is none: see Audit.Seq. Errors:
// ErrDamaged, about what follows Audit.Seq; those of Scan and Payloads.
func Verify(ctx context.Context, log Log, head int64, progress func(done int64)) (Audit, error) {
	if head == 0 {
		return Audit{}, nil
	}
	a := audit{log: log, head: head, progress: progress}
	err := log.Scan(ctx, 0, func(e *Event) error { return a.add(ctx, e) })
	if errors.Is(err, errHead) {
		return a.Audit, nil
	}
	if err == nil || errors.Is(err, ErrDamaged) {
		// What was read before may hold a payload that is damaged, and that came first.
		if earlier := a.checkPayloads(ctx); earlier != nil {
			err = earlier
		}
	}
	return a.Audit, err
}

// auditBatch is of how many events the payloads are looked at together.
const auditBatch = 1024

var errHead = errors.New("the head that was wanted is reached")

// audit is one Verify on its way.
type audit struct {
	Audit
	log      Log
	head     int64
	progress func(done int64)

	open  []link  // events whose payloads have not been looked at
	seqs  []int64 // of those that have one
	found []error // for each of the seqs
}

type link struct {
	seq  int64
	hash Hash
}

// add adds an event to the batch. It checks the payloads of a full one.
func (a *audit) add(ctx context.Context, e *Event) error {
	a.open = append(a.open, link{e.Seq, e.Hash})
	if e.HasPayload {
		a.seqs = append(a.seqs, e.Seq)
	}
	if e.Seq != a.head && len(a.open) < auditBatch {
		return nil
	}
	if err := a.checkPayloads(ctx); err != nil {
		return err
	}
	if e.Seq == a.head {
		return errHead
	}
	return nil
}

// checkPayloads checks the payloads of the batch and counts those that are intact.
func (a *audit) checkPayloads(ctx context.Context) error {
	open, seqs := a.open, a.seqs
	a.open, a.seqs = open[:0], seqs[:0]
	a.found = append(a.found[:0], make([]error, len(seqs))...)
	err := a.log.Payloads(ctx, seqs, func(i int, _ []byte, err error) error {
		a.found[i] = err
		return nil
	})
	if err != nil {
		return err
	}
	next := 0
	for _, l := range open {
		if next < len(seqs) && seqs[next] == l.seq {
			switch err := a.found[next]; {
			case err == nil:
				a.Payloads++
			case errors.Is(err, ErrErased):
				a.Erased++
			default:
				return err
			}
			next++
		}
		a.Seq, a.Hash = l.seq, l.hash
	}
	if a.progress != nil {
		a.progress(a.Seq)
	}
	return nil
}
