package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"daybook/handler"
	"daybook/handler/command/supervisor"
)

// keptOutput is how many bytes of the end of the output are kept.
const keptOutput = 64 << 10

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

// run runs the program under a supervisor, which ends it and all that it has started when ctx ends, and when the
// server is dead.
func (p *program) run(ctx context.Context, call handler.Call, args []string) (any, error) {
	out := &tail{lines: lines{log: call.Log()}}
	began := time.Now()
	status, err := supervisor.Run(ctx, call.TaskID, supervisor.Program{
		Argv: append(slices.Clone(p.Argv), args...), Env: p.environment(call), Dir: p.Dir, Grace: p.Grace,
	}, out)
	out.end()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, startError(err)
	}
	r := result{ExitCode: status.ExitStatus(), DurationMS: float64(time.Since(began).Microseconds()) / 1000}
	r.Output, r.Truncated = out.text()
	if r.ExitCode == 0 {
		return r, nil
	}
	return nil, p.failure(status, r)
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

// startError says why the program did not run, without its path.
func startError(err error) error {
	if refused, ok := errors.AsType[*supervisor.StartError](err); ok {
		return fmt.Errorf("the program of the command cannot be started: %w; check argv and dir in the server's configuration", refused.Errno)
	}
	if errors.Is(err, supervisor.ErrKilled) {
		return errors.New("the supervisor of the command was killed, and the program with it; check whether the server has too little memory")
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return fmt.Errorf("the supervisor of the command cannot be started: %w; check the limits of processes and open files of the server", number)
	}
	return errors.New("the supervisor of the command cannot be started; check that the file of the server's program is still there, and restart the server")
}

// failure is the error of a program that has failed, with the end of its output.
func (p *program) failure(status syscall.WaitStatus, r result) error {
	text := "exit code " + strconv.Itoa(r.ExitCode)
	if status.Signaled() {
		text = "ended by the signal " + status.Signal().String()
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
