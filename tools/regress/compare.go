package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"daybook/tools/command"
)

// compare prints what differs between base, a file of results or a commit, and this tree.
// What has no results is measured first, both sides in turns if base has none.
func compare(ctx context.Context, s settings, out io.Writer, here tree, base string) error {
	ours := filepath.Join(s.out, here.name+".txt")
	known := !here.dirty() && s.measured(ours) // a tree that was changed may have been changed again
	theirs, found, err := resultsOf(ctx, s, here, base)
	if err != nil {
		return err
	}
	var failed error
	switch {
	case !found:
		commit := strings.TrimSuffix(filepath.Base(theirs), ".txt")
		if commit == here.name {
			return fmt.Errorf("%s is this tree: there is nothing to compare", base)
		}
		other, remove, err := checkOut(ctx, here, commit)
		if err != nil {
			return err
		}
		defer remove()
		failed = measure(ctx, s, out, other, here)
	case !known:
		failed = measure(ctx, s, out, here)
	}
	if failed != nil && (ctx.Err() != nil || !isFile(theirs) || !isFile(ours)) {
		return failed
	}
	return errors.Join(tell(ctx, s, out, here, theirs, ours), failed)
}

// resultsOf is where the results of base are, or shall be if found is false.
func resultsOf(ctx context.Context, s settings, here tree, base string) (path string, found bool, err error) {
	if !filepath.IsAbs(base) && isFile(filepath.Join(here.dir, base)) {
		return filepath.Join(here.dir, base), true, nil
	}
	if isFile(base) {
		return base, true, nil
	}
	if path := filepath.Join(s.out, base+".txt"); strings.HasSuffix(base, "-dirty") && isFile(path) {
		return path, true, nil // it cannot be measured again
	}
	commit, err := command.Output(ctx, here.dir, "git", "rev-parse", "--verify", "--quiet", "--short=12", base+"^{commit}")
	if err != nil {
		return "", false, fmt.Errorf("%s is no file of results and no commit", base)
	}
	path = filepath.Join(s.out, commit+".txt")
	return path, s.measured(path), nil
}

// measured reports whether there are results, taken with the same settings.
func (s settings) measured(path string) bool {
	text, err := os.ReadFile(path)
	return err == nil && strings.Contains(string(text), "\n"+s.line()+"\n")
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// tell lets benchstat compare, and prints what it finds.
func tell(ctx context.Context, s settings, out io.Writer, here tree, theirs, ours string) error {
	args := []string{"-C", filepath.Join(here.dir, "tools"), "tool", "benchstat", "-ignore", "commit,settings,go", "-alpha", s.alpha}
	files := []string{"base=" + theirs, "now=" + ours}
	if s.all {
		text, err := command.Output(ctx, here.dir, "go", append(args, files...)...)
		if err == nil {
			_, err = fmt.Fprintln(out, text)
		}
		return err
	}
	table, err := command.Output(ctx, here.dir, "go", append(append(args, "-format", "csv"), files...)...)
	if err != nil {
		return err
	}
	changes, compared, err := changesOf(table)
	if err != nil {
		return fmt.Errorf("read what benchstat says: %w", err)
	}
	fmt.Fprintf(out, "\n%d of %d figures differ beyond noise (alpha %s), %s against %s\n", len(changes), compared, s.alpha, here.name, filepath.Base(theirs))
	for _, c := range changes {
		fmt.Fprintln(out, c)
	}
	if len(changes) > 0 {
		fmt.Fprintf(out, "By chance, about %.0f figures may differ.\n", alphaOf(s.alpha)*float64(compared))
	}
	return nil
}

func alphaOf(text string) (alpha float64) {
	_, _ = fmt.Sscan(text, &alpha)
	return alpha
}

// change is a figure that differs.
type change struct {
	pkg, name, unit string
	base, now       string
	delta, p        string
}

func (c change) String() string {
	word := "worse "
	if strings.HasPrefix(c.delta, "-") != moreIsBetter(c.unit) {
		word = "better"
	}
	return fmt.Sprintf("%s %9s  %s %s %s: %s → %s (%s)", word, c.delta, c.pkg, c.name, c.unit, c.base, c.now, c.p)
}

// changesOf reads benchstat's table: lines of configuration, a header with the names of the
// files, one with the unit, and a row a benchmark.
func changesOf(table string) (changes []change, compared int, err error) {
	pkg, unit := "", ""
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if name, value, ok := strings.Cut(line, ": "); ok && !strings.Contains(name, ",") {
			if name == "pkg" {
				pkg = value
			}
			continue
		}
		row, err := csv.NewReader(strings.NewReader(line)).Read()
		if err == io.EOF {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		switch {
		case len(row) < 7:
		case row[0] == "" && row[2] == "CI":
			unit = row[1]
		case row[0] == "" || row[0] == "geomean" || row[5] == "":
		default:
			compared++
			if row[5] != "~" && row[5] != "?" {
				changes = append(changes, change{pkg, row[0], unit, row[1], row[3], row[5], row[6]})
			}
		}
	}
	return changes, compared, nil
}
