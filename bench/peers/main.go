// Command peers measures Daybook beside other task queues, on this machine and in one
// run. README.md beside this folder says what it measures and how.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"daybook/bench/measure"
	"daybook/bench/queues"
	"daybook/bench/report"
)

// childArg is the first argument of a process that does one job; the job follows.
const childArg = "child"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	if len(arguments) == 2 && (arguments[0] == childArg || arguments[0] == queues.ServeArg) {
		return child(ctx, arguments[0], arguments[1])
	}
	o, err := parse(arguments)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.temp, "daybook-peers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL runs as another user
		return err
	}
	c, err := newConductor(ctx, o, dir)
	if err != nil {
		return err
	}
	began := time.Now()
	c.report.Began, c.report.Machine = began, report.Machine(dir)
	c.report.Command, c.report.Runs, c.report.Settings, c.report.Large = o.command, o.runs, o.job, o.large
	runErr := c.run(ctx)
	c.report.Took = time.Since(began)
	if runErr != nil {
		o.write = "" // what was measured is shown, but no document gets a half of it
	}
	return errors.Join(runErr, publish(c.report, o))
}

// child does one job and speaks with the parent over its output.
func child(ctx context.Context, what, job string) error {
	var j measure.Job
	if err := json.Unmarshal([]byte(job), &j); err != nil {
		return err
	}
	if what == queues.ServeArg {
		return queues.Serve(ctx, j, os.Stdin, os.Stdout)
	}
	spec, err := queues.Lookup(j.System)
	if err != nil {
		return err
	}
	return measure.Child(ctx, j, spec.Open, os.Stdin, os.Stdout)
}

// publish prints the tables, stores them with the JSON, and writes them into a document.
func publish(r *report.Report, o options) error {
	text := r.Markdown()
	fmt.Println(text)
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	body, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	base := filepath.Join(o.out, "peers-"+r.Began.UTC().Format("20060102-150405"))
	if err := os.WriteFile(base+".json", append(body, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(base+".md", []byte(text), 0o644); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "written to", base+".json and .md")
	if o.write == "" {
		return nil
	}
	return o.part.WriteInto(o.write, strings.TrimSuffix(text, "\n"))
}
