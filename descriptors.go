package daybook

import (
	"math"
	"runtime/debug"
	"syscall"
)

const (
	// ownFiles is how many files the log, the views, the index and the runtime have open.
	ownFiles = 48
	// mostStreams is how many event streams there are at most, if nothing else bounds them.
	mostStreams = 10_000
	// streamMemory is about what an open stream takes, in bytes; see docs/memory.md.
	streamMemory = 32 << 10
)

// OpenFiles is how many files this process may have open at one time. The Go runtime has
// raised the soft limit to the hard one by then.
func OpenFiles() int64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt64
	}
	return int64(min(uint64(limit.Cur), math.MaxInt64))
}

// Connections is how many connections a server can keep when at most that number of files may be open, and
// still has files for the log, the views, uploads and the tasks that run.
func Connections(files int64, concurrency int) int {
	const small = 1024
	free := files - ownFiles - min(2*int64(concurrency), files/8)
	if free > small { // an upload or a download opens a file beside its connection
		free = free / 4 * 3
	}
	return int(min(max(free, 4), math.MaxInt32))
}

// streamsFor is how many event streams there may be: half of the connections are kept for
// all else, and an eighth of the memory is for streams.
func streamsFor(connections int, memory int64) int {
	most := min(mostStreams, connections/2)
	if memory < math.MaxInt64 {
		most = min(most, int(memory/8/streamMemory))
	}
	return max(most, 2)
}

// maxStreams is what the options say, or what the process has room for.
func (o *Options) maxStreams() int {
	if o.MaxStreams > 0 {
		return o.MaxStreams
	}
	return streamsFor(Connections(OpenFiles(), o.Concurrency), debug.SetMemoryLimit(-1))
}
