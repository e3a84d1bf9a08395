package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a `daybook serve` of its own.
type process struct {
	cmd    *exec.Cmd
	url    string // where it serves; "" until ready
	stderr lockedBuffer
	stdout chan string // its first line; closed when there is none
	done   chan struct{}
	err    error // of Wait; set before done is closed
}

// startServer starts the server without waiting until it is ready.
func startServer(dir string, env []string, args ...string) (*process, error) {
	return startCommand(exec.Command("daybook", append([]string{"serve"}, args...)...), dir, env)
}

// startReady starts a server in a folder and waits until it is ready. It is killed at the end of the test.
func startReady(t testing.TB, dir string, args ...string) *process {
	t.Helper()
	p, err := startServer(dir, os.Environ(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
	if err := p.ready(patience); err != nil {
		t.Fatal(err)
	}
	return p
}

// startCommand starts a server by a command that ends up as one.
func startCommand(cmd *exec.Cmd, dir string, env []string) (*process, error) {
	p := &process{cmd: cmd, stdout: make(chan string, 1), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = dir, env, &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		defer close(p.stdout)
		lines := bufio.NewReader(out)
		if line, err := lines.ReadString('\n'); err == nil {
			p.stdout <- line
		}
		_, _ = io.Copy(io.Discard, lines)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// ready waits until the server says where it serves.
func (p *process) ready(patience time.Duration) error {
	select {
	case line, ok := <-p.stdout:
		if !ok {
			<-p.done
			return fmt.Errorf("server ended (%v):\n%s", p.err, p.stderr.String())
		}
		p.url = strings.TrimSpace(line[strings.LastIndexByte(strings.TrimSpace(line), ' ')+1:])
		return nil
	case <-time.After(patience):
		return fmt.Errorf("server is not ready after %s:\n%s", patience, p.stderr.String())
	}
}

// ended reports whether the server has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop sends a signal, waits for the end and returns the exit code; -1 = by the signal.
func (p *process) stop(signal syscall.Signal, patience time.Duration) (code int, err error) {
	if err := p.cmd.Process.Signal(signal); err != nil {
		return 0, err
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.done
		return 0, fmt.Errorf("server still ran %s after signal %v:\n%s", patience, signal, p.stderr.String())
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		return 0, p.err
	}
	return p.cmd.ProcessState.ExitCode(), nil
}

// lockedBuffer is a buffer that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
