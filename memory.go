package daybook

import (
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// leastLimit is the smallest soft limit that is set: below it a limit costs more time than it
// saves memory.
const leastLimit = 256 << 20

// TuneMemory sets the memory of this process as `daybook serve` does: for a program that
// does little else than run a Daybook, first in its main.
//
// Near three quarters of what the machine, or the control group, allows the heap is
// collected sooner, unless GOMEMLIMIT or the program has set a limit. On Linux the kernel
// may back the first GiB of the heap, or a quarter of the limit if that is less, with huge
// pages.
func TuneMemory() {
	if limit := memoryLimit(os.DirFS("/")); limit > 0 && debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(limit)
	}
	heapInHugePages(int(min(debug.SetMemoryLimit(-1)/4, mostInHugePages)))
}

// memoryLimit is three quarters of the memory there is, at least leastLimit; 0 when nothing
// tells how much that is, as outside Linux. The rest is for SQLite's caches, which the Go
// runtime does not count, and for the files that the kernel keeps.
func memoryLimit(machine fs.FS) int64 {
	total := int64(math.MaxInt64)
	for _, name := range limitFiles(machine) {
		if text, err := fs.ReadFile(machine, name); err == nil {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
				total = min(total, n) // "max" is no number
			}
		}
	}
	if text, err := fs.ReadFile(machine, "proc/meminfo"); err == nil {
		total = min(total, memTotal(string(text)))
	}
	if total == math.MaxInt64 {
		return 0
	}
	return max(total/4*3, leastLimit)
}

// limitFiles lists where the limits of the control groups of this process stand, those
// around them included.
func limitFiles(machine fs.FS) (paths []string) {
	text, _ := fs.ReadFile(machine, "proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		root, name := "", ""
		switch {
		case fields[0] == "0" && fields[1] == "":
			root, name = "sys/fs/cgroup", "memory.max"
		case fields[1] == "memory":
			root, name = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			paths = append(paths, path.Join(root, group, name))
			if group == "/" {
				break
			}
		}
	}
	return paths
}

// memTotal reads the memory of the machine, in bytes, from /proc/meminfo.
func memTotal(text string) int64 {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemTotal:" && fields[2] == "kB" {
			if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil && n > 0 {
				return n << 10
			}
		}
	}
	return math.MaxInt64
}
