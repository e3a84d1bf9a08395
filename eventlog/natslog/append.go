package natslog

import (
	"context"
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.o.Patience)
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
			continue
		}
		refuse(results, err)
		return results
	}
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
	if !l.doubtful {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.o.Patience)
	defer cancel()
	return l.settle(ctx)
}

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

// appendRound publishes the events, which are numbered, and appends them to the replica. Errors: errRival,
// eventlog.ErrUnavailable, ErrFull (nothing was written), ErrUnknown.
func (l *Log) appendRound(ctx context.Context, events []*eventlog.Event) error {
	round := newBatch(len(events))
	content := make([]stored, len(events))
	var bodies []salted
	hash := l.Head().Hash
	for i, e := range events {
		content[i].event = e
		var body salted
		if e.HasPayload {
			body = newSalted(e.Payload)
			e.PayloadHash = eventlog.PayloadHash(body.salt(), body.body())
			bodies = append(bodies, body)
		}
		hash = eventlog.Chain(hash, e)
		e.Hash = hash
		round.addKnown(e, body)
	}
	round.copied.Hash = hash
	if len(bodies) > 0 {
		sequences, err := l.publishPayloads(ctx, bodies)
		if err != nil {
			return err
		}
		for i, e := range events {
			if e.HasPayload {
				content[i].pieces, sequences = sequences[0], sequences[1:]
			}
		}
	}
	before := l.Head()
	h := newHeader(kindRound, before)
	list := messages(h, eventlog.Head{Seq: before.Seq + int64(len(events)), Hash: hash}, appendContent(nil, content), l.most)
	if len(list) > mostParts {
		return fmt.Errorf("%w: a round of %d messages: send fewer tasks at once", eventlog.ErrFull, len(list))
	}
	sequence, err := l.publish(ctx, h.id, list)
	if err != nil {
		return err
	}
	if sequence == 0 { // it was found in the stream, and is in the replica
		return nil
	}
	round.upTo = sequence
	return l.appendToReplica(&round)
}

// appendToReplica appends what the stream has. An error leaves the replica behind the stream.
func (l *Log) appendToReplica(b *batch) error {
	if len(b.copied.Events) > 0 {
		if err := l.Log.AppendCopied(context.Background(), &b.copied); err != nil {
			l.joined = false // Join looks again where the replica stands
			return fmt.Errorf("%w: the round is in the stream, and not in the folder of this node: %w", eventlog.ErrUnknown, err)
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
}

// settle finds out whether a round is stored of which no acknowledgement came, by taking the place that it could have.
// Whatever was published before for that place can then not be stored any more. Errors: eventlog.ErrUnknown.
func (l *Log) settle(ctx context.Context) error {
	head := l.Head()
	fence := messages(newHeader(kindFence, head), head, nil, l.most)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		sequence, err := l.publishOnce(ctx, fence)
		switch {
		case err == nil:
			l.doubtful = false
			l.setApplied(sequence)
			return nil
		case errors.Is(err, errRival):
			if err = l.catchUpWithRival(ctx); err == nil {
				l.doubtful = false
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", eventlog.ErrUnknown, err)
		case <-time.After(pause):
		}
	}
}
