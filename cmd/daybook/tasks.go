package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"daybook/client"
)

// taskFilter is the flags that say which tasks.
type taskFilter struct {
	Status        []string      `placeholder:"STATUS" help:"Only tasks with this status: pending, running, success, failed, cancelled; may be repeated."`
	Waiting       []string      `placeholder:"STATE" help:"Only pending tasks in this state: ready, scheduled, backoff, blocked, suspended; may be repeated."`
	Type          []string      `placeholder:"TYPE" help:"Only tasks of this type; may be repeated."`
	Queue         []string      `help:"Only tasks in this queue; may be repeated."`
	Tag           []string      `help:"Only tasks with this tag; may be repeated."`
	Search        string        `short:"s" placeholder:"TEXT" help:"Only tasks with a word in parameters, result, error, message, subject or outcome, or an id, that begins with this text."`
	CreatedAfter  moment        `placeholder:"TIME" help:"Only tasks submitted after this time, such as 2027-01-31T08:00:00Z."`
	CreatedBefore moment        `placeholder:"TIME" help:"Only tasks submitted before this time."`
	DurationMin   time.Duration `placeholder:"SPAN" help:"Only ended tasks that ran at least this long, such as 1m30s." positive:""`
	DurationMax   time.Duration `placeholder:"SPAN" help:"Only ended tasks that ran at most this long." positive:""`
}

type tasksCmd struct {
	remote
	taskFilter
	At    past `placeholder:"WHEN" help:"As of an earlier point of the log: the seq of an event, a time, or how long ago, such as 10m."`
	Limit int  `short:"n" default:"20" help:"Maximum number of tasks; 0 for all (${default})."`
}

func (tasksCmd) Help() string {
	return `Lists tasks, newest first; with --waiting scheduled or backoff, the one that is due next first.

Examples:

    daybook tasks
    daybook tasks --status failed --type DATA_PROCESSING
    daybook tasks --waiting scheduled
    daybook tasks --search example.com --limit 0 --json
    daybook tasks --status running --at 10m`
}

// AfterApply checks what the flags' types do not.
func (c *tasksCmd) AfterApply() error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit must not be negative")
	}
	return c.check()
}

// check checks what the flags' types do not.
func (c *taskFilter) check() error {
	known := []client.Status{client.Pending, client.Running, client.Success, client.Failed, client.Cancelled}
	for _, name := range c.Status {
		if !containsFold(known, name) {
			return fmt.Errorf("--status %s: it must be one of pending, running, success, failed, cancelled", name)
		}
	}
	for _, name := range c.Waiting {
		if !slices.Contains([]string{"ready", "scheduled", "backoff", "blocked", "suspended"}, name) {
			return fmt.Errorf("--waiting %s: it must be one of ready, scheduled, backoff, blocked, suspended", name)
		}
	}
	if c.DurationMin < 0 || c.DurationMax < 0 {
		return fmt.Errorf("--duration-min and --duration-max must not be negative")
	}
	return nil
}

func containsFold(known []client.Status, name string) bool {
	for _, k := range known {
		if strings.EqualFold(string(k), name) {
			return true
		}
	}
	return false
}

// filter is what the flags say.
func (c *taskFilter) filter() client.Filter {
	f := client.Filter{
		Waiting: c.Waiting, TaskTypes: c.Type, Queues: c.Queue, Tags: c.Tag, Search: c.Search,
		CreatedAfter: c.CreatedAfter.Time, CreatedBefore: c.CreatedBefore.Time,
		DurationMin: c.DurationMin, DurationMax: c.DurationMax,
	}
	for _, name := range c.Status {
		f.Statuses = append(f.Statuses, client.Status(strings.ToUpper(name)))
	}
	return f
}

// empty reports whether no flag is given.
func (c *taskFilter) empty() bool {
	return len(c.Status)+len(c.Waiting)+len(c.Type)+len(c.Queue)+len(c.Tag) == 0 && c.Search == "" &&
		c.CreatedAfter.IsZero() && c.CreatedBefore.IsZero() && c.DurationMin == 0 && c.DurationMax == 0
}

// page is the filter of the pages that are asked for.
func (c *tasksCmd) page() client.Filter {
	f := c.filter()
	f.Summary, f.Limit, f.At = !c.JSON, 1000, c.At.text
	if c.Limit > 0 {
		f.Limit = min(c.Limit, f.Limit)
	}
	return f
}

func (c *tasksCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		if len(c.Type) > 0 {
			known, err := typeNames(ctx, server)
			if err == nil {
				c.Type, err = allNamed("task type", c.Type, known)
			}
			if err != nil {
				return err
			}
		}
		page, err := server.ListPage(ctx, c.page())
		if err != nil {
			return err
		}
		list := newTaskList(s, c.JSON)
		for shown := 0; ; {
			for i := range page.Tasks {
				if c.Limit > 0 && shown == c.Limit {
					return list.end(&page, shown)
				}
				if err := list.add(&page.Tasks[i]); err != nil {
					return err
				}
				shown++
			}
			if !page.More() || c.Limit > 0 && shown >= c.Limit {
				return list.end(&page, shown)
			}
			if page, err = server.NextPage(ctx, page); err != nil {
				return err
			}
		}
	})
}

// taskList prints tasks one by one: an aligned table on a terminal, lines with tabs on a
// pipe, an array in JSON.
type taskList struct {
	s      *stdio
	asJSON bool
	n      int
}

func newTaskList(s *stdio, asJSON bool) *taskList { return &taskList{s: s, asJSON: asJSON} }

func (l *taskList) add(t *client.Task) (err error) {
	defer func() { l.n++ }()
	switch {
	case l.asJSON:
		_, err = io.WriteString(l.s.out, map[bool]string{true: "[", false: ","}[l.n == 0]+"\n")
		if err == nil {
			_, err = l.s.out.Write(t.Raw)
		}
	case l.s.outTerminal:
		if l.n == 0 {
			fmt.Fprintln(l.s.out, l.s.dim(fmt.Sprintf("%-26s  %-11s  %-18s  %4s  %-8s", "ID", "STATUS", "TYPE", "%", "AGE")))
		}
		_, err = fmt.Fprintln(l.s.out, l.s.row(t, time.Now()))
	default:
		_, err = fmt.Fprintln(l.s.out, plainRow(t))
	}
	return err
}

// end closes the list and says what it left out.
func (l *taskList) end(page *client.Page, shown int) (err error) {
	switch {
	case l.asJSON:
		_, err = io.WriteString(l.s.out, map[bool]string{true: "[]\n", false: "\n]\n"}[l.n == 0])
	case !l.s.outTerminal:
	case page.Total == 0:
		_, err = fmt.Fprintln(l.s.out, l.s.dim("No tasks."))
	case int64(shown) < page.Total:
		more := map[bool]string{true: "", false: " or more"}[page.TotalExact]
		_, err = fmt.Fprintln(l.s.out, l.s.dim(fmt.Sprintf("%d of %s%s; --limit 0 shows all", shown, grouped(page.Total), more)))
	}
	if page.Cut {
		fmt.Fprintln(l.s.err, "daybook: the search ran out of time before it had looked at everything")
	}
	return err
}

// row is a task on one line of a terminal, cut to its width.
func (s *stdio) row(t *client.Task, now time.Time) string {
	percent := ""
	if t.Status == client.Running {
		percent = fmt.Sprintf("%.0f", t.Progress)
	}
	const taken = 26 + 2 + 11 + 2 + 18 + 2 + 4 + 2 + 8 + 2
	return fmt.Sprintf("%s  %s  %-18s  %4s  %-8s  %s", t.ID, s.status(t.Status), cut(t.TaskType, 18), percent,
		age(now.Sub(t.CreatedAt)), s.dim(cut(subjectAndNote(t), s.width()-taken)))
}

// age is how long ago something was, in one unit.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(max(d, 0).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d m", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}

// cut is text cut to n columns.
func cut(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	if n < 1 {
		return ""
	}
	return string(runes[:n-1]) + "…"
}
