package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// pullMessages is how many messages of the stream are asked for ahead.
	pullMessages = 256
	// stagedEvents is how many events are read before they are appended to the replica together, at most.
	stagedEvents = 32_768
	// stagedBytes is how many bytes of data and payloads they may have.
	stagedBytes = 32 << 20
	// nearStaged is how long they may wait for others while the log is followed, farStaged while it is caught up with.
	nearStaged = 20 * time.Millisecond
	farStaged  = time.Second
	// pullBytes is how many bytes of it are asked for ahead.
	pullBytes = 16 << 20
	// quietTime is after how long without a message the state of the stream is looked at. A node that was served by one that is
	// gone lacks events for as long.
	quietTime = 2 * time.Second
)

// ErrHistory: the replica and the stream tell different histories of one log.
var ErrHistory = fmt.Errorf("%w: the folder and the stream of the cluster differ", eventlog.ErrDamaged)

// batch is events of the stream that are about to be appended to the replica.
type batch struct {
	copied sqlitelog.Copied
	bytes  int    // of data and payloads
	upTo   uint64 // sequence of the last message
}

// add adds the events of a round that was read.
func (b *batch) add(round events, hash eventlog.Hash) {
	for _, e := range round.list {
		b.bytes += len(e.Data) + len(e.Payload)
	}
	b.copied.Events = append(b.copied.Events, round.list...)
	b.copied.Salts = append(b.copied.Salts, round.salts...)
	b.copied.Hash = hash
}

// Follow appends to the replica what others append to the log, until ctx ends (its error), or the replica cannot follow:
// ErrStream, ErrNoStream, eventlog.ErrDamaged, ErrFull, ErrUnknown, errNotJoined (the stream was made anew), errNewer. Lost
// connections are no reason to return.
func (l *Log) Follow(ctx context.Context) error {
	for {
		err := l.followOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case isOfReplica(err), errors.Is(err, ErrStream), errors.Is(err, ErrNoStream), errors.Is(err, errNotJoined):
			return err
		}
		l.o.Logger.Debug("reading the log of the cluster: again", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// followOnce follows until the connection to the stream breaks.
func (l *Log) followOnce(ctx context.Context) error {
	l.mu.Lock()
	l.dropStaged()
	l.mu.Unlock()
	stream, next, last, err := l.beginToFollow(ctx)
	if err != nil {
		return err
	}
	if last > next+pullMessages { // two cores do more than one
		if err := l.CatchUp(ctx); err != nil {
			return err
		}
		if stream, next, _, err = l.beginToFollow(ctx); err != nil {
			return err
		}
	}
	iter, err := messagesFrom(ctx, stream, next)
	if err != nil {
		return err
	}
	defer iter.Stop()
	for {
		message, err := l.nextOf(ctx, iter)
		if err != nil {
			return err
		}
		if message == nil {
			_, next, last, err := l.beginToFollow(ctx)
			if err != nil {
				return err
			}
			if last >= next { // the consumer may have been on a node that is gone, and the client has not noticed
				return unavailable("read the log", fmt.Errorf("message %d does not come, and the stream has %d", next, last))
			}
			continue
		}
		l.mu.Lock()
		err = l.take(ctx, message, nearStaged, l.flush)
		l.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// beginToFollow looks at the state of the stream, and returns the sequences of the next message to read and of the last one.
func (l *Log) beginToFollow(ctx context.Context) (stream jetstream.Stream, next, last uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.joined {
		return nil, 0, 0, errNotJoined
	}
	last, err = l.lastSequence(ctx)
	return l.stream, l.reached + 1, last, err
}

// nextOf waits for the next message, nil if none comes for some time.
func (l *Log) nextOf(ctx context.Context, iter jetstream.MessagesContext) (jetstream.Msg, error) {
	wait, cancel := context.WithTimeout(ctx, quietTime)
	defer cancel()
	message, err := iter.Next(jetstream.NextContext(wait))
	if err != nil && wait.Err() != nil && ctx.Err() == nil {
		return nil, nil
	}
	return message, err
}

// messagesFrom reads the messages of a stream from a sequence on, those with the subject if one is given.
func messagesFrom(ctx context.Context, stream jetstream.Stream, sequence uint64, subject ...string) (jetstream.MessagesContext, error) {
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: sequence, FilterSubjects: subject,
	})
	if err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(pullMessages, pullBytes))
}

// take takes a message of the stream. What is staged is appended to the replica when no more messages wait, or the first one has waited
// for the longest time.
func (l *Log) take(ctx context.Context, message jetstream.Msg, longest time.Duration, flush func() error) error {
	meta, err := message.Metadata()
	if err != nil {
		return err
	}
	if err := l.read(ctx, meta.Sequence.Stream, message.Data()); err != nil {
		return err
	}
	if l.parts > 0 {
		return nil // a part of a round, which is appended as a whole
	}
	if meta.NumPending == 0 || len(l.staged.copied.Events) >= stagedEvents || time.Since(l.stagedAt) >= longest || l.staged.bytes >= stagedBytes {
		return flush()
	}
	return nil
}

// read stages one message. Messages that were read before are left out.
func (l *Log) read(ctx context.Context, sequence uint64, data []byte) error {
	for l.reached+1 < sequence {
		if err := l.readGap(ctx); err != nil {
			return err
		}
	}
	if sequence <= l.reached {
		return nil
	}
	h, content, err := parseHeader(data)
	if err != nil {
		return fmt.Errorf("message %d: %w", sequence, err)
	}
	if h.part != l.parts {
		return fmt.Errorf("message %d: %w: part %d of %d follows part %d", sequence, errMessage, h.part, h.parts, l.parts)
	}
	if h.parts > 1 {
		l.partial = append(l.partial, content...)
		l.parts++
		if l.parts < h.parts {
			l.noteReached(sequence, nil)
			return nil
		}
		content, l.partial, l.parts = l.partial, nil, 0
	}
	var erased []erasure
	if content, err = unpack(content); err == nil {
		erased, err = l.stage(ctx, h, content)
	}
	if err != nil {
		return fmt.Errorf("message %d: %w", sequence, err)
	}
	l.noteStaged(sequence)
	l.noteReached(sequence, erased)
	l.found = l.found || h.id == l.lookedFor
	return nil
}

// noteStaged notes that what is staged goes up to the sequence.
func (l *Log) noteStaged(sequence uint64) {
	if l.staged.upTo <= l.applied {
		l.stagedAt = time.Now()
	}
	l.staged.upTo = sequence
}

// noteReached notes that a message was read, and the erasures that it tells.
func (l *Log) noteReached(sequence uint64, erased []erasure) {
	if l.told.upTo == l.reached { // all before it are known
		if erased != nil {
			l.told.add(erased)
		}
		l.told.upTo = sequence
	}
	l.reached = sequence
}

// stage stages what a message says, and returns the erasures that it tells.
func (l *Log) stage(ctx context.Context, h header, content []byte) ([]erasure, error) {
	switch h.kind {
	case kindRound:
		return nil, l.stageRound(content, h.last, h.hash)
	case kindErased:
		if err := l.flush(); err != nil {
			return nil, err
		}
		list, err := parseErasures(content)
		if err != nil {
			return nil, err
		}
		seqs := make([]int64, len(list))
		for i := range list {
			seqs[i] = list[i].seq
		}
		return list, l.eraseHere(ctx, seqs...)
	}
	return nil, nil
}

// stageRound stages the events of a round that ends with event last, which has the hash.
func (l *Log) stageRound(content []byte, last int64, want eventlog.Hash) error {
	round, err := parseEvents(content, l.end.Seq+1)
	if err != nil {
		return err
	}
	if n := int64(len(round.list)); n == 0 || l.end.Seq+n != last {
		return fmt.Errorf("%w: a round of %d events after event %d ends with event %d", ErrHistory, n, l.end.Seq, last)
	}
	hash := l.end.Hash
	for _, e := range round.list {
		hash = eventlog.Chain(hash, e)
	}
	if hash != want {
		return fmt.Errorf("%w: event %d has another hash", ErrHistory, last)
	}
	l.staged.add(round, hash)
	l.end = eventlog.Head{Seq: last, Hash: hash, At: round.list[len(round.list)-1].At}
	return nil
}

// flush appends to the replica what is staged.
func (l *Log) flush() error {
	if err := l.finish(); err != nil {
		return err
	}
	if l.staged.upTo <= l.applied {
		return nil
	}
	return l.appendToReplica(&l.staged)
}

// beside is a batch that is being appended to the replica while the next one is read.
type beside struct {
	upTo uint64
	done chan error
}

// flushBeside begins to append to the replica what is staged. finish must be called before mu is let go.
func (l *Log) flushBeside() error {
	if err := l.finish(); err != nil {
		return err
	}
	if l.staged.upTo <= l.applied {
		return nil
	}
	if len(l.staged.copied.Events) == 0 {
		return l.flush()
	}
	b := l.staged
	l.beside = &beside{b.upTo, make(chan error, 1)}
	go func(done chan<- error) { done <- l.Log.AppendCopied(context.Background(), &b.copied) }(l.beside.done)
	l.staged, l.stagedAt = batch{upTo: b.upTo}, time.Now()
	return nil
}

// finish waits until what is appended beside is in the replica.
func (l *Log) finish() error {
	b := l.beside
	if b == nil {
		return nil
	}
	l.beside = nil
	if err := <-b.done; err != nil {
		l.dropStaged()
		return err
	}
	l.applied = b.upTo
	l.position.Store(b.upTo)
	l.advanced.Raise()
	return nil
}

// dropStaged forgets what was read and is not in the replica: it is read again.
func (l *Log) dropStaged() {
	l.setApplied(l.applied)
}

// catchUp reads the stream up to its end. Errors: eventlog.ErrUnavailable, and those of Follow.
func (l *Log) catchUp(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, l.finish()) }()
	l.dropStaged()
	last, err := l.lastSequence(ctx)
	if err != nil || last <= l.applied {
		return err
	}
	iter, err := messagesFrom(ctx, l.stream, l.applied+1)
	if err != nil {
		return unavailable("read the log", err)
	}
	defer iter.Stop()
	for l.reached < last {
		wait, cancel := context.WithTimeout(ctx, l.o.Patience)
		message, err := iter.Next(jetstream.NextContext(wait))
		cancel()
		if err != nil {
			return unavailable("read the log", err)
		}
		if err := l.take(ctx, message, farStaged, l.flushBeside); err != nil {
			return err
		}
	}
	return l.flush()
}

// catchUpWithRival reads the stream of which somebody else has taken the next place, until that is read too.
func (l *Log) catchUpWithRival(ctx context.Context) error {
	for was := l.applied; ; {
		err := l.catchUp(ctx)
		if l.applied > was || isOfReplica(err) {
			return err
		}
		select { // a server that did not know yet has answered
		case <-ctx.Done():
			return unavailable("read the log", errors.Join(ctx.Err(), err))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// CatchUp appends to the replica what the stream had at the time of the call. Errors: eventlog.ErrUnavailable, and those of Follow.
func (l *Log) CatchUp(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.joined {
		return errNotJoined
	}
	return l.catchUp(ctx)
}
