package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"daybook/tools/command"

	"golang.org/x/perf/benchfmt"
)

// measure runs the benchmarks of the trees, in turns, and keeps the results of each. What
// was there before under the same name is replaced when all has run. A package that fails
// is told of, and the others go on: its error comes at the end, and its results are kept.
func measure(ctx context.Context, s settings, out io.Writer, trees ...tree) error {
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "daybook-regress-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	var sides []*side
	defer func() {
		for _, one := range sides {
			one.drop()
		}
	}()
	for i, t := range trees {
		one, err := newSide(ctx, s, t, filepath.Join(temp, fmt.Sprint(i)))
		if err != nil {
			return err
		}
		sides = append(sides, one)
	}
	var failed error
	for round := range s.count {
		fmt.Fprintf(out, "round %d of %d\n", round+1, s.count)
		for i := range most(sides) {
			for _, one := range sides {
				if i < len(one.tests) {
					if err := one.run(ctx, s, one.tests[i], out); ctx.Err() != nil {
						return err
					} else if err != nil {
						fmt.Fprintln(out, err)
						failed = errors.Join(failed, err)
					}
				}
			}
		}
	}
	for _, one := range sides {
		if err := one.keep(); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\n", one.path)
	}
	return failed
}

func most(sides []*side) (n int) {
	for _, one := range sides {
		n = max(n, len(one.tests))
	}
	return n
}

// test is the compiled tests of one package.
type test struct{ binary, dir string }

// side is one of the trees that are measured.
type side struct {
	tree    tree
	tests   []test
	path    string // of its results
	results *os.File
	rates   map[string]bool // units of which more is better that were met
}

// newSide compiles what has benchmarks and begins the file of results.
func newSide(ctx context.Context, s settings, t tree, temp string) (*side, error) {
	one := &side{tree: t, path: filepath.Join(s.out, t.name+".txt"), rates: map[string]bool{}}
	list, err := command.Output(ctx, t.dir, "go", append([]string{"list", "-f", "{{.ImportPath}}\t{{.Dir}}"}, strings.Fields(s.packages)...)...)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(temp, 0o755); err != nil {
		return nil, err
	}
	for line := range strings.Lines(list) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if !hasBenchmarks(dir) {
			continue
		}
		binary := filepath.Join(temp, strings.ReplaceAll(path, "/", "-")+".test")
		if _, err := command.Output(ctx, t.dir, "go", "test", "-c", "-o", binary, path); err != nil {
			return nil, err
		}
		one.tests = append(one.tests, test{binary, dir})
	}
	if len(one.tests) == 0 {
		return nil, fmt.Errorf("no package of %s in %s has benchmarks", s.packages, t.dir)
	}
	if one.results, err = os.Create(one.path + ".part"); err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(one.results, "commit: %s\ngo: %s\n%s\n", t.name, runtime.Version(), s.line())
	return one, err
}

func hasBenchmarks(dir string) bool {
	files, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
	return slices.ContainsFunc(files, func(path string) bool {
		text, err := os.ReadFile(path)
		return err == nil && bytes.Contains(text, []byte("\nfunc Benchmark"))
	})
}

// run runs the benchmarks of one package once. An error tells of one that failed, whose
// results are kept, or of a line that is none of the format.
func (one *side) run(ctx context.Context, s settings, t test, out io.Writer) error {
	cmd := exec.CommandContext(ctx, t.binary, "-test.run=^$", "-test.bench="+s.bench, "-test.benchmem",
		"-test.benchtime="+s.time, "-test.timeout=0")
	cmd.Dir = t.dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	failed := cmd.Run()
	if failed != nil {
		failed = fmt.Errorf("%s in %s: %w:\n%s", filepath.Base(t.binary), one.tree.name, failed, complaints(said.String()))
	}
	text := standard(said.String())
	if err := check(text); err != nil {
		return errors.Join(failed, fmt.Errorf("%s in %s: %w", filepath.Base(t.binary), one.tree.name, err))
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "Benchmark") {
			fmt.Fprintf(out, "%s  %s", one.tree.name, line)
		}
	}
	_, err := io.WriteString(one.results, one.units(text)+text)
	return errors.Join(failed, err)
}

// complaints is what a failed run says beside its results.
func complaints(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "Benchmark") {
			b.WriteString(line)
		}
	}
	return strings.TrimSpace(b.String())
}

// verdict is a line that the tests of a package end with.
var verdict = regexp.MustCompile(`^(PASS|FAIL|exit status \d+|ok\s.*|\?\s.*)?\n?$`)

// standard leaves out what says nothing of a benchmark.
func standard(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !verdict.MatchString(line) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// check refuses what looks like a result and is none, such as a line that other output
// has been written into.
func check(text string) error {
	r := benchfmt.NewReader(strings.NewReader(text), "output")
	for r.Scan() {
		if wrong, ok := r.Result().(*benchfmt.SyntaxError); ok {
			return wrong
		}
	}
	return r.Err()
}

// units are lines of the format that say of which units more is better, for those that
// come up for the first time.
func (one *side) units(text string) string {
	var b strings.Builder
	words := bufio.NewScanner(strings.NewReader(text))
	words.Split(bufio.ScanWords)
	for words.Scan() {
		if unit := words.Text(); moreIsBetter(unit) && !one.rates[unit] {
			one.rates[unit] = true
			fmt.Fprintf(&b, "Unit %s better=higher\n", unit)
		}
	}
	return b.String()
}

// moreIsBetter is true of rates.
func moreIsBetter(unit string) bool {
	return strings.HasSuffix(unit, "/s") && !strings.HasPrefix(unit, "/")
}

// keep puts the results in their place.
func (one *side) keep() error {
	if err := one.results.Close(); err != nil {
		return err
	}
	return os.Rename(one.path+".part", one.path)
}

// drop takes away results that were not kept.
func (one *side) drop() {
	_ = one.results.Close()
	_ = os.Remove(one.path + ".part")
}
