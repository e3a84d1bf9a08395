package queues

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"daybook/bench/measure"
	"daybook/client"
)

// The systems whose tasks are run by workers outside the server.
const (
	oneTaskACall = "daybook-workers"         // 64 workers with one slot
	batchedCalls = "daybook-workers-batched" // few workers with many slots
)

// hasWorkers reports whether the tasks of a job are run outside the server.
func hasWorkers(j measure.Job) bool { return j.System == oneTaskACall || j.System == batchedCalls }

// daybookWorkers is the server of daybookHTTP without handlers: workers of the Go client
// lease its tasks over HTTP. The workers are part of the load.
type daybookWorkers struct {
	*daybookHTTP
	transport      *http.Transport
	client         *client.Client
	workers, slots int
	stop           context.CancelFunc
	running        sync.WaitGroup
	mu             sync.Mutex
	err            error
}

func openDaybookWorkers(ctx context.Context, j measure.Job, hits *measure.Hits) (measure.System, error) {
	server, err := openDaybookHTTP(ctx, j, hits)
	if err != nil {
		return nil, err
	}
	d := &daybookWorkers{daybookHTTP: server.(*daybookHTTP), transport: http.DefaultTransport.(*http.Transport).Clone(), workers: 64, slots: 1, stop: func() {}}
	if j.System == batchedCalls {
		d.workers, d.slots = 4, max(j.Workers/4, 1)
	}
	d.transport.MaxIdleConnsPerHost = 2 * d.workers // a worker has at most two calls in flight
	if d.client, err = client.New("http://"+d.address, &http.Client{Transport: d.transport}); err != nil {
		return nil, errors.Join(err, d.daybookHTTP.Close())
	}
	if err := d.offer(ctx); err != nil {
		return nil, errors.Join(err, d.daybookHTTP.Close())
	}
	return d, nil
}

// offer makes the type known, so that tasks can be submitted before Work.
func (d *daybookWorkers) offer(ctx context.Context) error {
	body := `{"worker":"bench-offer","task_types":["NOOP"],"max":0,"wait_seconds":0}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+d.address+"/api/leases", strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("POST /api/leases: %s", answer.Status)
	}
	return nil
}

// Work starts the workers.
func (d *daybookWorkers) Work(ctx context.Context) error {
	ctx, d.stop = context.WithCancel(ctx)
	for i := range d.workers {
		worker := client.NewWorker(d.client, client.WorkerOptions{
			Name: fmt.Sprintf("bench-%d", i), Slots: d.slots, Grace: time.Second, Logger: slog.New(slog.DiscardHandler),
		})
		client.Handle(worker, "NOOP", func(context.Context, client.Lease[json.RawMessage]) (any, error) {
			d.hits.Hit()
			return nil, nil
		})
		d.running.Go(func() {
			if err := worker.Run(ctx); err != nil {
				d.mu.Lock()
				d.err = errors.Join(d.err, err)
				d.mu.Unlock()
			}
		})
	}
	return nil
}

func (d *daybookWorkers) Facts(ctx context.Context) (measure.Facts, error) {
	facts, err := d.daybookHTTP.Facts(ctx)
	facts.Settings = fmt.Sprintf("%d workers of the Go client with %d slots each, outside the server; no polling; submits by hand as over HTTP; every event and payload is kept", d.workers, d.slots)
	return facts, err
}

func (d *daybookWorkers) Close() error {
	d.stop()
	d.running.Wait()
	d.transport.CloseIdleConnections()
	return errors.Join(d.err, d.daybookHTTP.Close())
}
