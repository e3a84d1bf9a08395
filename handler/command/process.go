package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"daybook/handler"
)

// keptOutput is how many bytes of the end of the output are kept.
const keptOutput = 64 << 10

// pipeWait is how long the output is waited for that processes hold which the program left behind.
const pipeWait = time.Second

type result struct {
	ExitCode   int     `json:"exit_code"`
	Output     string  `json:"output"`
	Truncated  bool    `json:"output_truncated"`
	DurationMS float64 `json:"duration_ms"`
}

// Outcome is the exit code, and the last line of the output.
func (r result) Outcome() (string, bool) {
	text := "exit code " + strconv.Itoa(r.ExitCode)
	if line := lastLine(r.Output); line != "" {
		text += ": " + line
	}
	return text, false
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}

// run runs the program in a process group, which gets SIGTERM when ctx ends, and SIGKILL after the
// grace.
func (p *program) run(ctx context.Context, call handler.Call, args []string) (any, error) {
	out := &tail{lines: lines{log: call.Log()}}
	cmd := exec.Command(p.Argv[0], append(slices.Clone(p.Argv[1:]), args...)...)
	cmd.Dir, cmd.Env = p.Dir, p.environment(call)
	cmd.Stdout, cmd.Stderr = out, out
	var done func()
	cmd.SysProcAttr, done = ownGroup()
	defer done()
	cmd.WaitDelay = pipeWait
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, startError(err)
	}
	over := make(chan struct{})
	var guard sync.WaitGroup
	guard.Go(func() { p.end(ctx, cmd.Process.Pid, over) })
	err := cmd.Wait()
	close(over)
	guard.Wait()
	out.end()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what the program left behind
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r := result{ExitCode: cmd.ProcessState.ExitCode(), DurationMS: float64(time.Since(began).Microseconds()) / 1000}
	r.Output, r.Truncated = out.text()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return r, nil
	}
	return nil, p.failure(cmd, r, err)
}

// end stops the process group when ctx ends before it has.
func (p *program) end(ctx context.Context, group int, over <-chan struct{}) {
	select {
	case <-over:
		return
	case <-ctx.Done():
	}
	_ = syscall.Kill(-group, syscall.SIGTERM)
	timer := time.NewTimer(p.Grace)
	defer timer.Stop()
	select {
	case <-over:
	case <-timer.C:
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
}

// environment is all that the program gets.
func (p *program) environment(call handler.Call) []string {
	env := map[string]string{"PATH": usualPath, "LANG": "C.UTF-8"}
	maps.Copy(env, p.Env)
	env["DAYBOOK_TASK_ID"], env["DAYBOOK_ATTEMPT"] = call.TaskID, strconv.Itoa(call.Attempt)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// startError says why the program does not start, without its path.
func startError(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return fmt.Errorf("the program of the command cannot be started: %w; check argv and dir in the server's configuration", number)
	}
	return errors.New("the program of the command cannot be started; check argv and dir in the server's configuration")
}

// failure is the error of a program that has failed, with the end of its output.
func (p *program) failure(cmd *exec.Cmd, r result, err error) error {
	text := "exit code " + strconv.Itoa(r.ExitCode)
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		text = "ended by the signal " + status.Signal().String()
	} else if r.ExitCode < 0 {
		text = "the output could not be read"
	}
	if out := strings.TrimSpace(r.Output); out != "" {
		text += ":\n" + out[max(0, len(out)-maxErrorOutput):]
	}
	failed := errors.New(strings.ToValidUTF8(text, "\uFFFD"))
	if slices.Contains(p.Permanent, r.ExitCode) {
		return handler.Permanent(failed)
	}
	return failed
}

// maxErrorOutput is how many bytes of the output an error has.
const maxErrorOutput = 8 << 10

// tail keeps the end of what is written to it, and writes each line to the task's log.
type tail struct {
	mu    sync.Mutex
	kept  []byte // guarded by mu
	cut   bool   // guarded by mu
	lines lines  // guarded by mu
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines.write(b)
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - keptOutput; over > 0 {
		t.kept, t.cut = append(t.kept[:0], t.kept[over:]...), true
	}
	return len(b), nil
}

// text is what is kept, as valid UTF-8.
func (t *tail) text() (text string, cut bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(strings.ReplaceAll(string(t.kept), "\x00", "\uFFFD"), "\uFFFD"), t.cut
}

// end writes the last line, if it has no end.
func (t *tail) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines.flush()
}

// maxLine is the longest line of a log, in bytes; a longer one is written as several.
const maxLine = 16 << 10

// lines writes the lines of an output to a log.
type lines struct {
	log  *slog.Logger
	part []byte // of a line that has no end yet
}

func (l *lines) write(b []byte) {
	for len(b) > 0 {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		if room := maxLine - len(l.part); len(line) > room {
			line, rest, ended = b[:room], b[room:], true
		}
		l.part, b = append(l.part, line...), rest
		if ended {
			l.flush()
		}
	}
}

func (l *lines) flush() {
	if text := strings.TrimRight(strings.ToValidUTF8(string(l.part), "\uFFFD"), "\r"); text != "" {
		l.log.Info(text)
	}
	l.part = l.part[:0]
}
