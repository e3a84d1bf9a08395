package queues

import (
	"context"
	"fmt"
	"sync"
	"time"

	"daybook/bench/measure"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/vgarvardt/gue/v5"
	"github.com/vgarvardt/gue/v5/adapter/pgxv5"
)

// gueQueue is gue on PostgreSQL. Each worker holds a connection and a transaction while
// its job runs; the row is deleted when it has.
type gueQueue struct {
	workers int
	pool    *pgxpool.Pool
	client  *gue.Client
	hits    *measure.Hits
	stop    context.CancelFunc
	done    sync.WaitGroup
}

const (
	gueWorkers = 64 // at most: each needs a connection and polls on its own
	guePoll    = 50 * time.Millisecond
)

func openGue(ctx context.Context, j measure.Job, hits *measure.Hits) (measure.System, error) {
	workers := min(j.Workers, gueWorkers)
	pool, err := openPostgres(ctx, j.Server, workers+j.Callers)
	if err != nil {
		return nil, err
	}
	schema, err := moduleFile(ctx, "github.com/vgarvardt/gue/v5", "migrations/schema.sql")
	if err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, schema); err != nil {
		return nil, err
	}
	client, err := gue.NewClient(pgxv5.NewConnPool(pool))
	if err != nil {
		return nil, err
	}
	return &gueQueue{workers: workers, pool: pool, client: client, hits: hits, stop: func() {}}, nil
}

func (g *gueQueue) Caller() (measure.Caller, error) { return same(g.submit), nil }

func (g *gueQueue) submit(ctx context.Context, n int) error {
	many := make([]*gue.Job, n)
	for i := range many {
		many[i] = &gue.Job{Type: "noop", Args: []byte(measure.Payload)}
	}
	if n == 1 {
		return g.client.Enqueue(ctx, many[0])
	}
	return g.client.EnqueueBatch(ctx, many)
}

func (g *gueQueue) Work(ctx context.Context) error {
	noop := gue.WorkMap{"noop": func(context.Context, *gue.Job) error {
		g.hits.Hit()
		return nil
	}}
	pool, err := gue.NewWorkerPool(g.client, noop, g.workers, gue.WithPoolPollInterval(guePoll))
	if err != nil {
		return err
	}
	ctx, g.stop = context.WithCancel(ctx)
	g.done.Go(func() { _ = pool.Run(ctx) })
	return nil
}

func (g *gueQueue) Ended(ctx context.Context, n int64) (int64, error) {
	return g.hits.Settle(ctx, n, g.Left)
}

// Left counts what the store holds: a task that ended is deleted.
func (g *gueQueue) Left(ctx context.Context) (left int64, err error) {
	err = g.pool.QueryRow(ctx, "SELECT count(*) FROM gue_jobs").Scan(&left)
	return left, err
}

func (g *gueQueue) Facts(ctx context.Context) (measure.Facts, error) {
	return postgresFacts(ctx, g.pool, fmt.Sprintf("%d workers, each with its own connection, poll %v; pool of %d connections; tasks that ended are deleted",
		g.workers, guePoll, g.pool.Config().MaxConns))
}

func (g *gueQueue) Close() error {
	g.stop()
	g.done.Wait()
	g.pool.Close()
	return nil
}
