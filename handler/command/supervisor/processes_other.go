//go:build !linux

package supervisor

import (
	"os"
	"syscall"
)

func rename() {}

// executable is the program that this process was started from.
func executable() string {
	path, _ := os.Executable() // "" does not start
	return path
}

func adoptOrphans() {}

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalAll sends a signal to the group.
func signalAll(group int, signal syscall.Signal) { _ = syscall.Kill(-group, signal) }
