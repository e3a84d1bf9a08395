package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"daybook/client"
)

type queueCmd struct {
	Ls     queueLsCmd     `cmd:"" default:"withargs" help:"List queues: depth, limits, pauses."`
	Pause  queuePauseCmd  `cmd:"" help:"Pause queues: nothing of them starts."`
	Resume queueResumeCmd `cmd:"" help:"Resume queues."`
	Limit  queueLimitCmd  `cmd:"" help:"Set or clear the limits of a queue."`
}

type queueLsCmd struct{ remote }

func (c *queueLsCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		queues, err := server.Queues(ctx)
		if err != nil {
			return err
		}
		for i := range queues {
			if err := c.print(s, &queues[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// print writes a queue as a line of columns, or as JSON.
func (r *remote) print(s *stdio, q *client.Queue) error {
	if r.JSON {
		return json.NewEncoder(s.out).Encode(q)
	}
	state := "active"
	if q.Paused {
		state = "paused"
	}
	_, err := fmt.Fprintf(s.out, "%s\t%s\tpending %d\tready %d\trunning %d\t%s\n", q.Name, state, q.Pending, q.Ready, q.Running, limitsOf(q))
	return err
}

// limitsOf describes the limits and the pause of a queue.
func limitsOf(q *client.Queue) string {
	var parts []string
	if q.Concurrency != nil {
		parts = append(parts, fmt.Sprintf("concurrency %d", *q.Concurrency))
	}
	if q.RatePerSecond != nil {
		parts = append(parts, "rate "+strconv.FormatFloat(*q.RatePerSecond, 'f', -1, 64)+"/s")
	}
	if q.Burst != nil {
		parts = append(parts, fmt.Sprintf("burst %d", *q.Burst))
	}
	if q.MaxDepth != nil {
		parts = append(parts, fmt.Sprintf("depth %d", *q.MaxDepth))
	}
	parts = append(parts, keyLimitsOf(q)...)
	if q.Reason != nil {
		parts = append(parts, "paused: "+oneLine(*q.Reason))
	}
	if parts == nil {
		return "no limits"
	}
	return strings.Join(parts, ", ")
}

// keyLimitsOf describes the limits of a queue for each concurrency key.
func keyLimitsOf(q *client.Queue) (parts []string) {
	if q.KeyConcurrency != nil {
		parts = append(parts, fmt.Sprintf("concurrency %d a key", *q.KeyConcurrency))
	}
	if q.KeyRatePerSecond != nil {
		parts = append(parts, "rate "+strconv.FormatFloat(*q.KeyRatePerSecond, 'f', -1, 64)+"/s a key")
	}
	if q.KeyBurst != nil {
		parts = append(parts, fmt.Sprintf("burst %d a key", *q.KeyBurst))
	}
	if q.FairKeys {
		parts = append(parts, "keys take turns")
	}
	if q.Weight != nil {
		parts = append(parts, fmt.Sprintf("weight %d", *q.Weight))
	}
	return parts
}

type queuePauseCmd struct {
	remote
	Name   []string `arg:"" help:"The queues to pause."`
	Reason string   `placeholder:"TEXT" help:"Why, for people."`
}

func (queuePauseCmd) Help() string {
	return `Nothing of a paused queue starts. What runs goes on, and tasks can be submitted.

Example:

    daybook queue pause mail --reason "the provider is down"`
}

func (c *queuePauseCmd) Run(ctx context.Context, s *stdio) error {
	return changeEach(ctx, s, &c.remote, c.Name, c.print, func(server *client.Client, ctx context.Context, name string) (client.Queue, error) {
		return server.PauseQueue(ctx, name, c.Reason)
	})
}

type queueResumeCmd struct {
	remote
	Name []string `arg:"" help:"The queues to resume."`
}

func (c *queueResumeCmd) Run(ctx context.Context, s *stdio) error {
	return changeEach(ctx, s, &c.remote, c.Name, c.print, (*client.Client).ResumeQueue)
}

type queueLimitCmd struct {
	remote
	Name           string `arg:"" help:"The queue."`
	Concurrency    string `placeholder:"N" help:"Maximum number of attempts at one time; none clears the limit."`
	Rate           string `placeholder:"N" help:"Starts a second in the long run; none clears the limit."`
	Burst          string `placeholder:"N" help:"Starts that may come at once; none clears the limit."`
	Depth          string `placeholder:"N" help:"Maximum number of pending tasks; none clears the limit."`
	KeyConcurrency string `placeholder:"N" help:"Maximum number of attempts with one concurrency key at one time; none clears the limit."`
	KeyRate        string `placeholder:"N" help:"Starts a second with one concurrency key in the long run; none clears the limit."`
	KeyBurst       string `placeholder:"N" help:"Starts with one concurrency key that may come at once; none clears the limit."`
	FairKeys       string `placeholder:"yes|no" enum:"yes,no," default:"" help:"Whether keys take turns, by the time that their tasks run."`
	Weight         string `placeholder:"N" help:"Share of run time among queues, 1 to 1000; 100 is usual. Once a queue has one, queues take turns; none clears it."`
}

func (queueLimitCmd) Help() string {
	return `Sets the limits that are given; the others stay. They hold from the next start on.

Examples:

    daybook queue limit mail --concurrency 2 --rate 0.5
    daybook queue limit mail --rate none
    daybook queue limit reports --key-concurrency 1 --fair-keys yes`
}

func (c *queueLimitCmd) Run(ctx context.Context, s *stdio) error {
	limits := map[string]any{}
	for key, text := range map[string]string{"concurrency": c.Concurrency, "rate_per_second": c.Rate, "burst": c.Burst, "max_depth": c.Depth,
		"key_concurrency": c.KeyConcurrency, "key_rate_per_second": c.KeyRate, "key_burst": c.KeyBurst, "weight": c.Weight} {
		switch n, err := strconv.ParseFloat(text, 64); {
		case text == "":
		case text == "none":
			limits[key] = nil
		case err != nil:
			return misuse("%s: %q must be a number, or none", key, text)
		default:
			limits[key] = n
		}
	}
	if c.FairKeys != "" {
		limits["fair_keys"] = c.FairKeys == "yes"
	}
	if len(limits) == 0 {
		return misuse("name a limit: --concurrency, --rate, --burst, --depth, --key-concurrency, --key-rate, --key-burst, --fair-keys or --weight")
	}
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		q, err := server.LimitQueue(ctx, c.Name, limits)
		if err != nil {
			return err
		}
		return c.print(s, &q)
	})
}

type workerCmd struct {
	Ls     workerLsCmd     `cmd:"" default:"withargs" help:"List workers and what they hold."`
	Quiet  workerQuietCmd  `cmd:"" help:"Give workers no more work: they finish what they hold."`
	Resume workerResumeCmd `cmd:"" help:"Give quiet workers work again."`
}

type workerLsCmd struct{ remote }

func (c *workerLsCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		workers, err := server.Workers(ctx)
		if err != nil {
			return err
		}
		for i := range workers {
			w := &workers[i]
			if c.JSON {
				if err := json.NewEncoder(s.out).Encode(w); err != nil {
					return err
				}
				continue
			}
			_, err := fmt.Fprintf(s.out, "%s\t%s\tholds %d\t%s\tseen %s ago\n", w.Name, workerState(w, time.Now()), len(w.Holds),
				strings.Join(w.TaskTypes, ","), time.Since(w.LastSeen).Round(time.Second))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// silentAfter is how long after its latest call a worker that holds nothing is called silent: longer than any poll waits.
const silentAfter = 90 * time.Second

func workerState(w *client.WorkerState, now time.Time) string {
	switch {
	case w.Quiet:
		return "quiet"
	case len(w.Holds) == 0 && now.Sub(w.LastSeen) > silentAfter:
		return "silent"
	}
	return "active"
}

type workerQuietCmd struct {
	remote
	Name []string `arg:"" help:"The workers."`
}

func (c *workerQuietCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		return forEach(c.Name, func(name string) error { return server.QuietWorker(ctx, name) })
	})
}

type workerResumeCmd struct {
	remote
	Name []string `arg:"" help:"The workers."`
}

func (c *workerResumeCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		return forEach(c.Name, func(name string) error { return server.ResumeWorker(ctx, name) })
	})
}

type moveCmd struct {
	remote
	ID       []string `arg:"" help:"The pending tasks to move."`
	Priority *int     `help:"The new priority, -100 to 100; the higher, the earlier."`
	RunAt    moment   `placeholder:"TIME" help:"Not before this time, such as 2027-01-31T08:00:00Z."`
	Now      bool     `help:"As soon as there is a slot, also from a backoff."`
}

func (moveCmd) Help() string {
	return `Changes the place of pending tasks in the line: their priority, the time from which they may start, or both.

Examples:

    daybook move 01KA0M5Z7Q8G4S2B6D9XEJ3V1T --now
    daybook move 01KA0M5Z7Q8G4S2B6D9XEJ3V1T --priority 50`
}

func (c *moveCmd) Run(ctx context.Context, s *stdio) error {
	m := client.Move{Priority: c.Priority}
	switch at := c.RunAt.Time; {
	case c.Now && !at.IsZero():
		return misuse("give --now or --run-at, not both")
	case c.Now:
		m.RunAt = new(time.Time)
	case !at.IsZero():
		m.RunAt = &at
	case c.Priority == nil:
		return misuse("say where to: --priority, --run-at or --now")
	}
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		return forEach(c.ID, func(id string) error {
			t, err := server.Move(ctx, id, m)
			if err != nil {
				return err
			}
			if c.JSON {
				return printJSON(s.out, t.Raw)
			}
			_, err = fmt.Fprintln(s.out, plainRow(&t))
			return err
		})
	})
}
