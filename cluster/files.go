package cluster

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"daybook/eventlog"
	"daybook/files"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// bucket is the object store in which all nodes have the files.
type bucket struct {
	n *Node

	asking sync.Mutex // one call of has at a time

	mu    sync.Mutex
	store jetstream.ObjectStore // guarded by mu; nil until it was found or made
}

// Files keeps files for all nodes.
func (n *Node) Files() files.Shared { return &bucket{n: n} }

// bucketName is the name of the bucket.
func (n *Node) bucketName() string { return "daybook-" + n.o.name() + "-files" }

// open finds or makes the bucket.
func (b *bucket) open(ctx context.Context) (jetstream.ObjectStore, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.store != nil {
		return b.store, nil
	}
	name := b.n.bucketName()
	store, err := b.n.stream.ObjectStore(ctx, name)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		var copies int
		if copies, err = b.n.copies(ctx); err == nil {
			store, err = b.n.stream.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: name, Storage: jetstream.FileStorage,
				Replicas: copies, Description: "Files of Daybook, by SHA-256."})
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: open the files of the cluster: %w", eventlog.ErrUnavailable, err)
	}
	if err := b.check(ctx, store); err != nil {
		return nil, err
	}
	if store, err = b.atLeader(ctx, store, name); err != nil {
		return nil, fmt.Errorf("%w: open the files of the cluster: %w", eventlog.ErrUnavailable, err)
	}
	b.store = store
	return store, nil
}

// atLeader has the bucket read at the server that orders it. By default any server answers, also one that does not have yet what was
// acknowledged: a file would seem not to be there.
func (b *bucket) atLeader(ctx context.Context, store jetstream.ObjectStore, name string) (jetstream.ObjectStore, error) {
	s, err := b.n.stream.Stream(ctx, "OBJ_"+name)
	if err != nil {
		return nil, err
	}
	config := s.CachedInfo().Config
	if !config.AllowDirect {
		return store, nil
	}
	config.AllowDirect = false
	if _, err := b.n.stream.UpdateStream(ctx, config); err != nil {
		return nil, err
	}
	return b.n.stream.ObjectStore(ctx, name)
}

// check refuses a bucket that somebody has made with fewer replicas than the log must have.
func (b *bucket) check(ctx context.Context, store jetstream.ObjectStore) error {
	status, err := store.Status(ctx)
	if err != nil {
		return fmt.Errorf("%w: open the files of the cluster: %w", eventlog.ErrUnavailable, err)
	}
	if have, want := status.Replicas(), b.n.leastReplicas(); have < want {
		return fmt.Errorf("%w: the files of the cluster have %d replicas, not %d: raise that with `nats stream edit OBJ_%s --replicas %d`", eventlog.ErrUnavailable, have, want, status.Bucket(), want)
	}
	return nil
}

// Put keeps a file, unless all nodes have it already.
func (b *bucket) Put(ctx context.Context, info files.Info, content io.Reader) error {
	store, err := b.open(ctx)
	if err != nil {
		return err
	}
	if _, err := store.GetInfo(ctx, info.ID); err == nil {
		return nil
	}
	meta := jetstream.ObjectMeta{Name: info.ID, Metadata: map[string]string{"name": info.Name, "type": info.ContentType}}
	if _, err = store.Put(ctx, meta, content); err != nil {
		return fmt.Errorf("%w: give the file to the other nodes: %w", eventlog.ErrUnavailable, err)
	}
	return nil
}

// currentTime is how long the server that orders the bucket may take to answer.
const currentTime = 2 * time.Second

// has reports whether the bucket has a file. The server that answers may be one that does not know yet that another one orders the bucket: so
// something new is stored, and only an answer that has it counts. Then it has all that was acknowledged before the call.
func (b *bucket) has(ctx context.Context, id string) (bool, error) {
	b.asking.Lock()
	defer b.asking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, currentTime)
	defer cancel()
	name := b.n.bucketName()
	stream, err := b.n.stream.Stream(ctx, "OBJ_"+name)
	if err != nil {
		return false, err
	}
	subject := func(kind, of string) string { return "$O." + name + "." + kind + "." + of }
	mark := &nats.Msg{Subject: subject("C", "asked-by-"+b.n.o.Node), Header: nats.Header{jetstream.MsgRollup: {jetstream.MsgRollupSubject}}} // no file has it
	stored, err := b.n.stream.PublishMsg(ctx, mark)
	if err != nil {
		return false, err
	}
	file := subject("M", base64.URLEncoding.EncodeToString([]byte(id)))
	for {
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(file))
		if err != nil {
			return false, err
		}
		if info.State.LastSeq >= stored.Sequence {
			return info.State.Subjects[file] > 0, nil
		}
		if !sleep(ctx, tick) {
			return false, ctx.Err()
		}
	}
}

// Get returns a file.
func (b *bucket) Get(ctx context.Context, id string) (io.ReadCloser, files.Info, error) {
	store, err := b.open(ctx)
	if err != nil {
		return nil, files.Info{}, err
	}
	object, err := store.Get(ctx, id)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		there, asked := b.has(ctx, id)
		if asked == nil && !there {
			return nil, files.Info{}, files.ErrNotFound
		}
		for until := time.Now().Add(currentTime); asked == nil && errors.Is(err, jetstream.ErrObjectNotFound) && time.Now().Before(until) && sleep(ctx, tick); {
			object, err = store.Get(ctx, id) // who says again that it is not there does not know
		}
		err = errors.Join(err, asked)
	}
	if err != nil {
		return nil, files.Info{}, fmt.Errorf("%w: get a file from the other nodes: %w", eventlog.ErrUnavailable, err)
	}
	about, err := object.Info()
	if err != nil {
		return nil, files.Info{}, errors.Join(err, object.Close())
	}
	return object, files.Info{ID: id, Name: about.Metadata["name"], ContentType: about.Metadata["type"], Size: int64(about.Size), SHA256: id}, nil
}
