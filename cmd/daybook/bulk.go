package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/client"

	"golang.org/x/term"
)

type bulkCmd struct {
	Ls           bulkLsCmd           `cmd:"" default:"withargs" help:"List bulks that run, and the latest that have ended."`
	Cancel       bulkCancelCmd       `cmd:"" help:"Cancel all tasks that match."`
	Retry        bulkRetryCmd        `cmd:"" help:"Retry all tasks that match and have failed or were cancelled."`
	Reprioritise bulkReprioritiseCmd `cmd:"" help:"Give all tasks that match a priority."`
	RunNow       bulkRunNowCmd       `cmd:"" help:"Make all pending tasks that match due now."`
	Move         bulkMoveCmd         `cmd:"" help:"Give all pending tasks that match a start time."`
	Erase        bulkEraseCmd        `cmd:"" help:"Erase parameters, results and texts of all tasks that match and have ended. It cannot be undone."`
	Stop         bulkStopCmd         `cmd:"" help:"Stop bulks before they are done."`
}

// Help is shown below the usage.
func (bulkCmd) Help() string {
	return `A bulk does one thing with all tasks that match a filter. It shows how many match and asks before it begins;
--dry-run only shows, --yes does not ask. It goes on when this command is interrupted, and after a restart of the server.

Examples:

    daybook bulk retry --status failed --queue mail --dry-run
    daybook bulk cancel --queue reports --reason "wrong input" --yes
    daybook bulk retry --id 01KA0M5Z7Q8G4S2B6D9XEJ3V1T --id 01KA0M5Z8D3T7W1Q5R9YHF2C6N
    daybook undo 01KA0M5Z7Q8G4S2B6D9XEJ3V1T`
}

// bulkRun is what the commands share that start a bulk.
type bulkRun struct {
	remote
	taskFilter
	ID     []string `placeholder:"ID" help:"Only these tasks, 1 to 1000 of them, and no other filter; may be repeated."`
	All    bool     `help:"All tasks: needed when there is no filter."`
	DryRun bool     `help:"Only show how many tasks match, and some of them."`
	Yes    bool     `short:"y" help:"Do not ask."`
	Reason string   `placeholder:"TEXT" help:"Why, for the history of each task."`
}

// AfterApply checks what the flags' types do not.
func (c *bulkRun) AfterApply() error { return c.check() }

// start previews the bulk, asks, starts it, and shows how far it is until it has ended.
func (c *bulkRun) start(ctx context.Context, s *stdio, r client.BulkRequest) error {
	switch {
	case len(c.ID) > 0 && (!c.empty() || c.All):
		return misuse("--id goes with no other filter and not with --all: name the tasks, or what they have in common")
	case len(c.ID) == 0 && c.empty() != c.All:
		return misuse("name a filter such as --queue or --status, tasks with --id, or else --all for all tasks")
	}
	r.Filter, r.IDs, r.Reason = c.filter(), c.ID, c.Reason
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		preview, err := server.PreviewBulk(ctx, r)
		if err != nil {
			return err
		}
		if c.DryRun {
			return c.printPreview(s, &preview)
		}
		if !c.Yes {
			if err := confirm(s, &r, &preview); err != nil {
				return err
			}
		}
		r.ExpectedCount = &preview.Matched
		started, err := server.StartBulk(ctx, r)
		if err != nil {
			return err
		}
		return c.follow(ctx, s, server, &started)
	})
}

func (c *bulkRun) printPreview(s *stdio, a *client.BulkAnswer) error {
	if c.JSON {
		return printJSON(s.out, a.Raw)
	}
	atMost := ""
	if a.WouldChangeRelation == "lte" {
		atMost = "at most "
	}
	fmt.Fprintf(s.out, "matched %d\twould change %s%d\t%s\n", a.Matched, atMost, a.WouldChange, skippedText(a.Skipped))
	for i := range a.Sample {
		if _, err := fmt.Fprintln(s.out, plainRow(&a.Sample[i])); err != nil {
			return err
		}
	}
	return nil
}

// skippedText says how many tasks were skipped, by reason.
func skippedText(skipped map[string]int64) string {
	if len(skipped) == 0 {
		return "skipped 0"
	}
	var parts []string
	for _, why := range slices.Sorted(maps.Keys(skipped)) {
		parts = append(parts, fmt.Sprintf("%d %s", skipped[why], strings.ReplaceAll(why, "_", " ")))
	}
	return "skipped " + strings.Join(parts, ", ")
}

// confirm asks a person whether the bulk is to begin.
func confirm(s *stdio, r *client.BulkRequest, preview *client.BulkAnswer) error {
	in, isFile := s.in.(*os.File)
	if !isFile || !term.IsTerminal(int(in.Fd())) {
		return misuse("%d tasks match: give --yes to change them, or --dry-run to see them", preview.Matched)
	}
	fmt.Fprintf(s.err, "%s %s tasks (%s)? [y/N] ", strings.ReplaceAll(r.Action, "_", " "), grouped(preview.WouldChange), skippedText(preview.Skipped))
	line, _ := bufio.NewReader(in).ReadString('\n')
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}

// follow shows how far a bulk is until it has ended.
func (r *remote) follow(ctx context.Context, s *stdio, server *client.Client, a *client.BulkAnswer) error {
	b := a.Bulk
	if b == nil {
		if r.JSON {
			return printJSON(s.out, a.Raw)
		}
		_, err := fmt.Fprintln(s.out, "nothing to change")
		return err
	}
	for b.Status == "RUNNING" {
		if s.errTerminal {
			fmt.Fprintf(s.err, "\r%s of %s ", grouped(b.Changed), grouped(b.Matched))
		}
		next, err := server.AwaitBulk(ctx, b.ID, time.Second)
		if err != nil {
			if ctx.Err() != nil {
				fmt.Fprintf(s.err, "\nthe bulk goes on; daybook bulk stop %s ends it\n", b.ID)
				return err
			}
			return fmt.Errorf("%w\nThe bulk %s goes on on the server, also after a restart of it. Do not start it again: \"daybook bulk\" shows how far it is, \"daybook bulk stop %s\" ends it", err, b.ID, b.ID)
		}
		b = &next
	}
	if s.errTerminal {
		fmt.Fprint(s.err, "\r\x1b[K")
	}
	return r.printBulk(s, b)
}

func (r *remote) printBulk(s *stdio, b *client.Bulk) error {
	if r.JSON {
		return printJSON(s.out, b.Raw)
	}
	_, err := fmt.Fprintf(s.out, "%s\t%s\t%s\tmatched %d\tchanged %d\t%s\n", b.ID, b.Action, b.Status, b.Matched, b.Changed, skippedText(b.Skipped))
	if b.HeldUp != nil && err == nil {
		_, err = fmt.Fprintf(s.out, "\tit is held up since %s: %s\n", b.HeldUp.Since.Format(time.RFC3339), oneLine(b.HeldUp.Detail))
	}
	return err
}

type bulkCancelCmd struct{ bulkRun }

func (c *bulkCancelCmd) Run(ctx context.Context, s *stdio) error {
	return c.start(ctx, s, client.BulkRequest{Action: "cancel"})
}

type bulkRetryCmd struct{ bulkRun }

func (c *bulkRetryCmd) Run(ctx context.Context, s *stdio) error {
	return c.start(ctx, s, client.BulkRequest{Action: "retry"})
}

type bulkReprioritiseCmd struct {
	bulkRun
	Priority int `arg:"" help:"-100 to 100; the higher, the earlier."`
}

func (c *bulkReprioritiseCmd) Run(ctx context.Context, s *stdio) error {
	return c.start(ctx, s, client.BulkRequest{Action: "reprioritise", Priority: &c.Priority})
}

type bulkRunNowCmd struct{ bulkRun }

func (c *bulkRunNowCmd) Run(ctx context.Context, s *stdio) error {
	return c.start(ctx, s, client.BulkRequest{Action: "run_now"})
}

type bulkMoveCmd struct {
	bulkRun
	To moment `arg:"" help:"Not before this time, such as 2027-01-31T08:00:00Z."`
}

func (c *bulkMoveCmd) Run(ctx context.Context, s *stdio) error {
	return c.start(ctx, s, client.BulkRequest{Action: "move", RunAt: c.To.Time})
}

type bulkEraseCmd struct{ bulkRun }

// AfterApply checks what the flags' types do not.
func (c *bulkEraseCmd) AfterApply() error {
	if c.Reason == "" && !c.DryRun {
		return misuse("give --reason: why the tasks are erased. It is kept in their histories")
	}
	return c.check()
}

func (c *bulkEraseCmd) Run(ctx context.Context, s *stdio) error {
	return c.start(ctx, s, client.BulkRequest{Action: "erase"})
}

type bulkLsCmd struct{ remote }

func (c *bulkLsCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		bulks, err := server.Bulks(ctx)
		if err != nil {
			return err
		}
		for i := range bulks {
			if err := c.printBulk(s, &bulks[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

type bulkStopCmd struct {
	remote
	ID     []string `arg:"" help:"The bulks."`
	Reason string   `placeholder:"TEXT" help:"Why, for people."`
}

func (c *bulkStopCmd) Run(ctx context.Context, s *stdio) error {
	return changeEach(ctx, s, &c.remote, c.ID, c.printBulk, func(server *client.Client, ctx context.Context, id string) (client.Bulk, error) {
		return server.StopBulk(ctx, id, c.Reason)
	})
}

type undoCmd struct {
	remote
	What   string `arg:"" help:"The number of an event, or the id of a bulk."`
	Reason string `placeholder:"TEXT" help:"Why, for the history."`
}

func (undoCmd) Help() string {
	return `Takes back a cancel, a change of a priority, a pause of a queue, or a bulk of these, as long as the task or queue is still
as it was left. A cancelled task is pending again. "daybook log" has the numbers of events, "daybook bulk" the ids of bulks.

Examples:

    daybook undo 4711
    daybook undo 01KA0M5Z7Q8G4S2B6D9XEJ3V1T --reason "wrong queue"`
}

func (c *undoCmd) Run(ctx context.Context, s *stdio) error {
	seq, err := strconv.ParseInt(c.What, 10, 64)
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		if err != nil {
			started, err := server.UndoBulk(ctx, c.What, c.Reason)
			if err != nil {
				return err
			}
			return c.follow(ctx, s, server, &started)
		}
		undone, err := server.Undo(ctx, seq, c.Reason)
		if err != nil {
			return err
		}
		return c.print(s, &undone)
	})
}

// print writes what was undone.
func (c *undoCmd) print(s *stdio, u *client.Undone) (err error) {
	switch {
	case c.JSON:
		return json.NewEncoder(s.out).Encode(u.Raw)
	case u.TaskID != nil && u.Status != nil:
		_, err = fmt.Fprintf(s.out, "%s\t%s\t%s undone\n", *u.TaskID, *u.Status, u.Type)
	case u.Queue != nil:
		_, err = fmt.Fprintf(s.out, "%s\tactive\t%s undone\n", *u.Queue, u.Type)
	case u.Bulk != nil:
		return c.printBulk(s, u.Bulk)
	default:
		_, err = fmt.Fprintln(s.out, "nothing to undo")
	}
	return err
}
