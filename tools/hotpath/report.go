package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"daybook/tools/command"
)

// stage is a part of the hot path: what has one of these functions on its stack and none
// of those of the stages above it.
type stage struct {
	name string
	// functions as `go tool pprof` names them, without the module; with a dot at the end, all
	// of a package or of a type.
	functions []string
}

var stages = []stage{
	{"view file and text index, in the background", []string{"projection.(*keeper).run", "projection.(*keeper).index"}},
	{"run: parameters, handler, its return", []string{"scheduler.(*attempt).", "scheduler.runFetched", "scheduler.(*Scheduler).fetch"}},
	{"append: chain of hashes, rows, WAL, sync", []string{"eventlog/sqlitelog.", "scheduler.(*loop).appendRounds"}},
	{"apply: fold into the views", []string{"projection.(*Views).ApplyChanges"}},
	{"encode: the bytes of an event, once", []string{"scheduler.(*memory).encode", "scheduler.(*memory).record"}},
	{"answer: tell who waits; its JSON", []string{"scheduler.(*loop).answer", "api.(*API).sendSubmitted", "api.(*API).sendBatch"}},
	{"decode: strict parse, schema, defaults", []string{"api.(*API).readSubmit", "api.batchItems", "intake.(*Intake).Read", "intake.(*Intake).ReadBatch", "intake.(*Intake).Complete"}},
	{"decide: the rest of the loop", []string{"scheduler.(*loop)."}},
	{"HTTP and its sockets", []string{"net/http."}},
	{"the load itself", []string{"bench_test.", "api.load", "testing."}},
}

// pattern is the regexp of the functions of the stages, for pprof; "" for none.
func pattern(of ...stage) string {
	var all []string
	for _, s := range of {
		for _, f := range s.functions {
			all = append(all, "(^|/)"+regexp.QuoteMeta(f))
		}
	}
	return strings.Join(all, "|")
}

// cost is what a part took of the whole benchmark.
type cost struct{ cpu, objects, bytes float64 } // ns, number, bytes

// row is a line of the table.
type row struct {
	name string
	cost
}

// report profiles the benchmark and prints what was found.
func (p *profiler) report(ctx context.Context, out io.Writer) error {
	line, err := p.measure(ctx, "-cpuprofile", p.file("cpu"))
	if err != nil {
		return err
	}
	if _, err := p.measure(ctx, "-memprofile", p.file("mem"), "-memprofilerate", "4096"); err != nil {
		return err
	}
	if _, err := p.measure(ctx, "-blockprofile", p.file("block"), "-blockprofilerate", "1",
		"-mutexprofile", p.file("mutex"), "-mutexprofilefraction", "1"); err != nil {
		return err
	}
	rows, err := p.rows(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "`%s`\n\n", line)
	p.table(out, rows)
	for _, w := range []struct{ profile, title string }{
		{"block", "waits for a channel, a lock or a group"}, {"mutex", "has others wait for its lock"},
	} {
		if err := p.waits(ctx, out, w.profile, w.title); err != nil {
			return err
		}
	}
	return nil
}

// rows returns what each of the stages took, then what has none of them on its stack, then
// all.
func (p *profiler) rows(ctx context.Context) (rows []row, err error) {
	for i, s := range stages {
		c, _, err := p.cost(ctx, pattern(s), pattern(stages[:i]...))
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{s.name, c})
	}
	rest, all, err := p.cost(ctx, "", pattern(stages...))
	return append(rows, row{"Go: collector, scheduler of goroutines; the rest", rest}, row{"all", all}), err
}

func (p *profiler) cost(ctx context.Context, focus, ignore string) (c, all cost, err error) {
	for _, one := range []struct {
		profile, index string
		part, whole    *float64
	}{
		{"cpu", "cpu", &c.cpu, &all.cpu},
		{"mem", "alloc_objects", &c.objects, &all.objects},
		{"mem", "alloc_space", &c.bytes, &all.bytes},
	} {
		if *one.part, *one.whole, err = p.share(ctx, one.profile, one.index, focus, ignore); err != nil {
			return c, all, err
		}
	}
	return c, all, nil
}

// table prints those of the rows that took something; the last one is all.
func (p *profiler) table(out io.Writer, rows []row) {
	fmt.Fprintln(out, "| stage | processor time a task | share | allocations a task | bytes a task |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- |")
	n, all := float64(p.tasks), rows[len(rows)-1]
	for _, r := range rows {
		if r.cost != (cost{}) {
			fmt.Fprintf(out, "| %s | %.2f µs | %.0f %% | %.2f | %.0f |\n", r.name, r.cpu/n/1e3, 100*r.cpu/all.cpu, r.objects/n, r.bytes/n)
		}
	}
	fmt.Fprintln(out)
}

// mostWaits is how many of the functions that wait are shown.
const mostWaits = 8

// waited is a line of pprof: a time, its share, three more columns, and the function.
var waited = regexp.MustCompile(`^([0-9.]+)ms +([0-9.]+)% +\S+ +\S+ +\S+ +(\S.*)$`)

// waits prints which of Daybook's functions waited for how long, summed over goroutines.
// Those that have nothing to do are among them.
func (p *profiler) waits(ctx context.Context, out io.Writer, profile, title string) error {
	said, err := command.Output(ctx, p.tree, p.pprof, "-top", "-unit=ms", "-nodefraction=0.005", "-nodecount="+strconv.Itoa(mostWaits),
		"-show=^daybook", p.file("test"), p.file(profile))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "| %s | all goroutines together | share |\n| --- | --- | --- |\n", title)
	for line := range strings.Lines(said) {
		if f := waited.FindStringSubmatch(strings.TrimSpace(line)); f != nil {
			fmt.Fprintf(out, "| `%s` | %s ms | %s %% |\n", strings.TrimSuffix(f[3], " (inline)"), f[1], f[2])
		}
	}
	fmt.Fprintln(out)
	return nil
}
