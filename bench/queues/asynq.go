package queues

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"daybook/bench/measure"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// asynqQueue is asynq without retention: a task is deleted when it has run.
type asynqQueue struct {
	job       measure.Job
	redis     asynq.RedisClientOpt
	client    *asynq.Client
	inspector *asynq.Inspector
	server    *asynq.Server
	hits      *measure.Hits
}

const asynqCheck = time.Millisecond

func openAsynq(_ context.Context, j measure.Job, hits *measure.Hits) (measure.System, error) {
	o := asynq.RedisClientOpt{Addr: j.Server, PoolSize: 64}
	return &asynqQueue{job: j, redis: o, client: asynq.NewClient(o), inspector: asynq.NewInspector(o), hits: hits}, nil
}

func (a *asynqQueue) Caller() (measure.Caller, error) { return same(a.submit), nil }

func (a *asynqQueue) submit(ctx context.Context, n int) error {
	if n != 1 {
		return fmt.Errorf("asynq has no call for many tasks")
	}
	_, err := a.client.EnqueueContext(ctx, asynq.NewTask("noop", []byte(measure.Payload)))
	return err
}

func (a *asynqQueue) Work(context.Context) error {
	a.server = asynq.NewServer(a.redis, asynq.Config{
		Concurrency: a.job.Workers, TaskCheckInterval: asynqCheck, LogLevel: asynq.ErrorLevel, ShutdownTimeout: time.Second,
	})
	return a.server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		a.hits.Hit()
		return nil
	}))
}

func (a *asynqQueue) Ended(ctx context.Context, n int64) (int64, error) {
	return a.hits.Settle(ctx, n, a.Left)
}

// Left counts what the store holds: a task that ended is deleted.
func (a *asynqQueue) Left(context.Context) (int64, error) {
	info, err := a.inspector.GetQueueInfo("default")
	if errors.Is(err, asynq.ErrQueueNotFound) { // before the first task
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return int64(info.Size), nil
}

func (a *asynqQueue) Facts(ctx context.Context) (measure.Facts, error) {
	return redisFacts(ctx, a.job.Server, fmt.Sprintf("concurrency %d, check interval %v, pool of %d connections; tasks that ended are deleted",
		a.job.Workers, asynqCheck, a.redis.PoolSize))
}

func (a *asynqQueue) Close() error {
	if a.server != nil {
		a.server.Shutdown()
	}
	return errors.Join(a.client.Close(), a.inspector.Close())
}

// redisFacts asks the server what it does before it answers.
func redisFacts(ctx context.Context, address, settings string) (f measure.Facts, err error) {
	f.Settings, f.PIDs = settings, []int{os.Getpid()}
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	info, err := client.InfoMap(ctx, "server").Result()
	if err != nil {
		return f, err
	}
	config, err := client.ConfigGet(ctx, "append*").Result()
	if err != nil {
		return f, err
	}
	does := "no sync before the answer"
	if config["appendonly"] == "yes" {
		switch config["appendfsync"] {
		case "always":
			f.Synced = true
			does = "synced before the answer"
		case "everysec":
			does = "synced up to a second after the answer"
		}
	}
	f.Durability = fmt.Sprintf("%s (Redis %s, appendonly=%s, appendfsync=%s)", does, info["Server"]["redis_version"], config["appendonly"], config["appendfsync"])
	return f, nil
}
