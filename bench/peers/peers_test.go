package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"daybook/bench/measure"
	"daybook/bench/queues"
	"daybook/bench/report"
	"daybook/bench/servers"
)

// TestMain is the child of the tests as main is of the program.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && (os.Args[1] == childArg || os.Args[1] == queues.ServeArg) {
		if err := run(context.Background(), os.Args[1:]); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	os.Chdir("..") // where the program runs
	os.Exit(m.Run())
}

// missing says what a system needs and is not here; nil = nothing.
func missing(spec queues.Spec) error {
	var programs []string
	switch spec.Server {
	case queues.PostgresServer:
		return servers.PostgresMissing()
	case queues.RedisAlways, queues.RedisEverySec:
		programs = append(programs, "redis-server")
	}
	if spec.Open == nil {
		programs = append(programs, "npm", "node")
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			return err
		}
	}
	return nil
}

func conductorFor(t *testing.T, spec queues.Spec) *conductor {
	t.Helper()
	if err := missing(spec); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	o, err := parse([]string{"-seconds", "0.05", "-backlog", "300", "-large", "300", "-samples", "5", "-limit", "300", "-workers", "32",
		"-minute", "0.3", "-sustained", "1.5", "-ahead", "300", "-systems", spec.Name})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "daybook-peers-test-") // t.TempDir is closed to the user of PostgreSQL
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	c, err := newConductor(t.Context(), o, dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Each system runs for real, on its real server, and says of itself what the table says.
func TestEverySystemRunsTasksAndIsAsDurableAsTheTableSays(t *testing.T) {
	for _, spec := range queues.Specs() {
		t.Run(spec.Name, func(t *testing.T) {
			c := conductorFor(t, spec)
			row := measure.RunOne
			if spec.Floor {
				row = measure.SubmitOne
			}
			s := report.New(c.o.specs).Systems[0]
			c.measure(t.Context(), spec, row, 0, s)
			runs := s.Of(row)
			if len(runs.Errors) > 0 {
				t.Fatal(runs.Errors)
			}
			if r := runs.Results[0]; r.Tasks == 0 || r.CutOff {
				t.Errorf("%+v", r)
			}
		})
	}
}

// Each system knows how many tasks are left: the backlog stays below its bound.
func TestEverySystemBearsASustainedLoad(t *testing.T) {
	for _, spec := range queues.Specs() {
		if !spec.Has(measure.SustainedOne) {
			continue
		}
		t.Run(spec.Name, func(t *testing.T) {
			c := conductorFor(t, spec)
			r, _, err := c.turn(t.Context(), spec, measure.SustainedOne)
			if err != nil {
				t.Fatal(err)
			}
			if most := int64(c.o.job.Ahead); r.Rate <= 0 || *r.Settled > most || *r.Waiting > most {
				t.Errorf("%v tasks/s, %d left after a third and %d at the end; want at most %d", r.Rate, *r.Settled, *r.Waiting, most)
			}
		})
	}
}

func TestDaybookDoesEveryRow(t *testing.T) {
	for _, name := range []string{"daybook", "daybook-http", "daybook-client"} {
		spec, err := queues.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		c := conductorFor(t, spec)
		for _, row := range append(measure.Rows(), measure.LongRows()...) {
			t.Run(name+"/"+string(row), func(t *testing.T) {
				r, _, err := c.turn(t.Context(), spec, row)
				if err != nil {
					t.Fatal(err)
				}
				if r.CutOff || r.Rate == 0 && row != measure.Start || row == measure.Start && r.Seconds <= 0 {
					t.Errorf("%+v", r)
				}
				if row.Long() && (r.Lags == nil || r.Waiting == nil) {
					t.Errorf("%+v", r)
				}
				if row == measure.Memory && (r.Idle == 0 || r.After == 0) {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}

func TestFlagsChooseSystemsAndRows(t *testing.T) {
	o, err := parse([]string{"-systems", "goqite,daybook", "-rows", "drain,start"})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(o.specs); got != "goqite,daybook" {
		t.Errorf("systems %s", got)
	}
	if !slices.Equal(o.rows, []measure.Row{measure.Drain, measure.Start}) {
		t.Errorf("rows %v", o.rows)
	}
	for _, bad := range [][]string{{"-systems", "nosuch"}, {"-rows", "fill"}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("no error for %v", bad)
		}
	}
}

func TestLongChoosesSystemsAndRowsUnlessTheyAreChosen(t *testing.T) {
	o, err := parse([]string{"-long"})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(o.specs); got != longSystems || !slices.Equal(o.rows, measure.LongRows()) || o.part != report.Long {
		t.Errorf("systems %s, rows %v, part %s", got, o.rows, o.part)
	}
	if o, err = parse([]string{"-long", "-systems", "goqite", "-rows", "minute-64"}); err != nil {
		t.Fatal(err)
	}
	if names(o.specs) != "goqite" || !slices.Equal(o.rows, []measure.Row{measure.MinuteOne}) {
		t.Errorf("systems %s, rows %v", names(o.specs), o.rows)
	}
}

func TestADocumentWithoutAPlaceIsRefusedBeforeTheRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(path, []byte("<!-- peers:begin -->\n<!-- peers:end -->\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := parse([]string{"-write", path}); err != nil {
		t.Error(err)
	}
	for _, bad := range [][]string{
		{"-write", path, "-long"}, {"-write", path, "-rows", "drain,minute-64"}, {"-write", path + "x"}, {"-sustained", "0"},
	} {
		if _, err := parse(bad); err == nil {
			t.Errorf("no error for %v", bad)
		}
	}
}

func TestAChildHasTheTimeOfItsRow(t *testing.T) {
	for row, want := range map[measure.Row]time.Duration{measure.RunOne: 65 * time.Second, measure.MinuteBulk: 120 * time.Second, measure.SustainedOne: 240 * time.Second} {
		c := turn{job: measure.Job{Row: row, Seconds: 5, Minute: 60, Sustained: 180, Limit: 30}}
		if got := c.limit() - overtime; got != want {
			t.Errorf("%s: %v, want %v", row, got, want)
		}
	}
}

func TestTheTableSaysHowToRepeatIt(t *testing.T) {
	for want, arguments := range map[string][]string{
		"make bench-peers":                        {"-write", "doc.md"},
		`make bench-peers PEERS="-runs 1"`:        {"-write", "doc.md", "-runs", "1"},
		"make bench-peers LONG=1":                 {"-write", "doc.md", "-long"},
		`make bench-peers LONG=1 PEERS="-runs 1"`: {"-long", "-runs", "1"},
		`make bench-peers PEERS="-rows drain -h"`: {"-rows", "drain", "-h"},
	} {
		if got := command(arguments); got != want {
			t.Errorf("%v: %s, want %s", arguments, got, want)
		}
	}
	if got := command(nil); got != "make bench-peers" {
		t.Error(got)
	}
}
