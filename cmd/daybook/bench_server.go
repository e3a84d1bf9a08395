package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"daybook/internal/load"
)

// ownServer is a `daybook serve` that runs for the time of a bench, as a process of its
// own: its memory and its collector are not the generator's.
type ownServer struct {
	cmd      *exec.Cmd
	url      string
	dir      string
	slots    int
	inMemory bool
	said     *bytes.Buffer // on standard error; to be read after the process has ended
	drained  chan struct{} // closed when its standard output has ended
}

// startOwnServer starts it on an address of loopback and a folder within temp, "" = the
// system's place for such folders.
func startOwnServer(ctx context.Context, temp string, slots int) (*ownServer, error) {
	dir, err := os.MkdirTemp(temp, "daybook-bench-")
	if err != nil {
		return nil, err
	}
	o, err := serveIn(ctx, dir, slots)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return o, nil
}

// serveIn starts a server on a folder and on an address of loopback.
func serveIn(ctx context.Context, dir string, slots int) (*ownServer, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program: %w", err)
	}
	o := &ownServer{dir: dir, slots: slots, inMemory: inMemory(dir), said: &bytes.Buffer{}, drained: make(chan struct{})}
	o.cmd = &exec.Cmd{
		Path: program,
		Args: []string{"daybook", "serve", "--addr", "127.0.0.1:0", "--data", dir, "--concurrency", strconv.Itoa(slots), "--grace", "1ms", "--quiet"},
		// The flags of another server are not for this one.
		Env: slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "DAYBOOK_") }),
		// Ctrl-C is for the generator, which stops the server when it has done.
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
		Stderr:      o.said,
	}
	endWithUs(o.cmd.SysProcAttr)
	if err := o.start(ctx); err != nil {
		return nil, err
	}
	return o, nil
}

// start returns when the server says where it serves.
func (o *ownServer) start(ctx context.Context) error {
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := o.cmd.Start(); err != nil {
		return fmt.Errorf("start a server: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = o.cmd.Process.Kill() })()
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	go func() {
		defer close(o.drained)
		_, _ = io.Copy(io.Discard, lines)
	}()
	if err != nil {
		<-o.drained
		_ = o.cmd.Wait()
		return fmt.Errorf("start a server: it ended: %s", strings.TrimSpace(o.said.String()))
	}
	o.url = strings.TrimSpace(line[strings.LastIndexByte(strings.TrimSpace(line), ' ')+1:])
	return nil
}

// kill ends the server at once, as a crash does. Its folder stays.
func (o *ownServer) kill() {
	_ = o.cmd.Process.Kill()
	<-o.drained
	_ = o.cmd.Wait() // it was killed
}

// stop ends the server, removes its folder and says what it has used. An error tells that
// it did not end well, or that something is left.
func (o *ownServer) stop() (*load.Server, error) {
	_ = o.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	kill := time.AfterFunc(time.Minute, func() { _ = o.cmd.Process.Kill() })
	<-o.drained
	err := o.cmd.Wait()
	kill.Stop()
	if err != nil {
		err = fmt.Errorf("started server: %w: %s", err, strings.TrimSpace(o.said.String()))
	}
	state := o.cmd.ProcessState
	known := &load.Server{
		Concurrency: o.slots,
		Processor:   (state.UserTime() + state.SystemTime()).Seconds(),
		InMemory:    o.inMemory,
	}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		known.Memory = int64(usage.Maxrss) * rssUnit
	}
	return known, errors.Join(err, os.RemoveAll(o.dir))
}
