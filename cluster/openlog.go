package cluster

import (
	"context"
	"errors"
	"time"

	"daybook/eventlog/natslog"
	"daybook/eventlog/sqlitelog"
)

// logIn is the ID of the log in a data folder, "" = it has none, or none that can be read: opening it says why.
func logIn(dir string) string {
	log, err := sqlitelog.OpenReadOnly(context.Background(), dir)
	if err != nil {
		return ""
	}
	defer log.Close()
	if log.Head().Seq == 0 {
		return ""
	}
	return log.ID()
}

// Log opens the replica of the log in the data folder. A folder that has one is opened at once, whoever else runs. For a new
// one the log of the cluster must be found, or made, which needs a majority of the nodes: it waits for them until ctx
// ends. Errors: those of sqlitelog.Open and natslog.Open.
func (n *Node) Log(ctx context.Context, o sqlitelog.Options) (*natslog.Log, error) {
	settings := natslog.Options{JetStream: n.stream, Cluster: n.o.name(), Replicas: n.replicas(), Least: n.leastReplicas(), Logger: n.logger}
	o.Dir, o.Replica = n.o.Data, true
	if has, err := sqlitelog.HasEvents(ctx, o.Dir); err != nil {
		return nil, err
	} else if has {
		replica, err := sqlitelog.Open(ctx, o)
		if err == nil && n.o.Import {
			if err = n.importLog(ctx, replica, settings); err != nil {
				err = errors.Join(err, replica.Close())
			}
		}
		if err != nil {
			return nil, err
		}
		n.log = natslog.New(replica, settings)
		return n.log, nil
	}
	var said time.Time
	for began := time.Now(); ; {
		tried, cancel := context.WithTimeout(ctx, joinTime)
		var log *natslog.Log
		var err error
		if n.o.NATS == nil && n.rank() > 0 { // the first node makes a new log, for it may have one that is to be brought into the cluster
			_, _, err = natslog.Identity(tried, settings)
		}
		if err == nil {
			log, err = natslog.Begin(tried, o, settings)
		}
		cancel()
		if err == nil {
			n.log = log
			if n.server != nil {
				if err := n.server.SetLog(log.ID()); err != nil {
					return nil, errors.Join(err, log.Close())
				}
			}
			return log, n.copyLog(ctx)
		}
		if ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), err)
		}
		if !isPassing(err) {
			return nil, err
		}
		if err := n.natsProblem(err, began); err != nil {
			return nil, err
		}
		if time.Since(said) > sayAgain {
			said = time.Now()
			n.sayWaiting(err)
		}
		if !sleep(ctx, retryTime) {
			return nil, ctx.Err()
		}
	}
}

// copyLog reads the log of the others up to its end. It tells them how far it is.
func (n *Node) copyLog(ctx context.Context) error {
	if err := n.tell(); err != nil {
		return errors.Join(err, n.log.Close())
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(n.failed, end)()
	for {
		tried, cancel := context.WithTimeout(ctx, joinTime)
		err := n.log.Join(tried)
		cancel()
		if err == nil {
			err = n.log.CatchUp(ctx)
		}
		switch {
		case err == nil:
			n.note(nil)
			return nil
		case n.failed.Err() != nil:
			err = context.Cause(n.failed)
		case ctx.Err() != nil:
			err = ctx.Err()
		case isPassing(err) && sleep(ctx, retryTime):
			continue
		}
		return errors.Join(err, n.log.Close())
	}
}

// sayWaiting says what a new node waits for.
func (n *Node) sayWaiting(err error) {
	if n.o.NATS != nil {
		n.logger.Info("waiting for NATS, to find or make the log of the cluster", "connected", n.conn.IsConnected(), "error", err)
		return
	}
	n.logger.Info("waiting for a majority of the nodes, to find or make the log of the cluster", "nodes", len(n.members()), "connected", n.server.Peers(), "error", err)
}

// importLog brings the log of the folder into the cluster. It waits for a majority of the nodes.
func (n *Node) importLog(ctx context.Context, from *sqlitelog.Log, settings natslog.Options) error {
	var said time.Time
	for {
		err := natslog.Import(ctx, from, settings, func(done, of int64) {
			if time.Since(said) > sayAgain || done == of {
				said = time.Now()
				n.logger.Info("bringing the log of this folder into the cluster", "events", done, "of", of)
			}
		})
		if err == nil || !isPassing(err) || !sleep(ctx, retryTime) {
			return err
		}
	}
}
