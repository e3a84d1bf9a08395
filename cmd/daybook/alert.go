package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"daybook/client"
)

type alertCmd struct {
	Add alertAddCmd `cmd:"" help:"Create an alert."`
	Ls  alertLsCmd  `cmd:"" help:"List the alerts, what they measure and whether they fire."`
	Rm  alertRmCmd  `cmd:"" help:"Delete alerts."`
}

func (alertCmd) Help() string {
	return `An alert fires while something is too large: how long a task has been ready, how many tasks are pending, which part of the tasks
fails. That it fires and that it has recovered are events, which webhooks can send on. See docs/alerts.md.

Example:

    daybook alert add slow-orders oldest_ready_seconds --above 600 --queue orders
    daybook webhook add pager https://example.com/page --event alert.fired --event alert.recovered`
}

type alertAddCmd struct {
	remote
	Name   string        `arg:"" help:"What it is called."`
	When   string        `arg:"" enum:"oldest_ready_seconds,queue_depth,failure_rate" help:"What is measured: oldest_ready_seconds, queue_depth or failure_rate."`
	Above  float64       `required:"" help:"It holds while the measure is larger; for failure_rate 0.1 is one task in ten."`
	Queue  string        `help:"Measure this queue; by default all. Not for failure_rate."`
	Type   string        `placeholder:"TYPE" help:"Measure tasks of this type; by default all. For failure_rate."`
	Window time.Duration `help:"Over which time the failure rate is measured, 5m by default." positive:""`
	Least  int64         `help:"With fewer tasks in the window the failure rate counts as 0; 10 by default." positive:""`
	For    time.Duration `default:"30s" help:"How long it must hold until the alert fires, and not hold until it recovers."`
}

func (c *alertAddCmd) Run(ctx context.Context, s *stdio) error {
	hold := c.For.Seconds()
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		made, err := server.CreateAlert(ctx, client.NewAlert{Name: c.Name, When: c.When, Above: c.Above, Queue: c.Queue, TaskType: c.Type,
			Window: c.Window.Seconds(), Least: c.Least, For: &hold})
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(s.out).Encode(made)
		}
		_, err = fmt.Fprintf(s.out, "%s\tcreated\n", made.Name)
		return err
	})
}

type alertLsCmd struct{ remote }

func (c *alertLsCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		all, err := server.Alerts(ctx)
		if err != nil {
			return err
		}
		return listAll(s, c.JSON, all, alertRow, "NAME\tSTATE\tWHEN\tFOR\tNOW", "There is no alert. daybook alert add creates one.")
	})
}

// alertRow is what is shown of an alert, column by column.
func alertRow(a *client.Alert) []string {
	state := "ok"
	if a.Firing && a.FiredAt != nil {
		state = "firing since " + clock(*a.FiredAt)
	}
	of := "all"
	switch {
	case a.Queue != "":
		of = "queue " + a.Queue
	case a.TaskType != "":
		of = "type " + a.TaskType
	}
	return []string{a.Name, state, a.When + " > " + rounded(a.Above), of, rounded(a.Value)}
}

// rounded is a number with 6 significant digits, without an exponent.
func rounded(n float64) string {
	short, _ := strconv.ParseFloat(strconv.FormatFloat(n, 'g', 6, 64), 64) // a number that was formatted can be parsed
	return strconv.FormatFloat(short, 'f', -1, 64)
}

type alertRmCmd struct {
	remote
	Name []string `arg:"" help:"The names of the alerts."`
}

func (c *alertRmCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		return endEach(ctx, s, c.JSON, c.Name, server.DeleteAlert, "deleted")
	})
}
