//go:build linux

package clustertest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// How long the tests are. `make cluster-chaos` has the numbers of the long tier.
var (
	rounds    = flag.Int("rounds", 20, "how many faults the chaos test makes")
	trials    = flag.Int("trials", 1, "how often a leader is paused and wakes")
	histories = flag.Int("histories", 1, "how many histories are checked for being linearizable")
	cuts      = flag.Int("cuts", 0, "how many power cuts of all nodes are simulated")
	long      = flag.Bool("long", false, "also run what takes minutes")
	before    = flag.String("before", "", "commit whose nodes are upgraded; empty = none")
	kept      = flag.String("kept", "", "folder for what a failed test has seen; empty = the temporary one")
)

// program is the command, built for these tests.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "daybook-clustertest-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "daybook")
	build := exec.Command("go", "build", "-o", program, "daybook/cmd/daybook")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the command:", err)
		return 1
	}
	if *kept == "" {
		*kept = os.TempDir()
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// createKept makes a file that stays when the tests have ended.
func createKept(name string) (*os.File, error) { return os.CreateTemp(*kept, "*-"+name) }
