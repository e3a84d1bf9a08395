package load

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

// fineSleeper waits on a timer of the kernel through the poller, which holds no thread.
// The runtime's own timers are rounded up to a millisecond while the process is idle.
type fineSleeper struct{ timer *os.File }

// newSleeper returns a fine sleeper, or the runtime's where there can be none.
func newSleeper() sleeper {
	const monotonic = 1
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, monotonic, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		return plainSleeper{}
	}
	return &fineSleeper{os.NewFile(fd, "timer")}
}

func (s *fineSleeper) Sleep(d time.Duration) {
	set := struct{ interval, value syscall.Timespec }{value: syscall.NsecToTimespec(max(d.Nanoseconds(), 1))}
	raw, err := s.timer.SyscallConn()
	if err != nil {
		time.Sleep(d)
		return
	}
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&set)), 0, 0, 0)
	})
	if err != nil || errno != 0 {
		time.Sleep(d)
		return
	}
	var expirations [8]byte
	_, _ = s.timer.Read(expirations[:])
}

func (s *fineSleeper) Close() { _ = s.timer.Close() }
