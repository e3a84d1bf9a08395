package queues

import (
	"context"
	"fmt"
	"net/http"

	"daybook/bench/measure"
	"daybook/client"
)

// daybookClient is the server of daybookHTTP, loaded through the Go client: all callers
// share one Submitter.
type daybookClient struct {
	*daybookHTTP
	transport *http.Transport
	client    *client.Client
	submitter *client.Submitter
}

func openDaybookClient(ctx context.Context, j measure.Job, hits *measure.Hits) (measure.System, error) {
	server, err := openDaybookHTTP(ctx, j, hits)
	if err != nil {
		return nil, err
	}
	d := &daybookClient{daybookHTTP: server.(*daybookHTTP), transport: http.DefaultTransport.(*http.Transport).Clone()}
	if d.client, err = client.New("http://"+d.address, &http.Client{Transport: d.transport}); err != nil {
		return nil, err
	}
	d.submitter = d.client.NewSubmitter()
	return d, nil
}

func (d *daybookClient) Caller() (measure.Caller, error) { return same(d.submit), nil }

func (d *daybookClient) submit(ctx context.Context, n int) error {
	one := client.Submit{TaskType: "NOOP", Parameters: map[string]string{"text": measure.Text}}
	if n == 1 {
		_, err := d.submitter.Submit(ctx, one)
		return err
	}
	batch := make([]client.Submit, n)
	for i := range batch {
		batch[i] = one
	}
	_, err := d.client.SubmitBatch(ctx, batch)
	return err
}

func (d *daybookClient) Facts(ctx context.Context) (measure.Facts, error) {
	facts, err := d.daybookHTTP.Facts(ctx)
	facts.Settings = fmt.Sprintf("%d slots, no polling; a separate server process; the Go client with the transport of net/http as it is, one Submitter for all callers: submits made at the same time travel in one post; every event and payload is kept", d.job.Workers)
	return facts, err
}

func (d *daybookClient) Close() error {
	d.transport.CloseIdleConnections()
	return d.daybookHTTP.Close()
}
