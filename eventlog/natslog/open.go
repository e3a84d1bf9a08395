package natslog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"daybook/eventlog/sqlitelog"
)

// Begin opens the replica. It makes what is not there: the stream, if the folder is empty too, and the replica. Errors: those of
// sqlitelog.Open, Identity and Make.
func Begin(ctx context.Context, replica sqlitelog.Options, o Options) (*Log, error) {
	o = o.withDefaults()
	id, epoch, err := Identity(ctx, o)
	if errors.Is(err, ErrNoStream) && !errors.Is(err, errOlder) {
		id, epoch, err = found(ctx, replica.Dir, o)
	}
	if err != nil {
		return nil, err
	}
	replica.ID, replica.Epoch = id, epoch
	inner, err := sqlitelog.Open(ctx, replica)
	if err != nil {
		return nil, err
	}
	return New(inner, o), nil
}

// Open opens the replica as Begin does and joins the cluster with it. It returns when the replica has what the stream had. Errors: those of
// Begin, Join and CatchUp.
func Open(ctx context.Context, replica sqlitelog.Options, o Options) (*Log, error) {
	l, err := Begin(ctx, replica, o)
	if err != nil {
		return nil, err
	}
	for err = l.Join(ctx); errors.Is(err, errBehind) && ctx.Err() == nil; err = l.Join(ctx) {
		select {
		case <-ctx.Done():
		case <-time.After(behindTime):
		}
	}
	if err == nil {
		err = l.CatchUp(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// behindTime is how long to wait for a stream that seems to be behind.
const behindTime = 100 * time.Millisecond

// found makes the stream of a new log, and returns its ID and epoch.
func found(ctx context.Context, dir string, o Options) (id, epoch string, err error) {
	id = sqlitelog.NewID(time.Now())
	old, err := sqlitelog.OpenReadOnly(ctx, dir)
	switch {
	case err == nil:
		head := old.Head().Seq
		id, epoch = old.ID(), old.Epoch()
		if err := old.Close(); err != nil {
			return "", "", err
		}
		if head > 0 {
			return "", "", errAlone
		}
	case !errors.Is(err, os.ErrNotExist):
		return "", "", err
	}
	if err := Make(ctx, o, id, epoch); err != nil {
		return "", "", err
	}
	return Identity(ctx, o)
}

// errAlone: the folder has a log, and the cluster has none.
var errAlone = fmt.Errorf("%w, and the folder has a log already: start this node once with --cluster-import to bring it into the cluster, or with an empty folder", ErrNoStream)
