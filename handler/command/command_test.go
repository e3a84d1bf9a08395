package command

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/handler"
	"daybook/handler/handlertest"
)

func typeFor(t *testing.T, programs map[string]Program) *Type {
	t.Helper()
	h, bad := New(programs)
	if bad != nil {
		t.Fatal(bad)
	}
	return h
}

// shell is a program that runs a script, whose first argument is the task's.
func shell(script string, args ...string) Program {
	return Program{Argv: []string{"/bin/sh", "-c", script, "sh"}, Args: args}
}

func run(ctx context.Context, t *testing.T, h *Type, parameters map[string]any) (result, error) {
	t.Helper()
	value, err := h.Run(ctx, handler.Call{TaskID: "01JX", Attempt: 2, Parameters: handlertest.Prepare(t, h, parameters), Report: func(float64, string) {}})
	if err != nil {
		return result{}, err
	}
	handlertest.CheckResult(t, h, value)
	return value.(result), nil
}

func TestAProgramGetsItsArgumentsAndNothingOfTheServer(t *testing.T) {
	t.Setenv("DAYBOOK_TOKEN", "secret")
	p := shell(`echo "$1"; echo to standard error >&2; env`, `[a-z; $()]+`)
	p.Env = map[string]string{"COLOUR": "red"}
	r, err := run(t.Context(), t, typeFor(t, map[string]Program{"x": p}), map[string]any{"command": "x", "args": []string{"$(id); ls"}})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(r.Output, "\n")
	for _, want := range []string{"$(id); ls", "to standard error", "COLOUR=red", "DAYBOOK_TASK_ID=01JX", "DAYBOOK_ATTEMPT=2", "PATH=" + usualPath} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in %q", want, r.Output)
		}
	}
	if strings.Contains(r.Output, "secret") || strings.Contains(r.Output, "HOME=") {
		t.Error(r.Output)
	}
}

func TestTheOutputIsKeptToItsLast64KiB(t *testing.T) {
	h := typeFor(t, map[string]Program{"x": shell(`i=0; while [ $i -lt 9000 ]; do echo "line $i of many"; i=$((i+1)); done; printf '\377\0end'`)})
	r, err := run(t.Context(), t, h, map[string]any{"command": "x"})
	if err != nil || !r.Truncated || len(r.Output) > keptOutput+10 || !strings.HasSuffix(r.Output, "line 8999 of many\n\uFFFD\uFFFDend") {
		t.Errorf("%d bytes, %v, %v", len(r.Output), r.Truncated, err)
	}
	if text, _ := r.Outcome(); !strings.HasPrefix(text, "exit code 0: ") {
		t.Error(text)
	}
}

func TestAnExitCodeIsAFailureThatMayBePermanent(t *testing.T) {
	p := shell(`echo "it broke"; exit "$1"`, `[0-9]+`)
	p.Permanent = []int{64}
	h := typeFor(t, map[string]Program{"x": p, "kill": shell(`kill -9 $$`)})
	for code, permanent := range map[int]bool{1: false, 64: true} {
		_, err := run(t.Context(), t, h, map[string]any{"command": "x", "args": []string{strconv.Itoa(code)}})
		if err == nil || handler.IsPermanent(err) != permanent || err.Error() != "exit code "+strconv.Itoa(code)+":\nit broke" {
			t.Errorf("%d: %v", code, err)
		}
	}
	if _, err := run(t.Context(), t, h, map[string]any{"command": "kill"}); err == nil || handler.IsPermanent(err) || !strings.Contains(err.Error(), "killed") {
		t.Error(err)
	}
	missing := typeFor(t, map[string]Program{"x": {Argv: []string{"/nowhere/program"}}})
	if _, err := run(t.Context(), t, missing, map[string]any{"command": "x"}); err == nil || strings.Contains(err.Error(), "/nowhere") ||
		!strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

// Everything that the program has started ends with the attempt.
func TestACancelEndsTheWholeProcessGroup(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"SIGTERM": `exec 9>"$1"; sleep 1000 & echo >&9; wait`,
		"SIGKILL": `trap '' TERM; exec 9>"$1"; (trap '' TERM; sleep 1000) & echo >&9; while true; do wait; done`,
	} {
		p := shell(script, `.*`)
		p.Grace = 50 * time.Millisecond
		h := typeFor(t, map[string]Program{"x": p})
		ctx, cancel := context.WithCancelCause(t.Context())
		over := make(chan error, 1)
		go func() {
			_, err := run(ctx, t, h, map[string]any{"command": "x", "args": []string{pipe}})
			over <- err
		}()
		alive, err := os.Open(pipe) // waits until the program has opened it
		if err != nil {
			t.Fatal(err)
		}
		if _, err := alive.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		cancel(handler.ErrCancelled)
		if err := <-over; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := io.ReadAll(alive); err != nil { // ends when no process has the pipe any more
			t.Error(err)
		}
		if err := alive.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestArgumentsThatDoNotFitAreRefused(t *testing.T) {
	h := typeFor(t, map[string]Program{"none": shell(`true`), "two": shell(`true`, `[a-z]+`, `a|b`)})
	registry, err := handler.NewRegistry(h)
	if err != nil {
		t.Fatal(err)
	}
	for parameters, ok := range map[string]bool{
		`{"command":"none"}`: true, `{"args":[],"command":"none"}`: true, `{"args":["x","b"],"command":"two"}`: true,
		`{}`: false, `{"command":"other"}`: false, `{"args":["x"],"command":"none"}`: false, `{"command":"two"}`: false,
		`{"args":["x"],"command":"two"}`: false, `{"args":["x","c"],"command":"two"}`: false, `{"args":["x","ab"],"command":"two"}`: false,
		`{"args":["x\n","b"],"command":"two"}`: false, `{"args":["x","b","c"],"command":"two"}`: false,
	} {
		_, _, fields, err := registry.Prepare("COMMAND", []byte(parameters))
		if err != nil || (len(fields) == 0) != ok {
			t.Errorf("%s: %v %v", parameters, fields, err)
		}
		var p struct{ Command string }
		if json.Unmarshal([]byte(parameters), &p) == nil && h.programs[p.Command] != nil && !ok {
			if _, err := h.Run(t.Context(), handler.Call{Parameters: json.RawMessage(parameters)}); err == nil || !handler.IsPermanent(err) {
				t.Errorf("%s runs: %v", parameters, err)
			}
		}
	}
	handlertest.CheckDescribed(t, h, map[string]any{"command": "none"}, "command")
	handlertest.CheckSubjects(t, h, nil, map[string]string{`{"args":["x","b"],"command":"two"}`: "two x b"})
}

func TestAProgramThatCannotBeRunIsRefusedByField(t *testing.T) {
	for pointer, p := range map[string]Program{
		"/x/argv":                 {Argv: []string{"ls"}},
		"/x/args/1":               {Argv: []string{"/bin/ls"}, Args: []string{"a", "a)(b"}},
		"/x/dir":                  {Argv: []string{"/bin/ls"}, Dir: "here"},
		"/x/env":                  {Argv: []string{"/bin/ls"}, Env: map[string]string{"A=B": "x"}},
		"/x/permanent_exit_codes": {Argv: []string{"/bin/ls"}, Permanent: []int{0}},
		"/x/grace_seconds":        {Argv: []string{"/bin/ls"}, Grace: time.Hour},
	} {
		_, bad := New(map[string]Program{"x": p})
		if len(bad) != 1 || bad[0].Pointer != pointer {
			t.Errorf("%s: %v", pointer, bad)
		}
	}
}
