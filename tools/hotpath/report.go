package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
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
	{"view file and index of texts, in the background", []string{"projection.(*keeper).run", "projection.(*keeper).index"}},
	{"run: parameters, handler, its return", []string{"scheduler.(*attempt).", "scheduler.runFetched", "scheduler.(*Scheduler).fetch"}},
	{"append: chain of hashes, rows, WAL, sync", []string{"eventlog.Stage", "eventlog/sqlitelog.", "scheduler.(*loop).appendRounds"}},
	{"apply: fold into the views", []string{"projection.(*Views).ApplyChanges"}},
	{"encode: the bytes of an event, once", []string{"scheduler.(*turn).encode", "scheduler.(*turn).record"}},
	{"answer: tell who waits; its JSON", []string{"scheduler.(*loop).answer", "api.(*API).sendSubmitted", "api.(*API).sendBatch"}},
	{"decode: strict parse, schema, defaults", []string{"api.(*API).readSubmit", "api.(*API).parseBatch", "api.batchItems", "daybook.(*Daybook).prepare"}},
	{"decide: the rest of the loop", []string{"scheduler.(*loop)."}},
	{"HTTP and its sockets", []string{"net/http."}},
	{"the load itself", []string{"daybook_test.", "api.load", "testing."}},
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

// rest is what has none of them on its stack.
const rest = "Go: collector, scheduler of goroutines; the rest"

// cost is what a stage took of the whole benchmark.
type cost struct{ cpu, objects, bytes float64 } // ns, number, bytes

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
	costs, all, err := p.costs(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "`%s`\n\n", line)
	p.table(out, costs, all)
	for _, w := range []struct{ profile, title string }{
		{"block", "waits for a channel, a lock or a group"}, {"mutex", "has others wait for its lock"},
	} {
		if err := p.waits(ctx, out, w.profile, w.title); err != nil {
			return err
		}
	}
	return nil
}

// costs returns what each of the stages took, then the rest, and what all took.
func (p *profiler) costs(ctx context.Context) (costs []cost, all cost, err error) {
	for i, s := range stages {
		c, whole, err := p.cost(ctx, pattern(s), pattern(stages[:i]...))
		if err != nil {
			return nil, cost{}, err
		}
		costs, all = append(costs, c), whole
	}
	c, _, err := p.cost(ctx, "", pattern(stages...))
	return append(costs, c), all, err
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

// table prints a line for each stage that took something.
func (p *profiler) table(out io.Writer, costs []cost, all cost) {
	fmt.Fprintln(out, "| stage | processor time a task | share | allocations a task | bytes a task |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- |")
	n := float64(p.tasks)
	row := func(name string, c cost) {
		fmt.Fprintf(out, "| %s | %.2f µs | %.0f %% | %.2f | %.0f |\n", name, c.cpu/n/1e3, 100*c.cpu/all.cpu, c.objects/n, c.bytes/n)
	}
	for i, c := range costs {
		name := rest
		if i < len(stages) {
			name = stages[i].name
		}
		if c != (cost{}) {
			row(name, c)
		}
	}
	row("all", all)
	fmt.Fprintln(out)
}

// mostWaits is how many of the functions that wait are shown.
const mostWaits = 8

// waited is a line of pprof: a time, its share, three more columns, and the function.
var waited = regexp.MustCompile(`^([0-9.]+)ms +([0-9.]+)% +\S+ +\S+ +\S+ +(\S.*)$`)

// waits prints which of Daybook's functions waited for how long, summed over goroutines.
// Those that have nothing to do are among them.
func (p *profiler) waits(ctx context.Context, out io.Writer, profile, title string) error {
	said, err := p.tool(ctx, p.pprof, "-top", "-unit=ms", "-nodefraction=0.005", "-nodecount="+strconv.Itoa(mostWaits),
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
