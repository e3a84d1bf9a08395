// Package powercut makes the disks that a power cut could leave, for tests. It records all that
// a program writes, syncs and says (with strace, so the program is the real one), and lays out
// folders as a disk could hold them at any moment of it: with what was not synced lost, kept,
// or in part: sectors of 512 bytes, in any order.
//
// The model is strict. A write is safe when a sync of its file that began after it has ended;
// the name of a file is safe when its folder was synced. What real file systems promise
// beyond that is not relied on.
package powercut

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
)

// calls are those that change a folder, say something or move a position.
const calls = "trace=openat,open,creat,write,writev,pwrite64,pwritev,pwritev2,lseek,ftruncate,truncate,fallocate," +
	"fsync,fdatasync,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,copy_file_range,sendfile,dup,dup2,dup3"

// Recording is what one or more runs of a program did below a folder, in order.
type Recording struct {
	dir    string
	events []event
}

// New returns a recording of what happens below dir, which does not exist yet.
func New(dir string) (*Recording, error) {
	parent, err := filepath.EvalSymlinks(filepath.Dir(dir))
	if err != nil {
		return nil, err
	}
	return &Recording{dir: filepath.Join(parent, filepath.Base(dir))}, nil
}

// Run is one run of a program that is recorded.
type Run struct {
	r     *Recording
	pid   atomic.Int64
	known chan struct{} // closed when pid is
	trace *os.File
	done  chan struct{}
	err   error // set before done is closed
}

// Start starts the command under strace; its Path and Args are changed. Wait for the command,
// then for the run.
func (r *Recording) Start(cmd *exec.Cmd) (*Run, error) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	if cmd.Err != nil {
		return nil, cmd.Err
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, write)
	out := fmt.Sprintf("/dev/fd/%d", 2+len(cmd.ExtraFiles))
	cmd.Args = append([]string{strace, "-f", "-qq", "-xx", "-y", "-s", "100000000", "-e", "signal=none", "-e", calls, "-o", out, "--", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = strace
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	run := &Run{r: r, trace: read, known: make(chan struct{}), done: make(chan struct{})}
	go run.read()
	return run, write.Close()
}

// read parses the trace until its end.
func (run *Run) read() {
	defer close(run.done)
	defer run.trace.Close()
	p := parser{dir: run.r.dir}
	lines := bufio.NewReaderSize(run.trace, 1<<20)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				run.err = err
			}
			p.brokenOff(line)
			break
		}
		if run.pid.Load() == 0 {
			pid, _, _ := strings.Cut(line, " ")
			var n int64
			if _, err := fmt.Sscan(pid, &n); err == nil {
				run.pid.Store(n)
				close(run.known)
			}
		}
		if err := p.line(strings.TrimSuffix(line, "\n")); err != nil && run.err == nil {
			run.err = err
		}
	}
	run.r.events = append(run.r.events, p.events...)
	run.r.events = append(run.r.events, event{kind: ended})
	if run.err == nil {
		run.err = run.r.compare(p.unknown())
	}
}

// Signal sends a signal to the program itself.
func (run *Run) Signal(s syscall.Signal) error {
	select {
	case <-run.known:
		return syscall.Kill(int(run.pid.Load()), s)
	case <-run.done:
		return os.ErrProcessDone
	}
}

// Wait waits for the end of the trace. Its error says what could not be recorded.
func (run *Run) Wait() error {
	<-run.done
	return run.err
}
