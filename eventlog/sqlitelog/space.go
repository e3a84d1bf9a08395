package sqlitelog

import (
	"math"
	"syscall"
)

// FreeBytes is how much an ordinary user may still write to the disk of dir. A disk that
// cannot say counts as one with room: the write itself will tell. It costs a microsecond.
func FreeBytes(dir string) int64 {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return math.MaxInt64
	}
	return int64(s.Bavail) * int64(s.Bsize)
}
