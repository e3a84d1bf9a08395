// Package servers starts database servers for a measurement: on loopback, on a free
// port, with their data in a given folder, stopped by their process id. It never
// touches a server that it did not start.
package servers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Server is a database server that can be started again on the same data.
type Server struct {
	address string
	command func() *exec.Cmd
	ready   func(ctx context.Context, address string) error
	stop    syscall.Signal
	running *exec.Cmd
	log     string // the file of its output
}

// readyTime and stopTime are what a server gets to come up and to end.
const (
	readyTime = 3 * time.Minute
	stopTime  = 2 * time.Minute
)

// Address is HOST:PORT.
func (s *Server) Address() string { return s.address }

// Start returns when the server answers.
func (s *Server) Start(ctx context.Context) error {
	output, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer output.Close()
	cmd := s.command()
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	s.running = cmd
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for err = s.ready(ctx, s.address); err != nil; err = s.ready(ctx, s.address) {
		if ctx.Err() != nil {
			said, _ := os.ReadFile(s.log)
			return errors.Join(fmt.Errorf("wait for %s: %w; it said:\n%s", cmd.Path, err, said), s.Stop())
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

// Stop ends the server in order and returns when it is gone.
func (s *Server) Stop() error {
	if s.running == nil {
		return nil
	}
	cmd := s.running
	s.running = nil
	if err := cmd.Process.Signal(s.stop); err != nil {
		return err
	}
	kill := time.AfterFunc(stopTime, func() { cmd.Process.Kill() })
	defer kill.Stop()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("stop %s: %w", cmd.Path, err)
	}
	return nil
}

// PIDs are the processes of the server.
func (s *Server) PIDs() []int {
	if s.running == nil {
		return nil
	}
	return family(s.running.Process.Pid)
}

// family is a process with its children.
func family(pid int) []int {
	all := []int{pid}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return all
	}
	for _, field := range strings.Fields(string(children)) {
		if child, err := strconv.Atoi(field); err == nil {
			all = append(all, child)
		}
	}
	return all
}

// freePort looks for a port that nobody uses, below those that the kernel gives to outgoing
// connections: none of them can take it before the server does.
func freePort() (port int, err error) {
	for range 1000 {
		port = 10_000 + rand.IntN(20_000)
		var listener net.Listener
		if listener, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, listener.Close()
		}
	}
	return 0, err
}
