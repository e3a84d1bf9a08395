//go:build !linux

package command

import "syscall"

// ownGroup puts the program into a process group. When the server dies, the program goes on.
func ownGroup() (attributes *syscall.SysProcAttr, done func()) {
	return &syscall.SysProcAttr{Setpgid: true}, func() {}
}
