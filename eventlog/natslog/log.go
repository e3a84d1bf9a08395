package natslog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"

	"github.com/nats-io/nats.go/jetstream"
)

// Options configure a Log. JetStream and Cluster must be set.
type Options struct {
	JetStream jetstream.JetStream
	Cluster   string // name of the cluster, see IsClusterName
	Replicas  int    // that each stream has at least: 1, 3 or 5; 0 = 3
	// Patience is how long an Append tries to find out whether a round was stored of which no
	// acknowledgement came, and how long reading the stream waits for an answer. 0 = 15 s.
	Patience time.Duration
	Logger   *slog.Logger // nil = slog.Default()
}

// Log is the log of a cluster, as one node has it. It implements eventlog.Log: reading is done in the replica,
// which may be behind the stream; see Follow.
type Log struct {
	*sqlitelog.Log // the replica; Append and ErasePayload are those of this package

	o     Options
	names names

	advanced eventlog.Signal // raised when the replica has new events

	mu        sync.Mutex // held by all that appends to the replica
	joined    bool       // guarded by mu, as what follows: the streams are known, and where the replica stands
	rounds    jetstream.Stream
	bodies    bodyReader
	most      int           // bytes of a message
	applied   uint64        // sequence of the last message of the stream that the replica has
	staged    batch         // read from the stream, and about to be appended to the replica
	stagedAt  time.Time     // when the first of them was read
	end       eventlog.Head // of the log with what is staged
	partial   []byte        // content of the parts of a round that were read
	parts     int           // how many they are
	reached   uint64        // sequence of the last message that was read, at least applied
	doubtful  bool          // a round was published, and it is not known whether it is stored
	lookedFor roundID       // the round that an Append looks for
	found     bool          // it was read
}

var _ eventlog.Log = (*Log)(nil)

// New returns the log of a cluster, with a replica of it. It can be read at once. Join connects it. Close closes
// the replica.
func New(replica *sqlitelog.Log, o Options) *Log {
	o = o.withDefaults()
	return &Log{Log: replica, o: o, names: namesOf(o.Cluster)}
}

func (o Options) withDefaults() Options {
	if o.Replicas == 0 {
		o.Replicas = 3
	}
	if o.Patience == 0 {
		o.Patience = 15 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// errNotJoined: Join has not been called, or has failed.
var errNotJoined = fmt.Errorf("%w: this node has not found the log of the cluster yet", eventlog.ErrUnavailable)

// Join finds the streams and where the replica stands in them. Errors: ErrNoStream, ErrStream, ErrHistory,
// eventlog.ErrUnavailable, ErrDamaged; sqlitelog.ErrOther: the replica is of another log. It may be called again.
func (l *Log) Join(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	rounds, payloads, err := openStreams(ctx, l.o)
	if err != nil {
		return err
	}
	meta := rounds.CachedInfo().Config.Metadata
	if id := meta[metaLogID]; id != l.ID() {
		return fmt.Errorf("%w: it is a replica of log %s, and the log of cluster %s is %s", sqlitelog.ErrOther, l.ID(), l.o.Cluster, id)
	}
	l.rounds = rounds
	l.bodies.close()
	l.bodies = bodyReader{stream: payloads}
	l.most = int(min(l.o.JetStream.Conn().MaxPayload(), mostMessage)) - messageOverhead
	if err := l.locate(ctx); err != nil {
		return err
	}
	l.joined = true
	return nil
}

const (
	// mostMessage is the size that messages are kept below: larger ones make NATS slower, in bytes.
	mostMessage = 1 << 20
	// messageOverhead is room for the headers of a message, in bytes.
	messageOverhead = 1 << 10
)

// Advanced returns a channel that is closed when the replica has new events. Call it before looking at the head.
func (l *Log) Advanced() <-chan struct{} { return l.advanced.Wait() }

// Position is where the replica stands: the sequence in the stream of the last round that it has.
func (l *Log) Position() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.applied
}

// Close stops reading and closes the replica.
func (l *Log) Close() error {
	l.mu.Lock()
	l.joined = false
	l.bodies.close()
	l.mu.Unlock()
	return l.Log.Close()
}

// ErasePayload deletes the body that belongs to event seq on all nodes. See eventlog.Log. Other nodes delete it when
// they read on.
func (l *Log) ErasePayload(ctx context.Context, seq int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.joined {
		return errNotJoined
	}
	if err := l.catchUp(ctx); err != nil {
		return err
	}
	_, err := l.Log.Payload(ctx, seq)
	if errors.Is(err, eventlog.ErrErased) || errors.Is(err, eventlog.ErrNotFound) {
		return fmt.Errorf("erase payload of event %d: %w", seq, eventlog.ErrNotFound)
	}
	pieces, err := l.piecesOf(ctx, seq)
	if err != nil {
		return fmt.Errorf("erase payload of event %d: %w", seq, err)
	}
	for _, sequence := range pieces {
		if err := l.bodies.stream.SecureDeleteMsg(ctx, sequence); err != nil && !isGone(err) {
			return fmt.Errorf("erase payload of event %d: %w", seq, unavailable("delete it from the stream", err))
		}
	}
	if err := l.tellErased(ctx, seq); err != nil {
		return fmt.Errorf("erase payload of event %d: %w", seq, err)
	}
	return l.eraseHere(ctx, seq)
}

// eraseHere deletes the body from the replica, if it is there.
func (l *Log) eraseHere(ctx context.Context, seq int64) error {
	err := l.Log.ErasePayload(context.WithoutCancel(ctx), seq)
	if errors.Is(err, eventlog.ErrNotFound) {
		return nil
	}
	return err
}

func isGone(err error) bool {
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true
	}
	// "sequence N not found", or one that was deleted before.
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.ErrorCode == codeSequenceNotFound || api.ErrorCode == codeDeleteFailed
	}
	return false
}
