package sqlitelog

import (
	"math"
	"syscall"
)

// FreeBytes is how much an ordinary user may still write to the disk of dir. If that is
// unknown, it returns a large number: the write itself will fail. It costs a microsecond.
func FreeBytes(dir string) int64 {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return math.MaxInt64
	}
	return int64(s.Bavail) * int64(s.Bsize)
}
