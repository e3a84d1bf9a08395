package supervisor

import (
	"encoding/json"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// processName is the name under which a process is a supervisor. It does not contain the name of the server:
// what kills the server by name leaves the supervisor to clean up.
const processName = "command-supervisor"

// killWait is how long the supervisor tries to end what SIGKILL does not end at once: processes of
// other users, and those that wait for a disk.
const killWait = 5 * time.Second

// Descriptors that the supervisor gets beside the standard ones.
const (
	tetherFD = 3
	reportFD = 4
)

// A process with the name of a supervisor never gets to main: so any program that imports this package can start
// supervisors, and none of its flags, files and ports is touched.
func init() {
	if len(os.Args) > 0 && os.Args[0] == processName {
		syscall.Exit(supervise())
	}
}

// supervise starts the program that stands in the tether, and returns the exit code of this
// process when the program and all that it has started have ended.
func supervise() int {
	rename()
	syscall.CloseOnExec(tetherFD)
	syscall.CloseOnExec(reportFD)
	tether, reports := os.NewFile(tetherFD, "tether"), json.NewEncoder(os.NewFile(reportFD, "reports"))
	var p Program
	if json.NewDecoder(tether).Decode(&p) != nil {
		return 1 // the server has died
	}
	// Whoever stops the whole service signals the supervisor too, but the server says when the program ends. The
	// program must not inherit that they are ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	adoptOrphans()
	pid, err := start(p)
	if err != nil {
		errno, _ := err.(syscall.Errno)
		_ = reports.Encode(report{Errno: max(errno, 1)}) // a server that has died reads no reports
		return 1
	}
	_ = reports.Encode(report{PID: pid})
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, tether) // until the server closes it, or is dead
		close(stop)
	}()
	ended, gone := make(chan syscall.WaitStatus, 1), make(chan struct{})
	go reap(pid, ended, gone)
	status, known := syscall.WaitStatus(0), false
	select {
	case status = <-ended:
		known = true
	case <-stop:
		signalAll(pid, syscall.SIGTERM)
		select {
		case <-gone:
		case <-time.After(p.Grace):
		}
	}
	killAll(pid, gone)
	if !known {
		select {
		case status = <-ended:
		default:
			return 1 // nothing ends it: the report is missing, and says so
		}
	}
	_ = reports.Encode(report{Ended: true, Status: int(status)})
	return 0
}

// start starts the program, in a process group. It is called on the thread that lives as long as
// this process: the kernel takes a thread for the parent.
func start(p Program) (pid int, err error) {
	null, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	return syscall.ForkExec(p.Argv[0], p.Argv, &syscall.ProcAttr{
		Dir: p.Dir, Env: p.Env, Files: []uintptr{uintptr(null), 1, 2}, Sys: attributes(),
	})
}

// reap waits for all children: the program, whose status goes to ended, and the orphans that were
// adopted. It closes gone when there are none.
func reap(pid int, ended chan<- syscall.WaitStatus, gone chan<- struct{}) {
	for {
		var status syscall.WaitStatus
		child, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			close(gone)
			return
		case child == pid:
			ended <- status
		}
	}
}

// killAll kills what the program has started, and returns when all of it is gone.
func killAll(pid int, gone <-chan struct{}) {
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	limit := time.After(killWait)
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		select {
		case <-gone:
			_ = syscall.Kill(-pid, syscall.SIGKILL) // where orphans are not adopted
			return
		case <-limit:
			return
		case <-time.After(wait):
			signalAll(pid, syscall.SIGKILL) // each that dies may leave orphans
		}
	}
}
