package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a script waits for a server. Machines that test are busy.
const patience = time.Minute

// TestScripts runs the command as a person would. Beside testscript's own commands there
// are:
//
//	serve [FLAG…]          starts a server on ./data, sets DAYBOOK_SERVER
//	stop TERM|INT|KILL [N] sends the signal; with N, the exit code must be N
//	stderr-of-serve TEXT   what the latest server said must have the text in it
//	exits N COMMAND…       runs a command that must end with exit code N
//	capture NAME           sets NAME to the last command's standard output
//	flip FILE              changes one bit in the middle of a file
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[servers{}] = &servers{}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"serve":           scriptServe,
			"stop":            scriptStop,
			"capture":         scriptCapture,
			"exits":           scriptExits,
			"flip":            scriptFlip,
			"stderr-of-serve": scriptServeStderr,
		},
	})
}

// servers is what one script has started; the type is the key of its value too.
type servers struct{ latest *process }

func serversOf(ts *testscript.TestScript) *servers { return ts.Value(servers{}).(*servers) }

func scriptServe(ts *testscript.TestScript, neg bool, args []string) {
	work := ts.Getenv("WORK")
	env := append(os.Environ(), "DAYBOOK_ADDR=127.0.0.1:0", "DAYBOOK_DATA="+filepath.Join(work, "data"))
	p, err := startServer(work, env, args...)
	ts.Check(err)
	ts.Defer(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	serversOf(ts).latest = p
	err = p.ready(patience)
	if neg {
		if err == nil {
			ts.Fatalf("the server started; it should have refused")
		}
		ts.Logf("%v", err)
		return
	}
	ts.Check(err)
	ts.Setenv("DAYBOOK_SERVER", p.url)
}

func scriptStop(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL}
	if neg || len(args) < 1 || signals[args[0]] == 0 {
		ts.Fatalf("usage: stop TERM|INT|KILL [exit code]")
	}
	p := serversOf(ts).latest
	code, err := p.stop(signals[args[0]], patience)
	ts.Check(err)
	if len(args) > 1 {
		if want, _ := strconv.Atoi(args[1]); code != want {
			ts.Fatalf("exit code %d, want %d:\n%s", code, want, p.stderr.String())
		}
	}
}

func scriptServeStderr(ts *testscript.TestScript, neg bool, args []string) {
	text := serversOf(ts).latest.stderr.String()
	if strings.Contains(text, args[0]) == neg {
		ts.Fatalf("%q in what the server said is %v:\n%s", args[0], !neg, text)
	}
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil || neg || len(args) < 2 {
		ts.Fatalf("usage: exits N command…")
	}
	var exit *exec.ExitError
	err = ts.Exec(args[1], args[2:]...)
	switch {
	case err == nil && want == 0:
	case errors.As(err, &exit) && exit.ExitCode() == want:
	default:
		ts.Fatalf("%v, want exit code %d", err, want)
	}
}

func scriptCapture(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func scriptFlip(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		content, err := os.ReadFile(path)
		ts.Check(err)
		content[len(content)/2] ^= 1
		ts.Check(os.WriteFile(path, content, 0o600))
	}
}
