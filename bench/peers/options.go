package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"

	"daybook/bench/measure"
	"daybook/bench/queues"
)

// options are what the flags say.
type options struct {
	command string // to be repeated
	job     measure.Job
	large   int
	runs    int
	specs   []queues.Spec
	rows    []measure.Row
	temp    string
	out     string
	write   string
}

func parse(arguments []string) (options, error) {
	o := options{command: command(arguments)}
	f := flag.NewFlagSet("peers", flag.ContinueOnError)
	f.IntVar(&o.runs, "runs", 3, "how often each row is run; the table has medians")
	f.IntVar(&o.job.Workers, "workers", 256, "handlers at the same time")
	f.IntVar(&o.job.Callers, "callers", 64, "callers that submit one by one")
	f.IntVar(&o.job.Bulkers, "bulkers", 4, "callers that submit many tasks a call")
	f.Float64Var(&o.job.Seconds, "seconds", 5, "how long each row of load takes")
	f.IntVar(&o.job.Backlog, "backlog", 50_000, "tasks of the backlog that is drained")
	f.IntVar(&o.large, "large", 100_000, "tasks of the backlog that a system is started with")
	f.IntVar(&o.job.Samples, "samples", 500, "pick-ups measured in a run")
	f.Float64Var(&o.job.Limit, "limit", 30, "seconds after which what has not ended is cut off")
	systems := f.String("systems", "", "the systems, by commas; empty = all of "+names(queues.Specs()))
	rows := f.String("rows", "", "the rows, by commas; empty = all of "+join(measure.Rows()))
	f.StringVar(&o.temp, "temp", "", "folder for the data of all systems; empty = that of the system")
	f.StringVar(&o.out, "out", "results", "folder for the results")
	f.StringVar(&o.write, "write", "", "document into which the tables are written, between its markers")
	if err := f.Parse(arguments); err != nil {
		return o, err
	}
	o.job.Text = measure.Text
	return o, o.choose(*systems, *rows)
}

// command is what repeats a run.
func command(arguments []string) string {
	if len(arguments) >= 2 && arguments[0] == "-write" { // as make puts it
		arguments = arguments[2:]
	}
	if len(arguments) == 0 {
		return "make bench-peers"
	}
	return fmt.Sprintf("make bench-peers PEERS=%q", strings.Join(arguments, " "))
}

// choose fills in the systems and the rows.
func (o *options) choose(systems, rows string) error {
	o.specs, o.rows = queues.Specs(), measure.Rows()
	if systems != "" {
		o.specs = nil
		for _, name := range strings.Split(systems, ",") {
			spec, err := queues.Lookup(name)
			if err != nil {
				return fmt.Errorf("-systems: %w", err)
			}
			o.specs = append(o.specs, spec)
		}
	}
	if rows == "" {
		return nil
	}
	o.rows = nil
	for _, name := range strings.Split(rows, ",") {
		if !slices.Contains(measure.Rows(), measure.Row(name)) {
			return fmt.Errorf("-rows: there is no row %q", name)
		}
		o.rows = append(o.rows, measure.Row(name))
	}
	return nil
}

func names(specs []queues.Spec) string {
	all := make([]string, len(specs))
	for i, s := range specs {
		all[i] = s.Name
	}
	return join(all)
}

func join[S ~string](all []S) string {
	words := make([]string, len(all))
	for i, s := range all {
		words[i] = string(s)
	}
	return strings.Join(words, ",")
}
