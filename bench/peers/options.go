package main

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strings"

	"daybook/bench/measure"
	"daybook/bench/queues"
	"daybook/bench/report"
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
	part    report.Part // of the document
}

func parse(arguments []string) (options, error) {
	o := options{command: command(arguments)}
	f := flag.NewFlagSet("peers", flag.ContinueOnError)
	f.IntVar(&o.runs, "runs", 3, "how often each row is run; the table has medians")
	f.IntVar(&o.job.Workers, "workers", 512, "handlers at the same time")
	f.IntVar(&o.job.Callers, "callers", 64, "callers that submit one by one")
	f.IntVar(&o.job.Bulkers, "bulkers", 4, "callers that submit many tasks a call")
	f.Float64Var(&o.job.Seconds, "seconds", 5, "how long each row of load takes")
	f.IntVar(&o.job.Backlog, "backlog", 50_000, "tasks of the backlog that is drained")
	f.IntVar(&o.large, "large", 100_000, "tasks of the backlog that a system is started with")
	f.IntVar(&o.job.Samples, "samples", 500, "pick-ups measured in a run")
	f.Float64Var(&o.job.Minute, "minute", 60, "seconds of load of the rows minute-64 and minute-bulk")
	f.Float64Var(&o.job.Sustained, "sustained", 180, "seconds of load of the rows sustained-64 and sustained-bulk; the last two thirds are measured")
	f.IntVar(&o.job.Ahead, "ahead", 20_000, "tasks that have not ended, at which callers of a sustained row pause")
	f.Float64Var(&o.job.Limit, "limit", 30, "seconds after which what has not ended is cut off")
	systems := f.String("systems", "", "the systems, by commas; empty = all of "+names(queues.Specs()))
	rows := f.String("rows", "", "the rows, by commas; empty = all of "+join(measure.Rows())+"; there are also "+join(measure.LongRows()))
	long := f.Bool("long", false, "unless -systems and -rows say other: the systems "+longSystems+" and the rows "+join(measure.LongRows()))
	f.StringVar(&o.temp, "temp", "", "folder for the data of all systems; empty = that of the system")
	f.StringVar(&o.out, "out", "results", "folder for the results")
	f.StringVar(&o.write, "write", "", "document into which the tables are written, between its markers")
	if err := f.Parse(arguments); err != nil {
		return o, err
	}
	if o.job.Minute <= 0 || o.job.Sustained <= 0 || o.job.Ahead <= 0 {
		return o, fmt.Errorf("-minute, -sustained and -ahead must be above 0")
	}
	o.job.Text = measure.Text
	if *long {
		*systems, *rows = cmp.Or(*systems, longSystems), cmp.Or(*rows, join(measure.LongRows()))
	}
	if err := o.choose(*systems, *rows); err != nil {
		return o, err
	}
	return o, o.place()
}

// longSystems are those that the long rows are run with: Daybook, and the peers that
// keep a task before they acknowledge it and are fastest.
const longSystems = "daybook,daybook-http,daybook-client,asynq-always,bullmq-always,river-postgres"

// place finds the part of the document that the rows belong to, if one is to be written.
func (o *options) place() error {
	long := slices.ContainsFunc(o.rows, measure.Row.Long)
	short := slices.ContainsFunc(o.rows, func(r measure.Row) bool { return !r.Long() })
	if o.part = report.Short; long {
		o.part = report.Long
	}
	if o.write == "" {
		return nil
	}
	if long && short {
		return fmt.Errorf("-write: long rows have a part of their own in the document; run them alone")
	}
	return o.part.Check(o.write)
}

// command is what repeats a run.
func command(arguments []string) string {
	if len(arguments) >= 2 && arguments[0] == "-write" { // as make puts it
		arguments = arguments[2:]
	}
	words := "make bench-peers"
	if len(arguments) > 0 && arguments[0] == "-long" {
		words, arguments = words+" LONG=1", arguments[1:]
	}
	if len(arguments) == 0 {
		return words
	}
	return fmt.Sprintf("%s PEERS=%q", words, strings.Join(arguments, " "))
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
		if row := measure.Row(name); !row.Long() && !slices.Contains(measure.Rows(), row) {
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
