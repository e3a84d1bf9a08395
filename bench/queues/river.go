package queues

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"daybook/bench/measure"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// riverQueue is River on the database whose transactions are TTx. Tasks that ended are
// kept for a day, as by default.
type riverQueue[TTx any] struct {
	client *river.Client[TTx]
	hits   *measure.Hits
	left   func(context.Context) (int64, error) // tasks that have not ended
	facts  func(context.Context) (measure.Facts, error)
	close  func() error
	works  bool
}

const (
	riverCooldown = time.Millisecond // the least that River allows
	riverUnended  = `SELECT count(*) FROM river_job WHERE state IN ('available', 'running', 'retryable', 'scheduled', 'pending')`
)

// riverArgs is the task that does nothing.
type riverArgs struct {
	Text string `json:"text"`
}

// Kind is River's name for the type.
func (riverArgs) Kind() string { return "noop" }

func newRiver[TTx any](ctx context.Context, driver riverdriver.Driver[TTx], j measure.Job, hits *measure.Hits, poll time.Duration) (*riverQueue[TTx], error) {
	quiet := slog.New(slog.DiscardHandler)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(context.Context, *river.Job[riverArgs]) error {
		hits.Hit()
		return nil
	}))
	client, err := river.NewClient(driver, &river.Config{
		FetchCooldown: riverCooldown, FetchPollInterval: poll, Logger: quiet, Workers: workers,
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: j.Workers}},
	})
	return &riverQueue[TTx]{client: client, hits: hits}, err
}

func openRiverSQLite(synchronous string) measure.Opener {
	const poll = time.Millisecond // nothing notifies it
	return func(ctx context.Context, j measure.Job, hits *measure.Hits) (measure.System, error) {
		db, err := openSQLite(j.Dir, synchronous)
		if err != nil {
			return nil, err
		}
		r, err := newRiver[*sql.Tx](ctx, riversqlite.New(db), j, hits, poll)
		if err != nil {
			return nil, err
		}
		r.left = func(ctx context.Context) (int64, error) { return count(ctx, db, riverUnended) }
		r.close = db.Close
		r.facts = func(ctx context.Context) (measure.Facts, error) {
			return sqliteFacts(ctx, db, fmt.Sprintf("%d workers, fetch cooldown %v, poll %v, 1 connection", j.Workers, riverCooldown, poll))
		}
		return r, nil
	}
}

func openRiverPostgres(ctx context.Context, j measure.Job, hits *measure.Hits) (measure.System, error) {
	const poll = 20 * time.Millisecond // beside LISTEN and NOTIFY
	pool, err := openPostgres(ctx, j.Server, 64)
	if err != nil {
		return nil, err
	}
	r, err := newRiver[pgx.Tx](ctx, riverpgxv5.New(pool), j, hits, poll)
	if err != nil {
		return nil, err
	}
	r.left = func(ctx context.Context) (n int64, err error) {
		err = pool.QueryRow(ctx, riverUnended).Scan(&n)
		return n, err
	}
	r.close = func() error { pool.Close(); return nil }
	r.facts = func(ctx context.Context) (measure.Facts, error) {
		return postgresFacts(ctx, pool, fmt.Sprintf("%d workers, fetch cooldown %v, poll %v beside NOTIFY, %d connections; many a call: InsertManyFast",
			j.Workers, riverCooldown, poll, pool.Config().MaxConns))
	}
	return r, nil
}

func (r *riverQueue[TTx]) Caller() (measure.Caller, error) { return same(r.submit), nil }

func (r *riverQueue[TTx]) submit(ctx context.Context, n int) error {
	args := riverArgs{Text: measure.Text}
	if n == 1 {
		_, err := r.client.Insert(ctx, args, nil)
		return err
	}
	many := make([]river.InsertManyParams, n)
	for i := range many {
		many[i].Args = args
	}
	_, err := r.client.InsertManyFast(ctx, many)
	return err
}

func (r *riverQueue[TTx]) Work(ctx context.Context) error {
	r.works = true
	return r.client.Start(ctx)
}

func (r *riverQueue[TTx]) Ended(ctx context.Context, n int64) (int64, error) {
	return r.hits.Settle(ctx, n, r.left)
}

func (r *riverQueue[TTx]) Left(ctx context.Context) (int64, error) { return r.left(ctx) }

func (r *riverQueue[TTx]) Facts(ctx context.Context) (measure.Facts, error) { return r.facts(ctx) }

func (r *riverQueue[TTx]) Close() error {
	if r.works {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := r.client.StopAndCancel(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return r.close()
}
