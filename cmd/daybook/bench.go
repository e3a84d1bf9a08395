package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"daybook/internal/load"
)

type benchCmd struct {
	Server      string        `aliases:"url" env:"-" placeholder:"URL" help:"The server to measure; DAYBOOK_SERVER is ignored. By default, bench starts a server for the run in a temporary folder."`
	JSON        bool          `help:"Print JSON, for scripts."`
	Rate        float64       `placeholder:"N" help:"Tasks per second; 0 = as fast as possible (0)."`
	Type        string        `default:"SLEEP" help:"Task type (${default}, which ends at once)."`
	Param       []string      `short:"p" sep:"none" placeholder:"KEY=VALUE" help:"A parameter of the tasks; may be repeated."`
	Parameters  string        `placeholder:"JSON" help:"All parameters as one JSON object."`
	Payload     byteSize      `placeholder:"SIZE" help:"Fill the parameters of SLEEP up to this size, such as 240 or 16KiB."`
	Connections int           `default:"64" help:"Connections that send, 1 to 10,000 (${default})."`
	Batch       int           `default:"1" help:"Tasks per request, 1 to 1,000 (${default})."`
	Duration    time.Duration `help:"Send for this long (10s, unless --count is given)."`
	Count       int64         `placeholder:"N" help:"Send this many tasks, instead of --duration."`
	Delay       time.Duration `help:"Delay every task by this time, to measure submits alone."`
	Wait        bool          `short:"w" help:"Also measure the time from submit to end, from the event stream."`
	Concurrency int           `default:"8" help:"Tasks that the started server runs at the same time (${default})."`
	Temp        string        `placeholder:"DIR" help:"Where to create the folder of the started server; it is removed afterwards. Use a real disk: on tmpfs a sync costs nothing."`
}

func (benchCmd) Help() string {
	return `Sends tasks to a server and prints its throughput and latency. With --rate, latency is measured from the moment a
request was due, so a stall counts for every request that waited.

A server that has tokens needs one in DAYBOOK_TOKEN: of a submitter, for all queues and types if --wait is given.

On a server in use, this adds real tasks to its log. They stay there.

Ctrl-C ends the run and prints the results so far. Exit code 1 if requests failed.

Examples:

    daybook bench
    daybook bench --rate 2000 --wait --duration 1m
    daybook bench --batch 100 --connections 8 --payload 240
    daybook bench --server http://127.0.0.1:8000 --count 10000 --json`
}

// AfterApply checks what the flags' types do not.
func (c *benchCmd) AfterApply() error {
	if c.Duration == 0 && c.Count == 0 {
		c.Duration = 10 * time.Second
	}
	switch {
	case c.Connections < 1 || c.Connections > load.MaxConnections:
		return fmt.Errorf("--connections must be 1 to 10,000, not %d", c.Connections)
	case c.Batch < 1 || c.Batch > load.MaxBatch:
		return fmt.Errorf("--batch must be 1 to 1,000, not %d", c.Batch)
	case c.Concurrency < 1 || c.Concurrency > 10_000:
		return fmt.Errorf("--concurrency must be 1 to 10,000, not %d", c.Concurrency)
	case c.Rate < 0 || math.IsNaN(c.Rate) || math.IsInf(c.Rate, 0):
		return fmt.Errorf("--rate must be a number from 0 up")
	case c.Duration < 0 || c.Count < 0 || c.Delay < 0:
		return fmt.Errorf("--duration, --count and --delay must not be negative")
	case c.Duration > 0 && c.Count > 0:
		return fmt.Errorf("--duration and --count cannot be used together")
	case c.Payload > 0 && c.Type != "SLEEP":
		return fmt.Errorf("--payload fills the parameters of SLEEP alone; give those of %s with -p", c.Type)
	case strings.Contains(c.Server, ","):
		return fmt.Errorf("--server must be one server: bench measures one, not the nodes of a cluster together")
	case c.Wait && c.Delay > 0:
		return fmt.Errorf("--wait and --delay cannot be used together")
	}
	return nil
}

func (c *benchCmd) Run(ctx context.Context, s *stdio) error {
	params, err := c.parameters()
	if err != nil {
		return err
	}
	report, err := c.measure(ctx, s, params)
	switch {
	case err != nil && ctx.Err() != nil:
		return errSilent // Ctrl-C before anything was sent
	case errors.Is(err, load.ErrUsage):
		return usageError{err}
	case err != nil:
		return (&remote{Server: serverURL(c.Server)}).explain(err)
	}
	if err := c.print(s, report); err != nil {
		return err
	}
	switch {
	case report.GaveUp != "":
		return errors.New(report.GaveUp)
	case report.Requests.Failed > 0:
		return fmt.Errorf("%s of %s requests failed", grouped(report.Requests.Failed), grouped(report.Requests.Failed+report.Requests.Answered))
	}
	return nil
}

// parameters are those of each task. --payload makes the result of SLEEP as long as needed.
func (c *benchCmd) parameters() (json.RawMessage, error) {
	all, err := parameters(c.Parameters, c.Param)
	if err != nil {
		return nil, err
	}
	if c.Payload > 0 {
		all["result"] = json.RawMessage(`""`)
		empty, err := json.Marshal(all)
		if err != nil {
			return nil, err
		}
		if int(c.Payload) < len(empty) {
			return nil, misuse("--payload: the parameters take at least %d bytes", len(empty))
		}
		all["result"] = json.RawMessage(`"` + strings.Repeat("x", int(c.Payload)-len(empty)) + `"`)
	}
	return json.Marshal(all)
}

// measure runs the load, against its own server if none is named.
func (c *benchCmd) measure(ctx context.Context, s *stdio, params json.RawMessage) (report *load.Report, err error) {
	url := serverURL(c.Server)
	var own *ownServer
	if url == "" {
		if own, err = startOwnServer(ctx, c.Temp, c.Concurrency); err != nil {
			return nil, err
		}
		url = own.url
	}
	bar := newBar(s)
	report, err = load.Run(ctx, load.Options{
		URL: url, Token: os.Getenv("DAYBOOK_TOKEN"), Type: c.Type, Parameters: params, Delay: c.Delay,
		Rate: c.Rate, Connections: c.Connections, Batch: c.Batch,
		Duration: c.Duration, Count: c.Count, Wait: c.Wait,
		Progress: func(p load.Progress) { bar.Draw("bench", p.Done, benchNote(p)) },
	})
	bar.Clear()
	if own != nil {
		known, stopped := own.stop()
		if report != nil {
			report.Server = known
		}
		err = errors.Join(err, stopped)
	}
	return report, err
}

func benchNote(p load.Progress) string {
	note := fmt.Sprintf("%s tasks/s, p99 %s", grouped(int64(p.Rate)), millis(p.P99.Seconds()*1000))
	if p.Waiting {
		note = "all is sent"
	}
	if p.Open > 0 {
		note += fmt.Sprintf(", %s to end", grouped(p.Open))
	}
	if p.Failed > 0 {
		note += fmt.Sprintf(", %s failed", grouped(p.Failed))
	}
	return note
}
