// Command hotpath profiles benchmarks that submit and run tasks, and prints, in Markdown,
// what each stage of the hot path costs a task: processor time, allocations, and where
// goroutines wait for each other.
//
//	hotpath                                      the two benchmarks that the docs show
//	hotpath -bench NAME -package DIR -tasks N    another one
//
// Each benchmark runs three times: for the processor time, for the allocations, and for
// the waits, so that no profile slows what another measures. The profiles, and the test
// binary that `go tool pprof` wants with them, stay in profile.out/.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"daybook/tools/command"
)

func main() { command.Main("hotpath", run) }

// subject is a benchmark and how many tasks it is to do.
type subject struct {
	bench, pkg string
	tasks      int
}

var usual = []subject{
	{"BenchmarkRunByBatches", "./internal/bench", 300_000},
	{"BenchmarkTasksOverHTTP", "./api", 100_000},
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var s subject
	flags := flag.NewFlagSet("hotpath", flag.ContinueOnError)
	flags.StringVar(&s.bench, "bench", "", "the benchmark; without it, those that the docs show")
	flags.StringVar(&s.pkg, "package", ".", "the package it is in")
	flags.IntVar(&s.tasks, "tasks", 100_000, "how many tasks it does: its b.N")
	tree := flags.String("tree", "..", "folder of the module")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || s.tasks < 1 {
		return errors.New("usage: hotpath [-bench NAME] [-package DIR] [-tasks N]; -tasks is at least 1")
	}
	subjects := usual
	if s.bench != "" {
		subjects = []subject{s}
	}
	for _, s := range subjects {
		p, err := newProfiler(ctx, *tree, s)
		if err == nil {
			err = p.report(ctx, out)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.bench, err)
		}
	}
	return nil
}

// profiler profiles one benchmark.
type profiler struct {
	subject
	tree, dir string // of the module, of the profiles; both absolute
	pprof     string // its path: to ask the go command each time takes longer than pprof itself
}

func newProfiler(ctx context.Context, tree string, s subject) (*profiler, error) {
	tree, err := filepath.Abs(tree)
	if err != nil {
		return nil, err
	}
	pprof, err := command.Output(ctx, tree, "go", "tool", "-n", "pprof")
	if err != nil {
		return nil, err
	}
	p := &profiler{subject: s, tree: tree, dir: filepath.Join(tree, "profile.out", strings.Trim(s.bench, "^$")), pprof: pprof}
	return p, os.MkdirAll(p.dir, 0o755)
}

func (p *profiler) file(name string) string { return filepath.Join(p.dir, name) }

// measure runs the benchmark with the flags of a profile.
func (p *profiler) measure(ctx context.Context, flags ...string) (string, error) {
	args := append([]string{
		"test", "-run", "^$", "-bench", p.bench, "-benchtime", strconv.Itoa(p.tasks) + "x", "-o", p.file("test"),
	}, flags...)
	said, err := command.Output(ctx, p.tree, "go", append(args, p.pkg)...)
	if err != nil {
		return "", err
	}
	var results []string
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "Benchmark") && strings.Contains(line, "ns/op") {
			results = append(results, strings.Join(strings.Fields(line), " "))
		}
	}
	switch len(results) {
	case 0:
		return "", fmt.Errorf("there is no such benchmark in %s", p.pkg)
	case 1:
		return results[0], nil
	}
	return "", fmt.Errorf("name one of these, not all:\n%s", strings.Join(results, "\n"))
}

// total is the line of pprof that says how much of a profile matched.
var total = regexp.MustCompile(`(?m)^Showing nodes accounting for ([0-9.]+)[a-zA-Z]*, .* of ([0-9.]+)[a-zA-Z]* total`)

// share asks pprof how much of a profile has a frame that matches focus and none that
// matches ignore, in the unit of the index: nanoseconds, objects or bytes.
func (p *profiler) share(ctx context.Context, profile, index, focus, ignore string) (matched, all float64, err error) {
	args := []string{"-top", "-nodefraction=0", "-nodecount=1000000", "-sample_index=" + index, "-unit=" + units[index]}
	if focus != "" {
		args = append(args, "-focus="+focus)
	}
	if ignore != "" {
		args = append(args, "-ignore="+ignore)
	}
	said, err := command.Output(ctx, p.tree, p.pprof, append(args, p.file("test"), p.file(profile))...)
	if err != nil {
		return 0, 0, err
	}
	found := total.FindStringSubmatch(said)
	if found == nil {
		return 0, 0, fmt.Errorf("pprof said nothing of a total: %.500q", said)
	}
	matched, err = strconv.ParseFloat(found[1], 64)
	if err != nil {
		return 0, 0, err
	}
	all, err = strconv.ParseFloat(found[2], 64)
	return matched, all, err
}

var units = map[string]string{"cpu": "ns", "alloc_objects": "count", "alloc_space": "B"}
