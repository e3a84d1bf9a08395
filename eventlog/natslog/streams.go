package natslog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"daybook/eventlog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Keys of the metadata of the stream of rounds.
const (
	metaLogID = "daybook_log_id"
	metaEpoch = "daybook_epoch"
)

// ErrStream: the stream is not one that a log can be kept in. The error says what to change.
var ErrStream = errors.New("stream cannot hold the log")

// ErrNoStream: the cluster has no stream yet.
var ErrNoStream = errors.New("cluster has no log yet")

// names are those of the stream of a cluster and of its subjects.
type names struct{ stream, eventsSubject, erasuresSubject, allSubjects string }

func namesOf(cluster string) names {
	prefix := "daybook." + cluster
	return names{
		stream: "daybook-" + cluster + "-events", eventsSubject: prefix + ".events", erasuresSubject: prefix + ".erasures", allSubjects: prefix + ".*",
	}
}

// StreamName is the name of the stream that has the log of a cluster.
func StreamName(cluster string) string { return namesOf(cluster).stream }

// IsClusterName reports whether the name may be that of a cluster: 1 to 32 of A-Z a-z 0-9 _ -
func IsClusterName(name string) bool {
	return name != "" && len(name) <= 32 && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

// configOf is that of the stream. Messages may be deleted, since an erasure does; what else is missing is noticed.
func configOf(o Options, id, epoch string) jetstream.StreamConfig {
	n := namesOf(o.Cluster)
	return jetstream.StreamConfig{
		Name: n.stream, Subjects: []string{n.eventsSubject, n.erasuresSubject}, Description: "The log of Daybook: never edit or purge it.",
		Storage: jetstream.FileStorage, Replicas: o.Replicas, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, DenyPurge: true, AllowAtomicPublish: true,
		Duplicates: time.Second, Metadata: map[string]string{metaLogID: id, metaEpoch: epoch},
	}
}

// Identity is the ID and the epoch of the log of the cluster. Errors: ErrNoStream, ErrStream, eventlog.ErrUnavailable.
func Identity(ctx context.Context, o Options) (id, epoch string, err error) {
	o = o.withDefaults()
	s, err := openStream(ctx, o)
	if err != nil {
		return "", "", err
	}
	meta := s.CachedInfo().Config.Metadata
	return meta[metaLogID], meta[metaEpoch], nil
}

// Make makes the stream of a new log; epoch "" = its first one. Whoever comes second finds that of the first. Errors: eventlog.ErrUnavailable, ErrStream.
func Make(ctx context.Context, o Options, id, epoch string) error {
	o = o.withDefaults()
	if epoch == "" {
		epoch = eventlog.FirstEpoch(id)
	}
	if _, err := o.JetStream.CreateStream(ctx, configOf(o, id, epoch)); err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return cannotMake("make the stream of the log", o, err)
	}
	return nil
}

// cannotMake is why a stream cannot be made.
func cannotMake(what string, o Options, err error) error {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == codeReplicasNotSupported {
		return fmt.Errorf("%w: %s: this NATS server is alone and cannot keep %d replicas: connect to a cluster of NATS servers, or start with --replicas 1", ErrStream, what, o.Replicas)
	}
	return notThere(what, err)
}

// notThere is an error of asking for a stream.
func notThere(what string, err error) error {
	if errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
		return fmt.Errorf("%w: %s: NATS runs without JetStream: start it with JetStream, for this account too", ErrStream, what)
	}
	if errors.Is(err, nats.ErrNoResponders) {
		err = fmt.Errorf("NATS runs without JetStream, or it is not ready yet: %w", err)
	}
	return unavailable(what, err)
}

// openStream finds the stream and checks it.
func openStream(ctx context.Context, o Options) (jetstream.Stream, error) {
	name := StreamName(o.Cluster)
	stream, err := o.JetStream.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		older, err := olderStream(ctx, o)
		switch {
		case err != nil:
			return nil, err
		case older != nil:
			return nil, errOlder
		}
		return nil, fmt.Errorf("%w: %s", ErrNoStream, o.Cluster)
	}
	if err != nil {
		return nil, notThere("look for the stream of the log", err)
	}
	config := stream.CachedInfo().Config
	if why := differs(config, configOf(o, "", ""), o.Least); why != "" {
		return nil, fmt.Errorf("%w: stream %s: %s", ErrStream, name, why)
	}
	if config.Metadata[metaLogID] == "" {
		return nil, fmt.Errorf("%w: stream %s: it was not made by Daybook; import the log into a new cluster", ErrStream, name)
	}
	return stream, nil
}

// differs says what is wrong with the settings of a stream, "" if nothing is.
func differs(have, want jetstream.StreamConfig, replicas int) string {
	switch {
	case have.Replicas < replicas:
		return fmt.Sprintf("it has %d replicas, not %d: raise it with `nats stream edit --replicas %d`, or start with --replicas %d", have.Replicas, replicas, replicas, have.Replicas)
	case have.Storage != want.Storage:
		return "it is kept in memory: make it anew with storage in files"
	case have.Retention != want.Retention || have.Discard != want.Discard || have.MaxAge != 0 || have.MaxMsgs > 0 || have.MaxBytes > 0 || have.MaxMsgsPerSubject > 0:
		return "it discards messages: remove its limits of age, number and size, and let it discard new ones"
	case !have.DenyPurge:
		return "it may be purged: it was not made by Daybook; import the log into a new cluster"
	case want.AllowAtomicPublish && !have.AllowAtomicPublish:
		return "it takes no batches: set allow_atomic, with a NATS server of version 2.12 or newer"
	case have.Mirror != nil || len(have.Sources) > 0 || !slices.Equal(slices.Sorted(slices.Values(have.Subjects)), slices.Sorted(slices.Values(want.Subjects))):
		return fmt.Sprintf("it must take the subjects %s and nothing else", strings.Join(want.Subjects, " and "))
	}
	return ""
}

// unavailable makes an error of the NATS client one of a log.
func unavailable(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", eventlog.ErrUnavailable, what, err)
}
