package supervisor

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// rename shows the name of the process in lists that do not show its arguments.
func rename() { _ = os.WriteFile("/proc/self/comm", []byte(processName), 0) }

// executable is the program that this process runs, also if another version has taken its
// place on disk.
func executable() string {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err == nil {
		return self
	}
	path, _ := os.Executable() // "" does not start
	return path
}

// adoptOrphans makes this process the parent of all that the program has started and that has lost its own parent:
// a daemon cannot leave.
func adoptOrphans() {
	const prSetChildSubreaper = 36
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0)
}

// attributes has the kernel kill the program if the supervisor is killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// signalAll sends a signal to the group and to all descendants of this process.
func signalAll(group int, signal syscall.Signal) {
	_ = syscall.Kill(-group, signal)
	children := map[int][]process{}
	for _, p := range processes() {
		children[p.parent] = append(children[p.parent], p)
	}
	for left := children[os.Getpid()]; len(left) > 0; left = left[1:] {
		if left[0].group != group { // the others have it
			_ = syscall.Kill(left[0].pid, signal)
		}
		left = append(left, children[left[0].pid]...)
	}
}

type process struct{ pid, parent, group int }

// processes lists the processes of the machine, as far as /proc shows them.
func processes() (all []process) {
	if self, _ := os.Readlink("/proc/self"); self != strconv.Itoa(os.Getpid()) {
		return nil // it counts the processes of another namespace
	}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, _ := os.ReadFile("/proc/" + entry.Name() + "/stat") // it may have ended
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 3 {
			continue
		}
		parent, _ := strconv.Atoi(string(fields[1]))
		group, _ := strconv.Atoi(string(fields[2]))
		all = append(all, process{pid, parent, group})
	}
	return all
}
