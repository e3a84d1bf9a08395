package command

import (
	"runtime"
	"syscall"
)

// ownGroup puts the program into a process group, and has the kernel kill it when the server dies: the
// task is started again then. The kernel counts the thread as the parent, so it is kept until done is
// called.
func ownGroup() (attributes *syscall.SysProcAttr, done func()) {
	runtime.LockOSThread()
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}, runtime.UnlockOSThread
}
