package main

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"daybook/client"
)

type workflowShowCmd struct {
	remote
	ID    string `arg:"" help:"The workflow."`
	Watch bool   `help:"Go on and show each change of a task until the workflow has ended. Exit code 1 unless it succeeded."`
}

// Help is shown below the usage.
func (workflowShowCmd) Help() string {
	return `Shows each task after those that it depends on, indented by how many come before it at least. In a pipe a line has, with tabs
between them: name, status, time it ran, task type, id, the tasks it depends on, and why it waits or how it failed.

Examples:

    daybook workflow show 01KA0M5Z7Q8G4S2B6D9XEJ3V1T
    daybook workflow show 01KA0M5Z7Q8G4S2B6D9XEJ3V1T --watch`
}

func (c *workflowShowCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		if c.Watch {
			return showWorkflowUntilEnded(ctx, s, server, c.ID, c.JSON)
		}
		w, err := server.Workflow(ctx, c.ID)
		if err != nil {
			return err
		}
		return c.printWorkflow(s, &w)
	})
}

// printWorkflow prints a workflow and its tasks.
func (r *remote) printWorkflow(s *stdio, w *client.Workflow) error {
	if r.JSON {
		return printJSON(s.out, w.Raw)
	}
	if err := printWorkflowLine(s, w); err != nil {
		return err
	}
	g := graphOf(w)
	for i := range w.Tasks {
		if _, err := fmt.Fprintln(s.out, g.line(s, &w.Tasks[i])); err != nil {
			return err
		}
	}
	return nil
}

// printWorkflowLine prints how all of a workflow stands.
func printWorkflowLine(s *stdio, w *client.Workflow) (err error) {
	note := workflowNote(&w.WorkflowSummary)
	took := ran(w.StartedAt, w.CompletedAt)
	if s.outTerminal {
		_, err = fmt.Fprintln(s.out, strings.TrimRight(fmt.Sprintf("%s %s  %s  %s  %s", s.status(w.Status), s.bold(nameOf(&w.WorkflowSummary)), s.dim(w.ID), took, note), " "))
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s\t%s\t%s\t%s\t%s\n", w.ID, w.Status, took, nameOf(&w.WorkflowSummary), note)
	return err
}

// ran is how long something has run, "" if it has not started.
func ran(from, to *time.Time) string {
	switch {
	case from == nil:
		return ""
	case to == nil:
		return span(max(time.Since(*from), 0).Truncate(time.Millisecond))
	}
	return span(to.Sub(*from))
}

// graph is what ties the tasks of a workflow to each other.
type graph struct {
	tasks map[string]*client.Task // by id
	layer map[string]int          // by id: the most tasks of a way that leads to it
	width int                     // of the names with their indentation
}

// mostLayers is how far names are indented at most.
const mostLayers = 12

func graphOf(w *client.Workflow) *graph {
	g := &graph{tasks: make(map[string]*client.Task, len(w.Tasks)), layer: make(map[string]int, len(w.Tasks))}
	for i := range w.Tasks {
		t := &w.Tasks[i]
		g.tasks[t.ID] = t
		for _, d := range t.DependsOn {
			if g.tasks[d.Task] != nil {
				g.layer[t.ID] = max(g.layer[t.ID], g.layer[d.Task]+1)
			}
		}
		g.width = min(max(g.width, utf8.RuneCountInString(g.indented(t))), 40)
	}
	return g
}

func taskName(t *client.Task) string {
	if t.ChildName == nil {
		return t.ID
	}
	return oneLine(*t.ChildName)
}

func (g *graph) indented(t *client.Task) string {
	return strings.Repeat("  ", min(g.layer[t.ID], mostLayers)) + taskName(t)
}

// line is a task on one line.
func (g *graph) line(s *stdio, t *client.Task) string {
	took := ran(t.StartedAt, t.CompletedAt)
	if t.Status == client.Pending {
		took = ""
	}
	if !s.outTerminal {
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", taskName(t), t.Status, took, t.TaskType, t.ID, g.after(t, len(t.DependsOn)), g.note(t))
	}
	text := fmt.Sprintf("%s %-*s  %10s  ", s.status(t.Status), g.width, g.indented(t), took)
	const status = 11
	room := s.width() - status - 1 - g.width - 2 - 10 - 2
	about := g.note(t)
	if after := g.after(t, 3); about == "" && after != "" {
		about = "after " + after
	}
	return strings.TrimRight(text+s.dim(cut(about, room)), " ")
}

// after lists the tasks that a task depends on, at most so many.
func (g *graph) after(t *client.Task, most int) string {
	var names []string
	for _, d := range t.DependsOn[:min(most, len(t.DependsOn))] {
		name := d.Name
		if name == "" {
			name = d.Task
		}
		if d.When != "succeeded" && d.When != "" {
			name += ":" + d.When
		}
		names = append(names, oneLine(name))
	}
	text := strings.Join(names, ",")
	if more := len(t.DependsOn) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// note says why a task of a workflow waits, or how it has ended.
func (g *graph) note(t *client.Task) string {
	if t.Status == client.Cancelled && t.Because != nil && g.tasks[*t.Because] != nil {
		on := g.tasks[*t.Because]
		return fmt.Sprintf("because %s is %s", taskName(on), on.Status)
	}
	if t.Status != client.Pending || t.WaitingFor == nil {
		return note(t)
	}
	if t.WaitingFor.Reason == "workflow" {
		return "waits: the workflow has not started"
	}
	if t.WaitingFor.Reason != "dependencies" {
		return note(t)
	}
	var open []string
	for _, d := range t.DependsOn {
		if on := g.tasks[d.Task]; on != nil && !on.Status.Ended() {
			open = append(open, taskName(on))
		}
	}
	return "waits for " + someOf(open, len(open))
}

// showWorkflowUntilEnded shows each change of the status of a task until the workflow has ended; with asJSON only its end. An end that is no success is
// errSilent.
func showWorkflowUntilEnded(ctx context.Context, s *stdio, server *client.Client, id string, asJSON bool) error {
	shown := map[string]client.Status{} // by id of a task
	var last *client.Workflow
	for u, err := range server.WatchWorkflow(ctx, id) {
		if err != nil && ctx.Err() != nil {
			fmt.Fprintf(s.err, "%s the workflow goes on; watch it with: daybook workflow show --watch %s\n", s.paintErr("33", "daybook:"), id)
			return errInterrupted
		}
		if err != nil {
			return err
		}
		changed := u.Changed
		if last == nil {
			for i := range u.Workflow.Tasks {
				changed = append(changed, &u.Workflow.Tasks[i])
			}
		}
		last = u.Workflow
		if asJSON {
			continue
		}
		g := graphOf(last)
		for _, t := range changed {
			before, known := shown[t.ID]
			if shown[t.ID] = t.Status; before == t.Status || !known && t.Status == client.Pending {
				continue
			}
			if _, err := fmt.Fprintln(s.out, g.line(s, t)); err != nil {
				return err
			}
		}
	}
	if asJSON {
		if err := printJSON(s.out, last.Raw); err != nil {
			return err
		}
	} else if err := printWorkflowLine(s, last); err != nil {
		return err
	}
	if last.Status != client.Success {
		return errSilent
	}
	return nil
}
