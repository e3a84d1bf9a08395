package queues

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"daybook/bench/measure"

	"maragu.dev/goqite"
	"maragu.dev/goqite/jobs"
)

// goqiteQueue is goqite with its job runner. A message is deleted when its job has run.
type goqiteQueue struct {
	job    measure.Job
	db     *sql.DB
	queue  *goqite.Queue
	runner *jobs.Runner
	hits   *measure.Hits
	stop   context.CancelFunc
	done   sync.WaitGroup
}

const goqitePoll = time.Millisecond

func openGoqite(synchronous string) measure.Opener {
	return func(ctx context.Context, j measure.Job, hits *measure.Hits) (measure.System, error) {
		db, err := openSQLite(j.Dir, synchronous)
		if err != nil {
			return nil, err
		}
		if there, err := count(ctx, db, "SELECT count(*) FROM sqlite_schema WHERE name = 'goqite'"); err != nil {
			return nil, err
		} else if there == 0 {
			schema, err := moduleFile(ctx, "maragu.dev/goqite", "schema_sqlite.sql")
			if err != nil {
				return nil, err
			}
			if _, err := db.ExecContext(ctx, schema); err != nil {
				return nil, err
			}
		}
		queue := goqite.New(goqite.NewOpts{DB: db, Name: "jobs"})
		runner := jobs.NewRunner(jobs.NewRunnerOpts{Limit: j.Workers, PollInterval: goqitePoll, Queue: queue})
		runner.Register("noop", func(context.Context, []byte) error {
			hits.Hit()
			return nil
		})
		return &goqiteQueue{job: j, db: db, queue: queue, runner: runner, hits: hits, stop: func() {}}, nil
	}
}

func (g *goqiteQueue) Caller() (measure.Caller, error) { return same(g.submit), nil }

func (g *goqiteQueue) submit(ctx context.Context, n int) error {
	message := goqite.Message{Body: []byte(measure.Payload)}
	if n == 1 {
		_, err := jobs.Create(ctx, g.queue, "noop", message)
		return err
	}
	tx, err := g.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for range n {
		if _, err := jobs.CreateTx(ctx, tx, g.queue, "noop", message); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (g *goqiteQueue) Work(ctx context.Context) error {
	ctx, g.stop = context.WithCancel(ctx)
	g.done.Go(func() { g.runner.Start(ctx) })
	return nil
}

func (g *goqiteQueue) Ended(ctx context.Context, n int64) (int64, error) {
	return g.hits.Settle(ctx, n, g.Left)
}

// Left counts what the store holds: a task that ended is deleted.
func (g *goqiteQueue) Left(ctx context.Context) (int64, error) {
	return count(ctx, g.db, "SELECT count(*) FROM goqite")
}

func (g *goqiteQueue) Facts(ctx context.Context) (measure.Facts, error) {
	return sqliteFacts(ctx, g.db, fmt.Sprintf("job limit %d, poll %v, 1 connection; many a call: one transaction; tasks that ended are deleted",
		g.job.Workers, goqitePoll))
}

func (g *goqiteQueue) Close() error {
	g.stop()
	g.done.Wait()
	return g.db.Close()
}
