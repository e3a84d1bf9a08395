package natslog

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Options configure a Log. JetStream and Cluster must be set.
type Options struct {
	JetStream jetstream.JetStream
	Cluster   string // name of the cluster, see IsClusterName
	Replicas  int    // that the stream gets when it is made: 1, 3 or 5; 0 = 3
	Least     int    // that a stream which is there must have; 0 = Replicas
	// Patience is how long an Append tries to find out whether a round was stored of which no
	// acknowledgement came, and how long reading the stream waits for an answer. 0 = 15 s.
	Patience time.Duration
	Logger   *slog.Logger // nil = slog.Default()
}

// Log is the log of a cluster, as one node has it. It implements eventlog.Log: reading is done in the replica,
// which may be behind the stream; see Follow.
type Log struct {
	*sqlitelog.Log // the replica; Append and ErasePayloads are those of this package

	o     Options
	names names

	advanced eventlog.Signal // raised when the replica has new events

	// request publishes a message and returns the acknowledgement. Tests lose and delay what it does.
	request func(ctx context.Context, m *nats.Msg) (*nats.Msg, error)

	position atomic.Uint64 // is applied

	waits    context.Context // ends when nothing is to wait for the stream any more
	endWaits context.CancelFunc

	mu        sync.Mutex // held by all that appends to the replica
	closed    bool       // guarded by mu, as what follows
	joined    bool       // the stream is known, and where the replica stands
	stream    jetstream.Stream
	created   time.Time     // when the stream was made
	behind    time.Time     // since when the stream seems to end before the replica; zero = it does not
	most      int           // bytes of a message
	applied   uint64        // sequence of the last message of the stream that the replica has
	staged    batch         // read from the stream, and about to be appended to the replica
	stagedAt  time.Time     // when the first of them was read
	beside    *beside       // being appended to the replica; nil = nothing is
	end       eventlog.Head // of the log with what is staged
	partial   []byte        // content of the parts of a round that were read
	parts     int           // how many they are
	reached   uint64        // sequence of the last message that was read, at least applied
	told      told          // erasures
	looked    time.Time     // at the state of the stream, by an append
	doubtful  bool          // a round was published, and it is not known whether it is stored
	lookedFor roundID       // the round that an Append looks for
	found     bool          // it was read
}

var _ eventlog.Log = (*Log)(nil)

// New returns the log of a cluster, with a replica of it. It can be read at once. Join connects it. Close closes
// the replica.
func New(replica *sqlitelog.Log, o Options) *Log {
	o = o.withDefaults()
	l := &Log{Log: replica, o: o, names: namesOf(o.Cluster)}
	l.waits, l.endWaits = context.WithCancel(context.Background())
	l.request = func(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
		return o.JetStream.Conn().RequestMsgWithContext(ctx, m)
	}
	return l
}

func (o Options) withDefaults() Options {
	if o.Replicas == 0 {
		o.Replicas = 3
	}
	if o.Least == 0 {
		o.Least = o.Replicas
	}
	if o.Patience == 0 {
		o.Patience = 15 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Hurry says that the node is about to stop: after so long, nothing waits for the stream any more.
func (l *Log) Hurry(after time.Duration) { time.AfterFunc(after, l.endWaits) }

// patient is a context that ends after Patience and more, or as Hurry says; it does not end with ctx, of which it has the values.
func (l *Log) patient(ctx context.Context, more time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.o.Patience+more)
	stop := context.AfterFunc(l.waits, cancel)
	return ctx, func() { stop(); cancel() }
}

// errNotJoined: Join has not been called, or has failed.
var errNotJoined = fmt.Errorf("%w: this node has not found the log of the cluster yet", eventlog.ErrUnavailable)

// Join finds the stream and where the replica stands in it. Errors: ErrNoStream, ErrStream, ErrHistory,
// eventlog.ErrUnavailable, ErrDamaged; sqlitelog.ErrOther: the replica is of another log. It may be called again.
func (l *Log) Join(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return unavailable("find the log of the cluster", eventlog.ErrClosed)
	}
	l.joined = false
	if err := l.enter(ctx); err != nil {
		return err
	}
	if err := l.locate(ctx); err != nil {
		return err
	}
	l.joined = true
	return nil
}

// enter finds the stream.
func (l *Log) enter(ctx context.Context) error {
	stream, err := openStream(ctx, l.o)
	if err != nil {
		return err
	}
	info := stream.CachedInfo()
	if id := info.Config.Metadata[metaLogID]; id != l.ID() {
		return fmt.Errorf("%w: it is a replica of log %s, and the log of cluster %s is %s; move the folder away", sqlitelog.ErrOther, l.ID(), l.o.Cluster, id)
	}
	if epoch := info.Config.Metadata[metaEpoch]; epoch != l.Epoch() {
		return fmt.Errorf("%w: a loss of events was accepted in one of them, not in the other; move the folder away, and this node copies the log of the others", ErrHistory)
	}
	if !info.Created.Equal(l.created) {
		l.told = told{}
	}
	l.stream, l.created = stream, info.Created
	l.most = int(min(l.o.JetStream.Conn().MaxPayload(), mostMessage)) - messageOverhead
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
func (l *Log) Position() uint64 { return l.position.Load() }

// Close stops reading and closes the replica.
func (l *Log) Close() error {
	l.mu.Lock()
	l.closed, l.joined = true, false
	l.endWaits()
	l.mu.Unlock()
	return l.Log.Close()
}
