// Package supervisor runs a program of another project so that nothing that it starts outlives the attempt,
// also if this process is killed.
//
// The program is not a child of this process but of a supervisor: the same executable, started
// again. The supervisor holds one end of a pipe, the tether, whose other end only this process has. When the
// tether closes, because the attempt is told to stop or because this process is dead, it
// ends the program and everything that the program has started: SIGTERM, the grace, SIGKILL. On Linux it
// finds processes that have left the process group too. Elsewhere it knows the group alone.
//
// It cannot end what runs as another user (sudo), what another service has started for the
// program (systemd-run, docker), and, after a SIGKILL of the supervisor itself, what the program has
// started and moved out of its group.
package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Program is what is run.
type Program struct {
	Argv  []string // the whole path of the program, and its arguments
	Env   []string
	Dir   string        // "" = the folder of this process
	Grace time.Duration // from SIGTERM to SIGKILL
}

// StartError says why a program was not started.
type StartError struct{ Errno syscall.Errno }

func (e *StartError) Error() string { return "start the program: " + e.Errno.Error() }

// Unwrap returns the number of the error.
func (e *StartError) Unwrap() error { return e.Errno }

// ErrKilled is the error of Run when the supervisor has ended before the program.
var ErrKilled = errors.New("the supervisor of the program ended before it")

// report is what the supervisor says about the program: first that it has started, or why not, then how it has ended.
type report struct {
	PID    int           `json:"pid,omitempty"`
	Errno  syscall.Errno `json:"errno,omitempty"`
	Ended  bool          `json:"ended,omitempty"`
	Status int           `json:"status,omitempty"` // a syscall.WaitStatus
}

// outputWait is how long output is waited for that is held by processes which nothing could end.
const outputWait = time.Second

// Run runs the program until it and all that it has started have ended, and returns the program's status. The end
// of ctx stops it. label stands in the list of processes. Both outputs of the program go to out.
// Errors: a *StartError, ErrKilled, or why the supervisor did not start.
func Run(ctx context.Context, label string, p Program, out io.Writer) (syscall.WaitStatus, error) {
	held, tether, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("start the supervisor: %w", err)
	}
	drop := sync.OnceFunc(func() { _ = tether.Close() }) // the end of a pipe: nothing is lost
	defer drop()
	reports, toldBy, err := os.Pipe()
	if err != nil {
		return 0, errors.Join(fmt.Errorf("start the supervisor: %w", err), held.Close())
	}
	defer func() { _ = reports.Close() }()
	cmd := &exec.Cmd{
		Path: executable(), Args: []string{processName, label}, Env: []string{},
		Stdout: out, Stderr: out, ExtraFiles: []*os.File{held, toldBy},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}, // Ctrl-C is for this process
		WaitDelay:   outputWait,
	}
	err = cmd.Start()
	_, _ = held.Close(), toldBy.Close() // the supervisor has its own
	if err != nil {
		return 0, fmt.Errorf("start the supervisor: %w", err)
	}
	_ = json.NewEncoder(tether).Encode(p) // it fails if the supervisor has died, which the reports show
	over := make(chan struct{})
	var guard sync.WaitGroup
	guard.Go(func() {
		select {
		case <-over:
			return
		case <-ctx.Done():
		}
		drop()
		timer := time.NewTimer(p.Grace + 2*killWait)
		defer timer.Stop()
		select {
		case <-over:
		case <-timer.C:
			_ = cmd.Process.Kill() // it hangs; its program ends with it
		}
	})
	_ = cmd.Wait() // the reports say how the program has ended
	close(over)
	guard.Wait()
	return ending(reports)
}

// ending reads the reports of a supervisor that has ended.
func ending(reports io.Reader) (syscall.WaitStatus, error) {
	group := 0
	for decoder := json.NewDecoder(reports); ; {
		var r report
		switch err := decoder.Decode(&r); {
		case err != nil && group > 0: // it was killed
			_ = syscall.Kill(-group, syscall.SIGKILL)
			fallthrough
		case err != nil:
			return 0, ErrKilled
		case r.Errno != 0:
			return 0, &StartError{r.Errno}
		case r.Ended:
			return syscall.WaitStatus(r.Status), nil
		}
		group = r.PID
	}
}
