package natslog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"daybook/eventlog"
)

// Append publishes the entries as one round and appends it to the replica. See eventlog.Log. When the outcome is not
// known (ErrUnknown), the next call finds out first: no reopening is needed. ErrUnavailable: nothing was written.
func (l *Log) Append(ctx context.Context, entries []eventlog.Entry) []eventlog.Result {
	results := make([]eventlog.Result, len(entries))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(ctx); err != nil {
		refuse(results, err)
		return results
	}
	ctx, cancel := l.patient(ctx, timeForEntries(entries))
	defer cancel()
	for {
		clear(results)
		events := eventlog.Admit(l.Head(), entries, results, !l.HasRoom())
		if len(events) == 0 {
			return results
		}
		err := l.appendRound(ctx, events)
		if err == nil {
			return results
		}
		forget(events)
		if errors.Is(err, errRival) { // guards are compared with what has come; what has none is tried again
			if err = ctx.Err(); err == nil {
				continue
			}
			err = unavailable("append after what others append", err)
		}
		refuse(results, err)
		return results
	}
}

// timeForEntries is how much longer than a small round these may take, with their payloads.
func timeForEntries(entries []eventlog.Entry) time.Duration {
	bytes := 0
	for i := range entries {
		for _, e := range entries[i].Events {
			if e != nil {
				bytes += len(e.Data) + len(e.Payload)
			}
		}
	}
	return 2 * time.Duration(bytes) * time.Second / slowest
}

// ready reports why nothing can be appended, nil if something can.
func (l *Log) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !l.joined {
		return errNotJoined
	}
	if err := l.Damage(); err != nil {
		return err
	}
	if err := l.Failed(); err != nil {
		return err
	}
	ctx, cancel := l.patient(ctx, 0)
	defer cancel()
	if l.doubtful {
		if err := l.settle(ctx); err != nil {
			return l.before(err)
		}
	}
	if time.Since(l.looked) > lookEvery {
		l.looked = time.Now()
		if _, err := l.lastSequence(ctx); errors.Is(err, eventlog.ErrDamaged) || errors.Is(err, ErrStream) || errors.Is(err, ErrNoStream) || !l.joined {
			return err
		}
	}
	return l.before(l.flush())
}

// lookEvery is how old the last look at the state of the stream may be when something is appended.
const lookEvery = 5 * time.Second

// before makes an error of what was done before an append, and is not about it, one that says that nothing was written.
func (l *Log) before(err error) error {
	if err == nil {
		return nil
	}
	if failed := l.Failed(); failed != nil {
		return failed
	}
	if errors.Is(err, eventlog.ErrFull) || errors.Is(err, eventlog.ErrDamaged) {
		return err
	}
	return fmt.Errorf("%w: read what is in the log before: %w", eventlog.ErrUnavailable, plain{err})
}

// plain is an error whose text alone counts.
type plain struct{ error }

func refuse(results []eventlog.Result, err error) {
	for i := range results {
		if results[i].Err == nil {
			results[i] = eventlog.Result{Err: err}
		}
	}
}

// forget resets the fields that were set in events that were not written.
func forget(events []*eventlog.Event) {
	for _, e := range events {
		e.Seq, e.Hash, e.PayloadHash, e.HasPayload = 0, eventlog.Hash{}, eventlog.Hash{}, false
	}
}

// errRival: somebody else has published, so the round was not stored.
var errRival = errors.New("the stream has moved on")

// appendRound publishes events, which are numbered, and appends them to the replica. Errors: errRival,
// eventlog.ErrUnavailable, ErrFull (nothing was written), ErrUnknown.
func (l *Log) appendRound(ctx context.Context, list []*eventlog.Event) error {
	round := events{list: list, salts: newSalts(list)}
	before := l.Head()
	hash := before.Hash
	for i, e := range list {
		if e.HasPayload {
			e.PayloadHash = eventlog.PayloadHash(round.salts[i], e.Payload)
		}
		hash = eventlog.Chain(hash, e)
		e.Hash = hash
	}
	h := newHeader(kindRound, before)
	published := messages(h, eventlog.Head{Seq: before.Seq + int64(len(list)), Hash: hash}, round.append(nil), l.most)
	if len(published) > mostParts {
		return fmt.Errorf("%w: a round of %d messages: send fewer tasks at once", eventlog.ErrFull, len(published))
	}
	sequence, err := l.publish(ctx, l.names.eventsSubject, h.id, published)
	if err != nil || sequence == 0 { // 0: it was found in the stream, and is in the replica
		return err
	}
	l.noteReached(sequence, nil)
	b := batch{upTo: sequence}
	b.add(round, hash)
	if err := l.appendToReplica(&b); err != nil {
		l.doubtful = true // it is read again
		return fmt.Errorf("%w: the round is in the stream, and not in the folder of this node: %w", eventlog.ErrUnknown, plain{err})
	}
	return nil
}

// newSalts are random salts for those of the events that have a payload.
func newSalts(list []*eventlog.Event) [][]byte {
	n := 0
	for _, e := range list {
		if e.HasPayload {
			n++
		}
	}
	random := make([]byte, n*saltSize)
	rand.Read(random) // never returns an error
	salts := make([][]byte, len(list))
	for i, e := range list {
		if e.HasPayload {
			salts[i], random = random[:saltSize:saltSize], random[saltSize:]
		}
	}
	return salts
}

// appendToReplica appends what the stream has. An error leaves the replica behind the stream: eventlog.ErrDamaged, ErrFull, ErrUnknown.
func (l *Log) appendToReplica(b *batch) error {
	if len(b.copied.Events) > 0 {
		if err := l.Log.AppendCopied(context.Background(), &b.copied); err != nil {
			return err
		}
	}
	l.setApplied(b.upTo)
	l.advanced.Raise()
	return nil
}

// setApplied notes that the replica has the stream up to the sequence.
func (l *Log) setApplied(sequence uint64) {
	l.applied, l.reached, l.end = sequence, sequence, l.Head()
	l.staged, l.partial, l.parts = batch{}, nil, 0
	l.position.Store(sequence)
}

// settle finds out whether a round is stored of which no acknowledgement came, by taking the place that it could have.
// Whatever was published before for that place can then not be stored any more. Errors: eventlog.ErrUnknown; those of the replica.
func (l *Log) settle(ctx context.Context) error {
	was := l.applied
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		head := l.Head()
		sequence, err := l.publishOnce(ctx, l.names.eventsSubject, messages(newHeader(kindFence, head), head, nil, l.most))
		if err == nil {
			l.dropStaged()
			l.noteReached(sequence, nil)
			l.setApplied(sequence)
		} else if errors.Is(err, errRival) {
			err = l.catchUpWithRival(ctx)
		}
		switch {
		case err == nil || l.applied > was:
			l.doubtful = false
			return nil
		case isOfReplica(err):
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", eventlog.ErrUnknown, err)
		case <-time.After(pause):
		}
	}
}

// isOfReplica reports whether the replica cannot take what the stream has, or the stream is damaged: trying again does not help.
func isOfReplica(err error) bool {
	return errors.Is(err, eventlog.ErrDamaged) || errors.Is(err, eventlog.ErrFull) || errors.Is(err, eventlog.ErrUnknown) || errors.Is(err, errNewer)
}
