package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"daybook/eventlog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// maxLines is how many bytes of the lines of task logs are kept for nodes that do not run, and linesAge for how long.
	maxLines = 256 << 20
	linesAge = 7 * 24 * time.Hour
	// linesTry is how long one try to add lines may take.
	linesTry = 3 * time.Second
)

// Lines is the stream by which the nodes give each other the lines of task logs. Nothing is decided by it.
type Lines struct {
	n *Node

	mu     sync.Mutex
	stream jetstream.Stream // guarded by mu; nil until it was found or made
}

// Lines gives the lines of task logs to all nodes.
func (n *Node) Lines() *Lines { return &Lines{n: n} }

// linesName is the name of the stream.
func (n *Node) linesName() string { return "daybook-" + n.o.name() + "-lines" }

func (l *Lines) subject() string { return "daybook." + l.n.o.name() + ".lines" }

// open finds or makes the stream.
func (l *Lines) open(ctx context.Context) (jetstream.Stream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stream != nil {
		return l.stream, nil
	}
	name := l.n.linesName()
	stream, err := l.n.stream.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		var copies int
		if copies, err = l.n.copies(ctx); err != nil {
			return nil, fmt.Errorf("%w: open the stream of task logs: %w", eventlog.ErrUnavailable, err)
		}
		stream, err = l.n.stream.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{l.subject()},
			Description: "Lines of the logs of tasks of Daybook, on their way to all nodes.", Storage: jetstream.FileStorage, Replicas: copies,
			Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxBytes: maxLines, MaxAge: linesAge, MaxMsgs: -1, MaxMsgSize: -1,
			// Numbers begin after those that a node may have from before, as from a stream that was lost.
			FirstSeq: uint64(time.Now().Unix())})
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another node was faster
			stream, err = l.n.stream.Stream(ctx, name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: open the stream of task logs: %w", eventlog.ErrUnavailable, err)
	}
	l.stream = stream
	return stream, nil
}

// Add adds lines to those of all nodes, and returns their place in the stream.
func (l *Lines) Add(ctx context.Context, id string, batch []byte) (int64, error) {
	m := &nats.Msg{Subject: l.subject(), Data: batch, Header: nats.Header{jetstream.MsgIDHeader: {id}}}
	for {
		try, cancel := context.WithTimeout(ctx, linesTry)
		_, err := l.open(try)
		if err == nil {
			var ack *jetstream.PubAck
			if ack, err = l.n.stream.PublishMsg(try, m); err == nil {
				cancel()
				return int64(ack.Sequence), nil
			}
		}
		cancel()
		if !sleep(ctx, retryTime) {
			return 0, fmt.Errorf("%w: %w", eventlog.ErrUnavailable, err)
		}
	}
}

// Follow hands over the lines of all nodes, this one's too, from after a place in the stream. It returns when ctx ends.
func (l *Lines) Follow(ctx context.Context, after int64, keep func(place int64, batch []byte) error) {
	begun := time.Now()
	for {
		err := l.read(ctx, &after, keep)
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > sayAgain {
			begun = time.Now()
			l.n.logger.Info("the lines of task logs of other nodes are not there yet", "error", err)
		}
		if !sleep(ctx, retryTime) {
			return
		}
	}
}

// read follows the stream until something breaks.
func (l *Lines) read(ctx context.Context, after *int64, keep func(int64, []byte) error) error {
	opening, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	stream, err := l.open(opening)
	if err != nil {
		return err
	}
	info, err := stream.Info(opening)
	if err != nil {
		return err
	}
	if int64(info.State.LastSeq) < *after {
		l.n.logger.Warn("the stream of task logs is another one than before: following it from its beginning")
		*after = 0
	}
	reader, err := stream.OrderedConsumer(opening, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: uint64(*after) + 1})
	if err != nil {
		return err
	}
	messages, err := reader.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	for {
		m, err := messages.Next()
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		for keep(int64(meta.Sequence.Stream), m.Data()) != nil {
			if !sleep(ctx, time.Second) {
				return ctx.Err()
			}
		}
		*after = int64(meta.Sequence.Stream)
	}
}
