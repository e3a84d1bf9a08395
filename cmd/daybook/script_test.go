package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a test waits for a server. It is long because machines that test are
// busy, and only a test that fails waits for its end.
const patience = 5 * time.Minute

// TestScripts runs the command as a person would. Beside testscript's own commands there
// are:
//
//	serve [FLAG…]          starts a server on ./data, sets DAYBOOK_SERVER and ADDR
//	signal TERM|INT|KILL [N] sends it to the server; with N, the exit code must be N
//	stderr-of-serve TEXT   what the latest server said must have the text in it
//	reload TEXT            sends SIGHUP to the server and waits until it has said the text
//	post PATH BODY         sends JSON to the server, as curl does
//	lease TYPE             leases a task of a type as a worker does, and sets TOKEN and ID
//	exits N COMMAND…       runs a command that must end with exit code N
//	capture NAME           sets NAME to the last command's standard output
//	flip FILE TEXT         changes one bit of the first TEXT in a file
//	cut FILE               drops the second half of a file
//	future VERSION TYPE V  appends to the log in ./data what a Daybook of that version may write:
//	                       its start, and an event of a type and schema version
//	format FILE N          changes the format number of a file of the views
//	watch-until TEXT COMMAND…  runs "daybook watch --json" and the command again and again,
//	                       until the first has printed the text; Ctrl-C must then end it
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[servers{}] = &servers{}
			env.Setenv("LOG", "log-00000000000000000001.db")
			examples, err := filepath.Abs("../../examples")
			env.Setenv("EXAMPLES", examples)
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"serve":           scriptServe,
			"signal":          scriptSignal,
			"capture":         scriptCapture,
			"exits":           scriptExits,
			"flip":            scriptFlip,
			"cut":             scriptCut,
			"future":          scriptFuture,
			"format":          scriptFormat,
			"stderr-of-serve": scriptServeStderr,
			"reload":          scriptReload,
			"watch-until":     scriptWatchUntil,
			"post":            scriptPost,
			"lease":           scriptLease,
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
	if err = p.ready(patience); err == nil || serversOf(ts).latest == nil || serversOf(ts).latest.ended() {
		serversOf(ts).latest = p
	}
	if neg {
		if err == nil {
			ts.Fatalf("the server started; it should have refused")
		}
		ts.Logf("%v", err)
		return
	}
	ts.Check(err)
	ts.Setenv("DAYBOOK_SERVER", p.url)
	ts.Setenv("ADDR", strings.TrimPrefix(p.url, "http://"))
}

func scriptSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL}
	if neg || len(args) < 1 || signals[args[0]] == 0 {
		ts.Fatalf("usage: signal TERM|INT|KILL [exit code]")
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

func scriptReload(ts *testscript.TestScript, _ bool, args []string) {
	p := serversOf(ts).latest
	ts.Check(p.cmd.Process.Signal(syscall.SIGHUP))
	for deadline := time.Now().Add(patience); !strings.Contains(p.stderr.String(), args[0]); {
		if err := ts.Exec("daybook", "queue"); err != nil || time.Now().After(deadline) {
			ts.Fatalf("%v; the server said %s", err, p.stderr.String())
		}
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

func scriptFuture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: future VERSION TYPE V")
	}
	v, err := strconv.Atoi(args[2])
	ts.Check(err)
	ctx := context.Background()
	log, err := sqlitelog.Open(ctx, sqlitelog.Options{Dir: ts.MkAbs("data")})
	ts.Check(err)
	at := log.Head().At
	for _, e := range []*eventlog.Event{
		{At: at, Stream: "server:future", Version: 1, Type: "server.started", V: 1, Actor: "system:scheduler", Data: []byte(`{"version":"` + args[0] + `"}`)},
		{At: at, Stream: "task:future", Version: 1, Type: args[1], V: v, Actor: "anonymous", Data: []byte("{}")},
	} {
		ts.Check(log.Append(ctx, []eventlog.Entry{{Events: []*eventlog.Event{e}}})[0].Err)
	}
	ts.Check(log.Close())
}

// userVersion is where a database of SQLite has its format number, in 4 bytes.
const userVersion = 60

func scriptFormat(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: format FILE N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	file, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = file.WriteAt(binary.BigEndian.AppendUint32(nil, uint32(n)), userVersion)
	ts.Check(errors.Join(err, file.Close()))
}

func scriptWatchUntil(ts *testscript.TestScript, _ bool, args []string) {
	watch := exec.Command("daybook", "watch", "--json")
	watch.Env = append(os.Environ(), "DAYBOOK_SERVER="+ts.Getenv("DAYBOOK_SERVER"))
	var out lockedBuffer
	watch.Stdout, watch.Stderr = &out, &out
	ts.Check(watch.Start())
	for deadline := time.Now().Add(patience); !strings.Contains(out.String(), args[0]); {
		// What has happened before it watches is not shown.
		if err := ts.Exec(args[1], args[2:]...); err != nil || time.Now().After(deadline) {
			_ = watch.Process.Kill()
			_ = watch.Wait()
			ts.Fatalf("%v; it printed %q", err, out.String())
		}
	}
	ts.Check(watch.Process.Signal(os.Interrupt))
	ts.Check(watch.Wait())
}

func scriptCapture(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func scriptFlip(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	content, err := os.ReadFile(path)
	ts.Check(err)
	at := bytes.Index(content, []byte(args[1]))
	if at < 0 {
		ts.Fatalf("%s does not have %q", args[0], args[1])
	}
	content[at] ^= 1
	ts.Check(os.WriteFile(path, content, 0o600))
}

func scriptCut(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	if info.Size() == 0 {
		ts.Fatalf("%s is empty", args[0])
	}
	ts.Check(os.Truncate(path, info.Size()/2))
}
