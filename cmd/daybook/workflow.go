package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"daybook/client"
	"daybook/internal/workflowfile"
)

type workflowCmd struct {
	Start  workflowRunCmd    `cmd:"" name:"run" help:"Submit a workflow out of a file."`
	Ls     workflowLsCmd     `cmd:"" default:"withargs" help:"List workflows."`
	Show   workflowShowCmd   `cmd:"" help:"Show a workflow and its tasks."`
	Cancel workflowCancelCmd `cmd:"" help:"Cancel workflows with all of their tasks."`
	Retry  workflowRetryCmd  `cmd:"" help:"Do again what has failed in workflows, or all from one task on."`
}

// Help is shown below the usage.
func (workflowCmd) Help() string {
	return `A workflow is several tasks that depend on each other. A file of JSON or YAML says which:

    name: pictures of today
    tasks:
      make: {task_type: IMAGE_PROCESSING, parameters: {image_count: 3}}
      tell: {task_type: EMAIL_SIMULATION, depends_on: [make], parameters: {recipient_count: 1}}

Examples:

    daybook workflow run pictures.yaml --wait
    daybook workflow --status failed
    daybook workflow show 01KA0M5Z7Q8G4S2B6D9XEJ3V1T
    daybook workflow retry 01KA0M5Z7Q8G4S2B6D9XEJ3V1T --from make`
}

type workflowRunCmd struct {
	remote
	File string `arg:"" help:"The file, - for standard input. JSON or YAML, by its ending or its content."`
	Wait bool   `short:"w" help:"Wait until the workflow has ended and show each change of a task. Exit code 1 unless it succeeded; Ctrl-C stops the waiting, not the workflow."`
	Key  string `help:"Idempotency key: submitting the same workflow again with the same key returns the first one."`
}

// Help is shown below the usage.
func (workflowRunCmd) Help() string {
	return `Prints the id of the new workflow once all of its tasks are on the server's disk. Mistakes are named by file, line and
column, and nothing is submitted then.

Examples:

    daybook workflow run pictures.yaml --wait
    generate | daybook workflow run - --key nightly-2027-01-31`
}

func (c *workflowRunCmd) Run(ctx context.Context, s *stdio) error {
	file, err := readWorkflow(s, c.File)
	if err != nil {
		return err
	}
	if c.Key == "" && strings.Contains(c.Server, ",") { // then it can go on at the next node, whatever has become of it
		c.Key = "workflow-" + rand.Text()
	}
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		made, replayed, err := server.SubmitWorkflow(ctx, json.RawMessage(file.JSON()), c.Key)
		if err != nil {
			return located(file, err)
		}
		if c.Wait {
			fmt.Fprintf(s.err, "%s  %s\n", made.ID, s.paintErr("4;36", pageOfWorkflow(server, made.ID)))
			return showWorkflowUntilEnded(ctx, s, server, made.ID, c.JSON)
		}
		switch {
		case c.JSON:
			return printJSON(s.out, made.Raw)
		case s.outTerminal && replayed:
			_, err = fmt.Fprintf(s.out, "%s  %s\n", made.ID, s.dim("submitted before with this key; it is "+string(made.Status)))
		case s.outTerminal:
			_, err = fmt.Fprintf(s.out, "%s  %s\n", made.ID, s.dim("daybook workflow show "+made.ID))
		default:
			_, err = fmt.Fprintln(s.out, made.ID)
		}
		return err
	})
}

func pageOfWorkflow(server *client.Client, id string) string {
	return server.URL() + "/#/workflows/" + id
}

// readWorkflow reads the file of a workflow; no more of it than a workflow may have.
func readWorkflow(s *stdio, path string) (*workflowfile.File, error) {
	name, in := path, io.Reader(s.in)
	if path == "-" {
		name = "<stdin>"
	} else {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return nil, err
		}
		if info.Size() > workflowfile.MaxBytes {
			return nil, errTooLongWorkflow(name)
		}
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, workflowfile.MaxBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > workflowfile.MaxBytes:
		return nil, errTooLongWorkflow(name)
	}
	return workflowfile.Read(name, text)
}

func errTooLongWorkflow(name string) error {
	return fmt.Errorf("%s has more than 16 MiB, the most that a workflow may have; split it into several", name)
}

// located names the places in the file that a refusal of the server points to.
func located(file *workflowfile.File, err error) error {
	var p *client.Problem
	if !errors.As(err, &p) || len(p.Errors) == 0 {
		return err
	}
	fields := make([][2]string, len(p.Errors))
	for i, e := range p.Errors {
		fields[i] = [2]string{e.Pointer, e.Detail}
	}
	return file.Locate(fields)
}

type workflowLsCmd struct {
	remote
	Status []string `placeholder:"STATUS" help:"Only workflows with this status: pending, running, success, failed, cancelled; may be repeated."`
	Name   string   `help:"Only workflows with this name."`
	Limit  int      `short:"n" default:"20" help:"Maximum number of workflows; 0 for all (${default})."`
}

// AfterApply checks what the flags' types do not.
func (c *workflowLsCmd) AfterApply() error {
	if c.Limit < 0 {
		return errors.New("--limit must not be negative")
	}
	return (&taskFilter{Status: c.Status}).check()
}

func (c *workflowLsCmd) Run(ctx context.Context, s *stdio) error {
	f := client.WorkflowFilter{Statuses: (&taskFilter{Status: c.Status}).filter().Statuses, Name: c.Name, Limit: 1000}
	if c.Limit > 0 {
		f.Limit = min(c.Limit, f.Limit)
	}
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		n := 0
		for w, err := range server.Workflows(ctx, f) {
			if err == nil {
				err = c.print(s, &w)
			}
			if err != nil {
				return err
			}
			if n++; n == c.Limit {
				break
			}
		}
		if n == 0 && s.outTerminal && !c.JSON {
			fmt.Fprintln(s.out, s.dim("No workflows."))
		}
		return nil
	})
}

func (c *workflowLsCmd) print(s *stdio, w *client.WorkflowSummary) (err error) {
	tasks := fmt.Sprintf("%d of %d", w.TaskCount-w.OpenCount, w.TaskCount)
	switch {
	case c.JSON:
		return printJSON(s.out, w.Raw)
	case s.outTerminal:
		_, err = fmt.Fprintf(s.out, "%s  %s  %14s  %-8s  %s  %s\n", w.ID, s.status(w.Status), tasks, age(time.Since(w.CreatedAt)), nameOf(w), s.dim(workflowNote(w)))
	default:
		_, err = fmt.Fprintf(s.out, "%s\t%s\t%s\t%s\t%s\n", w.ID, w.Status, tasks, nameOf(w), workflowNote(w))
	}
	return err
}

// nameOf is the name of a workflow, also if it was erased.
func nameOf(w *client.WorkflowSummary) string {
	if w.Name == nil {
		return "(erased)"
	}
	return oneLine(*w.Name)
}

// workflowNote says what is to be known of a workflow beside its status.
func workflowNote(w *client.WorkflowSummary) string {
	switch {
	case w.ErrorMessage != nil:
		return oneLine(*w.ErrorMessage)
	case w.CancelRequested && !w.Status.Ended():
		return "is being cancelled"
	case w.WaitingFor != nil:
		return "waits: " + waits(w.WaitingFor)
	}
	return ""
}

type workflowCancelCmd struct {
	remote
	ID     []string `arg:"" help:"The workflows."`
	Reason string   `placeholder:"TEXT" help:"Why, for the history."`
}

func (c *workflowCancelCmd) Run(ctx context.Context, s *stdio) error {
	return changeEach(ctx, s, &c.remote, c.ID, c.printWorkflow, func(server *client.Client, ctx context.Context, id string) (client.Workflow, error) {
		return server.CancelWorkflow(ctx, id, c.Reason)
	})
}

type workflowRetryCmd struct {
	remote
	ID     []string `arg:"" help:"The workflows."`
	From   string   `placeholder:"NAME" help:"Do this task and all after it again, also those that have succeeded."`
	Reason string   `placeholder:"TEXT" help:"Why, for the history."`
}

func (c *workflowRetryCmd) Run(ctx context.Context, s *stdio) error {
	return changeEach(ctx, s, &c.remote, c.ID, c.printWorkflow, func(server *client.Client, ctx context.Context, id string) (client.Workflow, error) {
		return server.RetryWorkflow(ctx, id, c.From, c.Reason)
	})
}
