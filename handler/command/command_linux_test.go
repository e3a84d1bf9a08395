package command

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/handler"
)

// stubborn starts what is hard to end: a child in the background, one in another session, and one whose
// parent has ended, none of which minds SIGTERM. All have the named pipe $1 open. Then it writes a line to it.
const stubborn = `trap '' TERM; exec 9>"$1"
sleep 1000 &
setsid sh -c 'echo "$$" >/dev/null; sleep 1000' &
setsid sh -c 'setsid sleep 1000 & exit 0'
echo "$PPID" >&9; `

// alive waits for the first line of a named pipe. The rest of the pipe ends when no process has it any more.
func alive(t *testing.T, pipe string) (line string, rest io.Reader) {
	t.Helper()
	f, err := os.Open(pipe) // waits until the program has opened it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	buffered := bufio.NewReader(f)
	if line, err = buffered.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), buffered
}

func namedPipe(t *testing.T) string {
	t.Helper()
	pipe := filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	return pipe
}

// start runs the command x with the argument.
func start(ctx context.Context, t *testing.T, p Program, argument string) <-chan error {
	t.Helper()
	h := typeFor(t, map[string]Program{"x": p})
	over := make(chan error, 1)
	go func() {
		_, err := run(ctx, t, h, map[string]any{"command": "x", "args": []string{argument}})
		over <- err
	}()
	return over
}

func TestNothingThatAProgramHasStartedOutlivesItsAttempt(t *testing.T) {
	for name, c := range map[string]struct {
		then   string // what the program does next
		cancel bool
	}{
		"it ends":     {`exit 0`, false},
		"it fails":    {`exit 1`, false},
		"it crashes":  {`kill -9 $$`, false},
		"a cancel":    {`wait`, true},
		"it has left": {`(trap '' TERM; sleep 1000) & exec 9>&-; exit 0`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pipe := namedPipe(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			p := shell(stubborn+c.then, `.*`)
			p.Grace = 50 * time.Millisecond
			over := start(ctx, t, p, pipe)
			_, rest := alive(t, pipe)
			if c.cancel {
				cancel(handler.ErrCancelled)
			}
			if _, err := io.ReadAll(rest); err != nil {
				t.Error(err)
			}
			if err := <-over; c.cancel && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			cancel(nil)
		})
	}
}

// On cancel a child may use the whole grace, also when the program itself has ended.
func TestAChildHasTheWholeGrace(t *testing.T) {
	pipe := namedPipe(t)
	p := shell(`exec 9>"$1"; (trap 'echo tidied >&9; exit' TERM; echo >&9; while :; do sleep 0.01; done) & wait`, `.*`)
	p.Grace = maxGrace
	ctx, cancel := context.WithCancelCause(t.Context())
	over := start(ctx, t, p, pipe)
	_, rest := alive(t, pipe)
	cancel(handler.ErrTimeout)
	if text, err := io.ReadAll(rest); err != nil || string(text) != "tidied\n" {
		t.Errorf("%q, %v", text, err)
	}
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAProgramEndsWithItsSupervisor(t *testing.T) {
	pipe := namedPipe(t)
	over := start(t.Context(), t, shell(`exec 9>"$1"; sleep 1000 & echo "$PPID" >&9; wait`, `.*`), pipe)
	line, rest := alive(t, pipe)
	supervisor, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(supervisor, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-over; err == nil || handler.IsPermanent(err) || !strings.Contains(err.Error(), "supervisor of the command was killed") {
		t.Error(err)
	}
	if _, err := io.ReadAll(rest); err != nil {
		t.Error(err)
	}
}

// What stops a service often signals all of its processes.
func TestASupervisorLeavesSignalsToTheServer(t *testing.T) {
	pipe := namedPipe(t)
	if err := syscall.Mkfifo(pipe+".go", 0o600); err != nil {
		t.Fatal(err)
	}
	over := start(t.Context(), t, shell(`exec 9>"$1"; trap 'echo stopped; exit 3' TERM; echo "$PPID" >&9; kill -TERM "$PPID"; kill -INT "$PPID"; read line <"$1.go"; exit "$line"`, `.*`), pipe)
	_, _ = alive(t, pipe)
	if err := os.WriteFile(pipe+".go", []byte("7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-over; err == nil || err.Error() != "exit code 7" {
		t.Error(err)
	}
}
