package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"daybook/bench/measure"
	"daybook/bench/queues"
	"daybook/bench/report"
	"daybook/bench/servers"
)

// conductor lets the systems take turns.
type conductor struct {
	o        options
	dir      string // of all data
	self     string // this program
	postgres *servers.Postgres
	report   *report.Report
}

func newConductor(ctx context.Context, o options, dir string) (*conductor, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &conductor{o: o, dir: dir, self: self, report: report.New(o.specs)}
	for _, spec := range o.specs {
		if spec.Server == queues.PostgresServer && c.postgres == nil {
			if c.postgres, err = servers.NewPostgres(ctx, dir); err != nil {
				return nil, err
			}
		}
		if spec.Open == nil {
			if err := installNode(ctx); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// bullmqDir is where the child for Node lies, seen from the module's folder.
const bullmqDir = "bullmq"

// installNode makes the modules of the child for Node, unless they are there.
func installNode(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(bullmqDir, "node_modules", "bullmq")); err == nil {
		return nil
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = bullmqDir
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci in %s (run this in the folder bench): %w: %s", bullmqDir, err, out)
	}
	return nil
}

// run measures row by row; in each row the systems take turns, A B C, A B C, A B C. A
// fault of one system is told and stands in the table; the others go on.
func (c *conductor) run(ctx context.Context) error {
	for _, row := range c.o.rows {
		for turn := range c.o.runs {
			for i, spec := range c.o.specs {
				if !spec.Has(row) {
					continue
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
				c.measure(ctx, spec, row, turn, c.report.Systems[i])
			}
		}
	}
	return nil
}

func (c *conductor) measure(ctx context.Context, spec queues.Spec, row measure.Row, turn int, s *report.System) {
	result, facts, err := c.turn(ctx, spec, row)
	if facts.Durability != "" {
		s.Facts = facts
	}
	if err == nil && facts.Synced != spec.Synced {
		err = fmt.Errorf("it says of durability %q, which the table would not", facts.Durability)
	}
	runs := s.Of(row)
	if err != nil {
		runs.Errors = append(runs.Errors, err.Error())
		fmt.Fprintf(os.Stderr, "%-10s run %d  %-18s FAILED: %v\n", row, turn+1, spec.Name, err)
		return
	}
	runs.Results = append(runs.Results, result)
	fmt.Fprintf(os.Stderr, "%-10s run %d  %-18s %s\n", row, turn+1, spec.Name, brief(row, result))
}

// turn gives one system one turn on one row, in its own folder, with a server of
// its own.
func (c *conductor) turn(ctx context.Context, spec queues.Spec, row measure.Row) (r measure.Result, facts measure.Facts, err error) {
	dir, err := os.MkdirTemp(c.dir, spec.Name+"-")
	if err != nil {
		return r, facts, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil {
		return r, facts, err
	}
	server, err := c.server(ctx, spec.Server, dir)
	if err != nil {
		return r, facts, err
	}
	t := &turn{self: c.self, spec: spec, server: server, job: c.o.job}
	t.job.System, t.job.Row, t.job.Dir, t.job.Bulk = spec.Name, row, dir, spec.Bulk
	if server != nil {
		if err := server.Start(ctx); err != nil {
			return r, facts, err
		}
		t.job.Server = server.Address()
		defer func() { err = errors.Join(err, server.Stop()) }()
	}
	if row == measure.Start {
		r, err = t.fillAndStart(ctx, c.o.large)
	} else {
		r, err = t.child(ctx)
	}
	return r, t.facts, err
}

func (c *conductor) server(ctx context.Context, which queues.Server, dir string) (*servers.Server, error) {
	switch which {
	case queues.NoServer:
		return nil, nil
	case queues.RedisAlways:
		return servers.NewRedis(dir, "always")
	case queues.RedisEverySec:
		return servers.NewRedis(dir, "everysec")
	case queues.PostgresServer:
		return c.postgres.NewServer(ctx, dir)
	}
	return nil, fmt.Errorf("there is no server %q", which)
}

// brief is a result on one line, for whoever watches.
func brief(row measure.Row, r measure.Result) string {
	switch row {
	case measure.PickUp:
		return fmt.Sprintf("p50 %.3f ms, p99 %.3f ms", r.P50, r.P99)
	case measure.Memory:
		return fmt.Sprintf("idle %.0f MB, after %.0f MB", r.Idle, r.After)
	case measure.Start:
		return fmt.Sprint(time.Duration(r.Seconds * float64(time.Second)).Round(time.Millisecond))
	}
	line := fmt.Sprintf("%8.0f tasks/s", r.Rate)
	if r.P50 > 0 {
		line += fmt.Sprintf(", call p50 %.3f ms, p99 %.3f ms", r.P50, r.P99)
	}
	if r.CutOff {
		line += ", cut off"
	}
	if r.Settled != nil {
		line += fmt.Sprintf(", left after the first third %d", *r.Settled)
	}
	if r.Waiting != nil {
		line += fmt.Sprintf(", left at the end of the load %d", *r.Waiting)
	}
	if r.Lags != nil {
		line += fmt.Sprintf(", lag median %d, most %d, last %d", r.Lags.Median, r.Lags.Most, r.Lags.Last)
	}
	return line
}
