package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"daybook/client"
)

type scheduleCmd struct {
	Ls       scheduleLsCmd       `cmd:"" default:"withargs" help:"List schedules: when each is due, and what its last run did."`
	Add      scheduleAddCmd      `cmd:"" help:"Create a schedule, or replace the one of that name."`
	Rm       scheduleRmCmd       `cmd:"" help:"Delete schedules; their tasks stay."`
	Pause    schedulePauseCmd    `cmd:"" help:"Pause schedules."`
	Resume   scheduleResumeCmd   `cmd:"" help:"Resume schedules."`
	Run      scheduleRunCmd      `cmd:"" help:"Submit the task or workflow of a schedule now."`
	Runs     scheduleRunsCmd     `cmd:"" help:"Show what became of the latest times of a schedule."`
	Backfill scheduleBackfillCmd `cmd:"" help:"Submit the tasks or workflows of past times, each once."`
	Next     scheduleNextCmd     `cmd:"" help:"Show when a cron expression is due, without a schedule."`
}

type scheduleLsCmd struct{ remote }

func (c *scheduleLsCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		list, err := server.Schedules(ctx)
		if err != nil {
			return err
		}
		for i := range list {
			if err := c.printSchedule(s, &list[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// printSchedule writes a schedule as a line of columns, or as JSON.
func (r *remote) printSchedule(s *stdio, state *client.ScheduleState) error {
	if r.JSON {
		return printJSON(s.out, state.Raw)
	}
	next, last := "paused", "has not run"
	if len(state.NextRuns) > 0 {
		next = "next " + state.NextRuns[0].UTC().Format(time.RFC3339)
	} else if !state.Paused {
		next = "is not due any more"
	}
	if l := state.LastRun; l != nil {
		last = "last " + l.Outcome + " " + l.At.UTC().Format(time.RFC3339)
		if l.Why != nil {
			last += " (" + *l.Why + ")"
		}
	}
	flow := ""
	if state.Workflow != nil {
		flow = "\tworkflow " + oneLine(state.Workflow.Name)
	}
	_, err := fmt.Fprintf(s.out, "%s\t%s\t%s\t%s%s\n", state.Name, oneLine(state.InWords), next, last, flow)
	return err
}

type scheduleAddCmd struct {
	remote
	Name           string         `arg:"" help:"The name of the schedule."`
	Type           string         `arg:"" help:"The type of its tasks."`
	Cron           string         `placeholder:"EXPR" help:"When: 5 fields, or 6 with seconds first, or @daily; in quotes."`
	Every          *time.Duration `placeholder:"SPAN" help:"When: at this interval, such as 90s."`
	Timezone       string         `placeholder:"ZONE" help:"Time zone of the cron expression, such as Europe/Berlin; UTC by default."`
	DSTGap         string         `name:"dst-gap" enum:"shift,skip," default:"" placeholder:"shift|skip" help:"A time that the clocks leave out in spring: fire at the shifted time (shift, default), or skip the run."`
	DSTOverlap     string         `name:"dst-overlap" enum:"first,both," default:"" placeholder:"first|both" help:"A time that comes twice in autumn: fire at the first (default), or both times."`
	Param          []string       `short:"p" sep:"none" placeholder:"KEY=VALUE" help:"A parameter of the tasks; may be repeated."`
	Params         string         `placeholder:"JSON" help:"All parameters as one JSON object."`
	Queue          string         `help:"The queue of the tasks."`
	Overlap        string         `placeholder:"POLICY" help:"If the task before has not ended: skip (default), allow, buffer_one or cancel_other."`
	CatchUp        string         `placeholder:"POLICY" help:"Which runs of the time while the server was down fire: one (default), none or all."`
	MaxLateness    *time.Duration `placeholder:"SPAN" help:"Skip runs that are later than this; 1h by default."`
	Jitter         time.Duration  `placeholder:"SPAN" help:"Delay each run by up to this."`
	PauseOnFailure int            `placeholder:"N" help:"Pause after this many failed tasks in a row."`
}

func (scheduleAddCmd) Help() string {
	return `A nightly job fires once through both changes of the clock, unless --dst-gap or --dst-overlap says otherwise. The same command again changes nothing.

Examples:

    daybook schedule add nightly DATA_PROCESSING --cron "30 2 * * *" --timezone Europe/Berlin -p rows=1000
    daybook schedule add early DATA_PROCESSING --cron "30 2 * * *" --timezone Europe/Berlin --dst-gap skip --dst-overlap both
    daybook schedule add ping SLEEP --every 90s -p seconds=1 --overlap allow`
}

func (c *scheduleAddCmd) Run(ctx context.Context, s *stdio) error {
	switch {
	case (c.Cron == "") == (c.Every == nil):
		return misuse("give either --cron or --every")
	case c.Every != nil && *c.Every < time.Second:
		return misuse("--every must be at least 1s, such as 90s")
	case c.MaxLateness != nil && *c.MaxLateness < time.Microsecond:
		return misuse("--max-lateness must be more than 0s, such as 1h")
	}
	params, err := parameters(c.Params, c.Param)
	if err != nil {
		return err
	}
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		wanted := client.Schedule{
			Name: c.Name, Cron: c.Cron, Timezone: c.Timezone,
			Task:    &client.Submit{TaskType: c.Type, Parameters: params, Queue: c.Queue},
			Overlap: c.Overlap, CatchUp: c.CatchUp, JitterSeconds: c.Jitter.Seconds(), PauseOnFailure: c.PauseOnFailure,
		}
		if c.Every != nil {
			wanted.EverySeconds = c.Every.Seconds()
		}
		if c.MaxLateness != nil {
			wanted.MaxLatenessSeconds = c.MaxLateness.Seconds()
		}
		if c.DSTGap != "" || c.DSTOverlap != "" {
			wanted.DST = &client.DST{Gap: c.DSTGap, Overlap: c.DSTOverlap}
		}
		state, err := server.PutSchedule(ctx, wanted)
		if err != nil {
			return err
		}
		return c.printSchedule(s, &state)
	})
}

type scheduleRmCmd struct {
	remote
	Name []string `arg:"" help:"The schedules to delete."`
}

func (c *scheduleRmCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		return forEach(c.Name, func(name string) error { return server.DeleteSchedule(ctx, name) })
	})
}

type schedulePauseCmd struct {
	remote
	Name   []string `arg:"" help:"The schedules to pause."`
	Reason string   `placeholder:"TEXT" help:"Why, for people."`
}

func (c *schedulePauseCmd) Run(ctx context.Context, s *stdio) error {
	return changeEach(ctx, s, &c.remote, c.Name, c.printSchedule, func(server *client.Client, ctx context.Context, name string) (client.ScheduleState, error) {
		return server.PauseSchedule(ctx, name, c.Reason)
	})
}

type scheduleResumeCmd struct {
	remote
	Name []string `arg:"" help:"The schedules to resume."`
}

func (c *scheduleResumeCmd) Run(ctx context.Context, s *stdio) error {
	return changeEach(ctx, s, &c.remote, c.Name, c.printSchedule, (*client.Client).ResumeSchedule)
}

type scheduleRunCmd struct {
	remote
	Name string `arg:"" help:"The schedule."`
}

func (c *scheduleRunCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		t, err := server.RunSchedule(ctx, c.Name)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.out, t.Raw)
		}
		_, err = fmt.Fprintln(s.out, plainRow(&t))
		return err
	})
}

type scheduleRunsCmd struct {
	remote
	Name string `arg:"" help:"The schedule."`
}

func (c *scheduleRunsCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		runs, err := server.ScheduleRuns(ctx, c.Name)
		if err != nil {
			return err
		}
		for i := range runs {
			if err := c.printRun(s, &runs[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *remote) printRun(s *stdio, run *client.ScheduleRun) error {
	if r.JSON {
		return json.NewEncoder(s.out).Encode(run)
	}
	nominal, what := "on request", run.Outcome
	if run.Nominal != nil {
		nominal = *run.Nominal
	}
	switch {
	case run.Why != nil && run.Count > 1:
		what += fmt.Sprintf(" %d (%s)", run.Count, *run.Why)
	case run.Why != nil:
		what += " (" + *run.Why + ")"
	case run.TaskID != nil:
		what += " " + *run.TaskID
	}
	if run.Status != nil {
		what += " " + string(*run.Status)
	}
	_, err := fmt.Fprintf(s.out, "%s\t%s\t%.1f s late\n", nominal, what, run.LateSeconds)
	return err
}

type scheduleBackfillCmd struct {
	remote
	Name   string `arg:"" help:"The schedule."`
	From   moment `required:"" placeholder:"TIME" help:"The first time, such as 2027-01-31T08:00:00Z."`
	To     moment `required:"" placeholder:"TIME" help:"Only times before this one; it must not be in the future."`
	DryRun bool   `help:"Submit nothing: list the times."`
}

func (scheduleBackfillCmd) Help() string {
	return `Each nominal time fires once: those that have fired are left out. The same command again goes on where it stopped.

Example:

    daybook schedule backfill nightly --from 2027-01-01T00:00:00Z --to 2027-01-31T00:00:00Z --dry-run`
}

func (c *scheduleBackfillCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		b, err := server.BackfillSchedule(ctx, c.Name, c.From.Time, c.To.Time, c.DryRun)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(s.out).Encode(b)
		}
		for _, t := range b.Times {
			id := "not submitted"
			if t.TaskID != nil {
				id = *t.TaskID
			}
			if _, err := fmt.Fprintf(s.out, "%s\t%s\n", t.Nominal, id); err != nil {
				return err
			}
		}
		fmt.Fprintf(s.err, "daybook: %d submitted, %d of %d times left out\n", b.Submitted, b.LeftOut, b.LeftOut+int64(len(b.Times)))
		return nil
	})
}

type scheduleNextCmd struct {
	remote
	Cron     string `arg:"" help:"The cron expression, in quotes."`
	Timezone string `placeholder:"ZONE" help:"Its time zone, such as Europe/Berlin; UTC by default."`
	Count    int    `short:"n" default:"5" help:"Number of times (${default})."`
}

func (scheduleNextCmd) Help() string {
	return `Example:

    daybook schedule next "30 2 * * *" --timezone Europe/Berlin`
}

func (c *scheduleNextCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		words, times, err := server.PreviewSchedule(ctx, c.Cron, c.Timezone, c.Count)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(s.out).Encode(map[string]any{"in_words": words, "next_runs": times})
		}
		if _, err := fmt.Fprintln(s.out, words); err != nil {
			return err
		}
		for _, at := range times {
			if _, err := fmt.Fprintln(s.out, at.UTC().Format(time.RFC3339)); err != nil {
				return err
			}
		}
		return nil
	})
}
