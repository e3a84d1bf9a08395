package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daybook/tools/command"
)

const table = `goos: linux
goarch: amd64
pkg: daybook/load
cpu: AMD EPYC
,base,,now
,sec/op,CI,sec/op,CI,vs base,P
IDs-2,2.5e-05,3%,5e-05,1%,+100.00%,p=0.008 n=5
Request/client=conn-2,2.2e-05,3%,2.2e-05,1%,~,p=0.841 n=5
Gone-2,2.2e-05,3%
geomean,2.3e-05,,3.3e-05,,+41.42%,

,base,,now
,tasks/s,CI,tasks/s,CI,vs base,P
Drain-2,1000,3%,2000,1%,+100.00%,p=0.008 n=5
geomean,1000,,2000,,+100.00%,
`

func TestOnlyWhatChangedIsToldAndWhichWay(t *testing.T) {
	changes, compared, err := changesOf(table)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range changes {
		got = append(got, c.String())
	}
	want := []string{
		"worse   +100.00%  daybook/load IDs-2 sec/op: 2.5e-05 → 5e-05 (p=0.008 n=5)",
		"better  +100.00%  daybook/load Drain-2 tasks/s: 1000 → 2000 (p=0.008 n=5)",
	}
	if !slices.Equal(got, want) || compared != 3 {
		t.Errorf("%d compared:\n%s", compared, strings.Join(got, "\n"))
	}
}

func TestALineThatWasWrittenIntoIsRefused(t *testing.T) {
	good := "pkg: x\nBenchmarkA-2 \t 100\t 5 ns/op\t 7 p50-ns\nsome words\n--- BENCH: BenchmarkA-2\n    x_test.go:1: said\n"
	if err := check(good); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"BenchmarkA-2 \t 100\t time=12 level=INFO\n", "BenchmarkA-2 \t 100\t 5\n", "BenchmarkA-2 \t x\t 5 ns/op\n"} {
		if check(good+bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// A module with one benchmark, that is made ten times as slow by a second commit. It says how
// long it took and does not measure it, so that no other work of the machine counts.
const slow = `package slow

import "testing"

func BenchmarkWait(b *testing.B) {
	const milliseconds = %d
	for b.Loop() {
	}
	b.ReportMetric(milliseconds*1e6, "ns/op")
	b.ReportMetric(1000.0/milliseconds, "waits/s")
}
`

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestACommitThatIsSlowerIsFound(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "tools", name), string(text))
	}
	write(t, filepath.Join(dir, "go.mod"), "module slow\n\ngo 1.26\n")
	write(t, filepath.Join(dir, ".gitignore"), "/bench.out/\n")
	write(t, filepath.Join(dir, "slow_test.go"), fmt.Sprintf(slow, 2))
	git(t, dir, "init", "-q")
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-q", "-m", "fast")
	git(t, dir, "tag", "fast")
	write(t, filepath.Join(dir, "slow_test.go"), fmt.Sprintf(slow, 20))
	git(t, dir, "commit", "-q", "-a", "-m", "slow")
	t.Chdir(dir)

	var out strings.Builder
	if err := run(context.Background(), []string{"compare", "-benchtime", "4x", "fast"}, &out); err != nil {
		t.Fatal(err, out.String())
	}
	for _, want := range []string{"worse ", "slow Wait-", "sec/op", "waits/s", "round 5 of 5"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
	if trees, err := command.Output(t.Context(), dir, "git", "worktree", "list"); err != nil || strings.Contains(trees, "\n") {
		t.Errorf("left: %s, %v", trees, err)
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, "bench.out", "*")); len(kept) != 2 {
		t.Errorf("kept: %v", kept)
	}

	// The second time nothing is measured again.
	out.Reset()
	if err := run(context.Background(), []string{"compare", "-benchtime", "4x", "-all", "fast"}, &out); err != nil || strings.Contains(out.String(), "round") || !strings.Contains(out.String(), "Wait-") {
		t.Errorf("%v:\n%s", err, &out)
	}
	if err := run(context.Background(), []string{"compare", "no-such"}, &out); err == nil || !strings.Contains(err.Error(), "no commit") {
		t.Error(err)
	}
}

func TestABenchmarkThatFailsTakesNoOtherWithIt(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module slow\n\ngo 1.26\n")
	write(t, filepath.Join(dir, "a", "a_test.go"), "package a\n\nimport \"testing\"\n\n"+
		"func BenchmarkBad(b *testing.B) { b.Fatal(\"it is broken\") }\n\nfunc BenchmarkGood(b *testing.B) {\n\tfor b.Loop() {\n\t}\n}\n")
	write(t, filepath.Join(dir, "b", "b_test.go"), "package b\n\nimport \"testing\"\n\nfunc BenchmarkOther(b *testing.B) {\n\tfor b.Loop() {\n\t}\n}\n")
	git(t, dir, "init", "-q")
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-q", "-m", "one")
	t.Chdir(dir)
	var out strings.Builder
	err := run(context.Background(), []string{"run", "-benchtime", "5x", "-count", "2"}, &out)
	if err == nil || !strings.Contains(err.Error(), "it is broken") {
		t.Error(err)
	}
	kept, _ := filepath.Glob(filepath.Join(dir, "bench.out", "*.txt"))
	if len(kept) != 1 {
		t.Fatal(kept)
	}
	text, err := os.ReadFile(kept[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]int{"BenchmarkGood-": 2, "BenchmarkOther-": 2, "FAIL\n": 0} {
		if strings.Count(string(text), "\n"+name) != n {
			t.Errorf("%s is not there %d times:\n%s", name, n, text)
		}
	}
}
