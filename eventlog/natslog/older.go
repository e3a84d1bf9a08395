package natslog

import (
	"context"
	"errors"
	"fmt"

	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"

	"github.com/nats-io/nats.go/jetstream"
)

// Earlier versions kept a log in two streams, rounds and payloads (ADR 48). Such a log is brought into one stream by an import of
// the folder of a node, which has all of it.

// errOlder: the log is still in those streams.
var errOlder = fmt.Errorf("%w: an earlier version has kept it in other streams: stop the nodes of that version, start those of this one, and one that has all events once with --cluster-import", ErrNoStream)

// olderNames are those of the streams of earlier versions, that of the rounds first.
func olderNames(cluster string) []string {
	return []string{"daybook-" + cluster + "-log", "daybook-" + cluster + "-payloads"}
}

// olderStream is the stream of rounds of an earlier version, nil if there is none.
func olderStream(ctx context.Context, o Options) (jetstream.Stream, error) {
	stream, err := o.JetStream.Stream(ctx, olderNames(o.Cluster)[0])
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, notThere("look for the streams of an earlier version", err)
	}
	return stream, nil
}

// checkOlder refuses to import a folder that has not all events of the streams of an earlier version.
func (i *importer) checkOlder(ctx context.Context) error {
	older, err := olderStream(ctx, i.o)
	if err != nil || older == nil {
		return err
	}
	if id := older.CachedInfo().Config.Metadata[metaLogID]; id != i.ID() {
		return fmt.Errorf("%w: it is of log %s, and the streams of an earlier version of this cluster are of log %s: import the folder of one of its nodes", sqlitelog.ErrOther, i.ID(), id)
	}
	if older.CachedInfo().State.LastSeq == 0 {
		return nil
	}
	message, err := older.GetMsg(ctx, older.CachedInfo().State.LastSeq)
	if err != nil {
		return unavailable("read the end of the log of an earlier version", err)
	}
	h, _, err := parseHeader(message.Data)
	switch {
	case err != nil:
		return err
	case h.last > i.total:
		return fmt.Errorf("%w: the folder has %d events, and the streams of an earlier version of this cluster %d: import the folder of a node that has all", ErrHistory, i.total, h.last)
	case h.last == 0:
		return nil
	}
	same, err := i.Events(ctx, []int64{h.last})
	if err == nil && same[0].Hash != h.hash {
		err = fmt.Errorf("%w: at event %d of the streams of an earlier version: import the folder of another node", ErrHistory, h.last)
	}
	return err
}

// deleteOlder deletes the streams of an earlier version. All that they had is in the stream of this one.
func (i *importer) deleteOlder(ctx context.Context) error {
	for _, name := range olderNames(i.o.Cluster) {
		if err := i.o.JetStream.DeleteStream(ctx, name); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("%w: delete stream %s of an earlier version: %w", eventlog.ErrUnavailable, name, err)
		}
	}
	return nil
}
