// Command regress runs the benchmarks of a tree, keeps what they say under the commit that
// they measured, and compares two commits.
//
//	regress run                   measures this tree
//	regress compare BASE          compares this tree with a commit or with a file of results
//
// Results are in the standard format of Go benchmarks, in bench.out/COMMIT.txt, ready for
// benchstat; those of a commit that were taken with other settings are taken again. A tree
// with changes that are not committed is COMMIT-dirty. When both sides of a comparison must
// be measured, they take turns, so that a machine that slows down slows both.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"daybook/tools/command"
)

func main() { command.Main("regress", run) }

// settings are what both sides of a comparison are measured with.
type settings struct {
	bench    string // regexp of the benchmarks
	packages string // patterns of the packages, with spaces between them
	time     string // of each benchmark, as -benchtime takes it
	count    int    // rounds
	out      string // folder of the results
	alpha    string // of the comparison
	all      bool   // print what did not change too
}

// line is the settings as a line of configuration in the results.
func (s settings) line() string {
	return fmt.Sprintf("settings: bench=%s packages=%s benchtime=%s count=%d GOMAXPROCS=%d GOGC=%q",
		s.bench, s.packages, s.time, s.count, runtime.GOMAXPROCS(0), os.Getenv("GOGC"))
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("regress", flag.ContinueOnError)
	flags.StringVar(&s.bench, "bench", ".", "regexp of the benchmarks to run")
	flags.StringVar(&s.packages, "packages", "./...", "patterns of their packages")
	flags.StringVar(&s.time, "benchtime", "1s", "time, or times with an x, of each")
	flags.IntVar(&s.count, "count", 5, "rounds; benchstat wants at least 4, and 5 for an alpha of 0.01")
	flags.StringVar(&s.out, "out", "bench.out", "folder of the results, within the tree")
	flags.StringVar(&s.alpha, "alpha", "0.01", "chance that a change which is none is shown as one")
	flags.BoolVar(&s.all, "all", false, "print all that was compared")
	if len(args) == 0 {
		return errors.New("usage: regress run|compare [flags] [BASE]")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	here, err := openTree(ctx)
	if err != nil {
		return err
	}
	s.out = filepath.Join(here.dir, s.out)
	switch {
	case args[0] == "run" && flags.NArg() == 0:
		return measure(ctx, s, out, here)
	case args[0] == "compare" && flags.NArg() == 1:
		return compare(ctx, s, out, here, flags.Arg(0))
	}
	return errors.New("usage: regress run|compare [flags] [BASE]")
}

// tree is a checked-out commit.
type tree struct {
	dir  string
	name string // of its results: the commit, with -dirty if it was changed
}

// openTree is the tree that the command is called in.
func openTree(ctx context.Context) (tree, error) {
	dir, err := command.Output(ctx, ".", "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return tree{}, err
	}
	name, err := command.Output(ctx, dir, "git", "rev-parse", "--short=12", "HEAD")
	if err != nil {
		return tree{}, err
	}
	changed, err := command.Output(ctx, dir, "git", "status", "--porcelain", "--untracked-files=normal", "--", "*.go", "go.mod", "go.sum")
	if err != nil {
		return tree{}, err
	}
	if changed != "" {
		name += "-dirty"
	}
	return tree{dir, name}, nil
}

func (t tree) dirty() bool { return strings.HasSuffix(t.name, "-dirty") }

// checkOut makes a tree of another commit in a folder of its own. remove takes it away.
func checkOut(ctx context.Context, here tree, commit string) (t tree, remove func(), err error) {
	parent, err := os.MkdirTemp("", "daybook-regress-")
	if err != nil {
		return tree{}, nil, err
	}
	t = tree{filepath.Join(parent, "tree"), commit}
	remove = func() {
		// Not by ctx: it may have ended.
		_, _ = command.Output(context.Background(), here.dir, "git", "worktree", "remove", "--force", t.dir)
		_ = os.RemoveAll(parent)
	}
	if _, err := command.Output(ctx, here.dir, "git", "worktree", "add", "--quiet", "--detach", t.dir, commit); err != nil {
		remove()
		return tree{}, nil, err
	}
	return t, remove, nil
}
