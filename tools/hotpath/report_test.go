package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// source is a module with one benchmark: most of its work is in a function whose name is
// that of a stage, and it waits for a lock.
const source = `package scheduler

import (
	"sync"
	"testing"
	"time"
)

type loop struct {
	mu   sync.Mutex
	kept [][]byte
	sum  int
}

func (l *loop) decide() {
	for i := range 2_000_000 {
		l.sum += i * i
	}
	l.kept = append(l.kept, make([]byte, 4096))
}

func (l *loop) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	time.Sleep(100 * time.Microsecond)
}

func BenchmarkLoop(b *testing.B) {
	var l loop
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for range b.N {
				l.hold()
			}
		})
	}
	for range b.N {
		l.decide()
	}
	all.Wait()
}
`

func TestStagesAndWaitsOfABenchmark(t *testing.T) {
	tree := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module daybook\n\ngo 1.26\n", "scheduler/loop_test.go": source} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(tree, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(tree, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	if err := run(t.Context(), []string{"-tree", tree, "-bench", "BenchmarkLoop", "-package", "./scheduler", "-tasks", "300"}, &out); err != nil {
		t.Fatal(err)
	}
	said := out.String()
	t.Log(said)
	decide := between(said, "| decide: the rest of the loop | ", "\n")
	if !strings.Contains(decide, " µs | ") || strings.HasPrefix(decide, "0.00 µs") {
		t.Errorf("the stage of the loop is %q", decide)
	}
	if bytes := strings.TrimSuffix(decide[strings.LastIndex(strings.TrimSuffix(decide, " |"), " ")+1:], " |"); len(bytes) != 4 {
		t.Errorf("a task takes 4,096 bytes, not %q", bytes) // the profile takes samples
	}
	if waits := said[strings.Index(said, "has others wait"):]; !strings.Contains(waits, "(*loop).hold` | ") {
		t.Errorf("nobody waits for the lock: %s", waits)
	}
	for _, other := range []string{"| apply", "| append", "| HTTP"} {
		if strings.Contains(said, other) {
			t.Errorf("%s has something", other)
		}
	}
}

// A function that has another name now would be counted as something else.
func TestTheFunctionsOfTheStagesAreThere(t *testing.T) {
	for _, s := range stages[:len(stages)-2] {
		for _, f := range s.functions {
			slash := strings.LastIndex(f, "/") + 1
			dot := slash + strings.Index(f[slash:], ".")
			folder, name := strings.TrimPrefix(f[:dot], "daybook"), f[dot+1:]
			if !found(t, filepath.Join("..", "..", folder, "*.go"), declaration(name)) {
				t.Errorf("%s: there is no %s", s.name, f)
			}
		}
	}
}

// declaration finds where a function is declared: "f", "(*T).f", "(*T)." for any of a
// type, "" for any of a package.
func declaration(name string) *regexp.Regexp {
	method, isMethod := strings.CutPrefix(name, "(*")
	receiver, method, _ := strings.Cut(method, ").")
	switch {
	case name == "":
		return regexp.MustCompile(`(?m)^package `)
	case !isMethod:
		return regexp.MustCompile(`(?m)^func ` + name + `\(`)
	case method == "":
		return regexp.MustCompile(`(?m)^func \(\w+ \*` + receiver + `\) `)
	}
	return regexp.MustCompile(`(?m)^func \(\w+ \*` + receiver + `\) ` + method + `\(`)
}

// found reports whether a file has a match.
func found(t *testing.T, files string, what *regexp.Regexp) bool {
	t.Helper()
	names, err := filepath.Glob(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if what.Match(text) {
			return true
		}
	}
	return false
}

func between(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	found, _, _ := strings.Cut(rest, to)
	return found
}

func TestOneBenchmarkMustBeNamed(t *testing.T) {
	p, err := newProfiler(t.Context(), t.TempDir(), subject{"BenchmarkNone", ".", 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.tree, "go.mod"), []byte("module none\n\ngo 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.tree, "none_test.go"), []byte("package none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.measure(t.Context()); err == nil || !strings.Contains(err.Error(), "no such benchmark") {
		t.Error(err)
	}
	two := "package none\n\nimport \"testing\"\n\nfunc BenchmarkA(*testing.B) {}\n\nfunc BenchmarkB(*testing.B) {}\n"
	if err := os.WriteFile(filepath.Join(p.tree, "none_test.go"), []byte(two), 0o600); err != nil {
		t.Fatal(err)
	}
	p.bench = "Benchmark"
	if _, err := p.measure(t.Context()); err == nil || !strings.Contains(err.Error(), "name one of these") {
		t.Error(err)
	}
	if err := run(t.Context(), []string{"-tasks", "0"}, nil); err == nil {
		t.Error("no tasks are too few")
	}
}
