package natslog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"
)

const (
	// importEvents and importBytes are what a round of an import has, at most.
	importEvents = 1000
	importBytes  = 8 << 20
)

// Import brings the log of a single node into the stream of a cluster that has no log, with its seqs, salts and hashes. It makes the
// stream, and deletes those of an earlier version in the end. An import that was broken off is continued by the next call. No node of the cluster may write meanwhile.
// progress is called after each round, nil = nobody is told.
//
// Errors: sqlitelog.ErrOther (the cluster has another log), ErrHistory (it has events that this log has not), those of Make,
// eventlog.ErrUnavailable, ErrFull, ErrDamaged; ctx's.
func Import(ctx context.Context, from *sqlitelog.Log, o Options, progress func(done, of int64)) error {
	o = o.withDefaults()
	i := importer{Log: New(from, o), total: from.Head().Seq, progress: progress}
	if err := i.checkOlder(ctx); err != nil {
		return err
	}
	if err := Make(ctx, o, from.ID(), from.Epoch()); err != nil {
		return err
	}
	if err := i.begin(ctx); err != nil {
		return err
	}
	err := from.Scan(ctx, i.head.Seq, func(e *eventlog.Event) error {
		i.round.list = append(i.round.list, &eventlog.Event{
			Seq: e.Seq, At: e.At, Stream: strings.Clone(e.Stream), Version: e.Version, Type: strings.Clone(e.Type), V: e.V, Actor: strings.Clone(e.Actor),
			Data: append([]byte(nil), e.Data...), HasPayload: e.HasPayload, PayloadHash: e.PayloadHash, Hash: e.Hash,
		})
		i.bytes += len(e.Data)
		if e.Seq < i.total && len(i.round.list) < importEvents && i.bytes < importBytes {
			return nil
		}
		return i.flush(ctx)
	})
	if err != nil {
		return fmt.Errorf("import the log: %w", err)
	}
	return i.deleteOlder(ctx)
}

// importer publishes what a log has.
type importer struct {
	*Log
	head     eventlog.Head // of the stream
	total    int64
	round    events
	bytes    int // of data
	progress func(done, of int64)
}

// begin finds out how much the stream has.
func (i *importer) begin(ctx context.Context) error {
	if err := i.enter(ctx); err != nil {
		return err
	}
	last, err := i.lastSequence(ctx)
	if err != nil || last == 0 {
		i.head.Hash = eventlog.FirstHash(i.ID())
		return err
	}
	_, h, err := i.messageFrom(ctx, last)
	if err != nil {
		return err
	}
	i.applied, i.head = last, eventlog.Head{Seq: h.last, Hash: h.hash}
	if h.last == 0 {
		return nil
	}
	if h.last > i.total {
		return fmt.Errorf("%w: the cluster has %d events and the folder %d: it is in use; start the nodes without an import", ErrHistory, h.last, i.total)
	}
	same, err := i.Events(ctx, []int64{h.last})
	if err != nil {
		return err
	}
	if same[0].Hash != h.hash {
		return fmt.Errorf("%w: at event %d; choose another name for the cluster", ErrHistory, h.last)
	}
	return nil
}

// flush publishes the events, as one round, or as several if their payloads are large.
func (i *importer) flush(ctx context.Context) error {
	all := i.round
	all.salts = make([][]byte, len(all.list))
	var seqs []int64
	var with []int // indexes
	for k, e := range all.list {
		if e.HasPayload {
			seqs, with = append(seqs, e.Seq), append(with, k)
		}
	}
	err := i.Log.Log.SaltedPayloads(ctx, seqs, func(k int, salt, body []byte) {
		if salt != nil {
			all.salts[with[k]], all.list[with[k]].Payload = append([]byte(nil), salt...), append([]byte(nil), body...)
		}
	})
	if err != nil {
		return err
	}
	bytes := 0
	for from, k := 0, 0; k < len(all.list); k++ {
		bytes += len(all.list[k].Data) + len(all.list[k].Payload)
		if k == len(all.list)-1 || bytes >= importBytes {
			if err := i.publishRound(ctx, events{all.list[from : k+1], all.salts[from : k+1]}); err != nil {
				return err
			}
			from, bytes = k+1, 0
		}
	}
	i.round, i.bytes = events{}, 0
	return nil
}

// publishRound publishes events as a round.
func (i *importer) publishRound(ctx context.Context, round events) error {
	last := round.list[len(round.list)-1]
	after := eventlog.Head{Seq: last.Seq, Hash: last.Hash}
	list := messages(newHeader(kindRound, i.head), after, round.append(nil), i.most)
	sequence, err := i.publishOnce(ctx, i.names.eventsSubject, list)
	if errors.Is(err, errRival) {
		return fmt.Errorf("%w: somebody else writes to the cluster: stop its nodes, and import again", eventlog.ErrUnavailable)
	}
	if err != nil {
		return err
	}
	i.applied, i.head = sequence, after
	if i.progress != nil {
		i.progress(last.Seq, i.total)
	}
	return nil
}
