package queues

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"daybook/bench/measure"

	"github.com/mikestefanello/backlite"
)

// backliteQueue is backlite without retention: a task is deleted when it has run.
type backliteQueue struct {
	job    measure.Job
	db     *sql.DB
	client *backlite.Client
	hits   *measure.Hits
	stop   context.CancelFunc
}

// backliteTask is the task that does nothing.
type backliteTask struct {
	Text string `json:"text"`
}

// Config is what backlite asks every task for.
func (backliteTask) Config() backlite.QueueConfig {
	return backlite.QueueConfig{Name: "noop", MaxAttempts: 3, Backoff: time.Second, Timeout: time.Minute}
}

func openBacklite(synchronous string) measure.Opener {
	return func(_ context.Context, j measure.Job, hits *measure.Hits) (measure.System, error) {
		db, err := openSQLite(j.Dir, synchronous)
		if err != nil {
			return nil, err
		}
		client, err := backlite.NewClient(backlite.ClientConfig{DB: db, NumWorkers: j.Workers, ReleaseAfter: 10 * time.Minute, CleanupInterval: time.Hour})
		if err != nil {
			return nil, err
		}
		client.Register(backlite.NewQueue(func(context.Context, backliteTask) error {
			hits.Hit()
			return nil
		}))
		if err := client.Install(); err != nil {
			return nil, err
		}
		return &backliteQueue{job: j, db: db, client: client, hits: hits, stop: func() {}}, nil
	}
}

func (b *backliteQueue) Caller() (measure.Caller, error) { return same(b.submit), nil }

func (b *backliteQueue) submit(ctx context.Context, n int) error {
	tasks := make([]backlite.Task, n)
	for i := range tasks {
		tasks[i] = backliteTask{Text: measure.Text}
	}
	_, err := b.client.Add(tasks...).Ctx(ctx).Save()
	return err
}

func (b *backliteQueue) Work(ctx context.Context) error {
	ctx, b.stop = context.WithCancel(ctx)
	b.client.Start(ctx)
	return nil
}

func (b *backliteQueue) Ended(ctx context.Context, n int64) (int64, error) {
	return b.hits.Settle(ctx, n, b.Left)
}

// Left counts what the store holds: a task that ended is deleted.
func (b *backliteQueue) Left(ctx context.Context) (int64, error) {
	return count(ctx, b.db, "SELECT count(*) FROM backlite_tasks")
}

func (b *backliteQueue) Facts(ctx context.Context) (measure.Facts, error) {
	return sqliteFacts(ctx, b.db, fmt.Sprintf("%d workers, no polling, 1 connection; tasks that ended are deleted", b.job.Workers))
}

func (b *backliteQueue) Close() error {
	b.stop()
	return b.db.Close()
}
