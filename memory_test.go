package daybook

import (
	"math"
	"os"
	"runtime/debug"
	"testing"
	"testing/fstest"
)

func TestTheMemoryLimitIsThreeQuartersOfWhatThereIs(t *testing.T) {
	const ram = "MemTotal:       16777216 kB\nMemFree:         1000 kB\n" // 16 GiB
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, c := range map[string]struct {
		machine fstest.MapFS
		want    int64
	}{
		"nothing is known": {fstest.MapFS{}, 0},
		"the machine":      {fstest.MapFS{"proc/meminfo": file(ram)}, 12 << 30},
		"a group of version 2": {fstest.MapFS{"proc/meminfo": file(ram), "proc/self/cgroup": file("0::/a/b\n"),
			"sys/fs/cgroup/a/b/memory.max": file("4294967296\n")}, 3 << 30},
		"a group without a limit in one that has one": {fstest.MapFS{"proc/meminfo": file(ram), "proc/self/cgroup": file("0::/a/b\n"),
			"sys/fs/cgroup/a/b/memory.max": file("max\n"), "sys/fs/cgroup/a/memory.max": file("8589934592\n")}, 6 << 30},
		"a container that sees its group as the root": {fstest.MapFS{"proc/self/cgroup": file("0::/\n"),
			"sys/fs/cgroup/memory.max": file("1073741824\n")}, 768 << 20},
		"a group of version 1": {fstest.MapFS{"proc/meminfo": file(ram), "proc/self/cgroup": file("4:memory:/x\n0::/\n"),
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes": file("2147483648\n")}, 1536 << 20},
		"no limit in a group of version 1": {fstest.MapFS{"proc/meminfo": file(ram), "proc/self/cgroup": file("4:memory:/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n")}, 12 << 30},
		"very little": {fstest.MapFS{"proc/meminfo": file("MemTotal: 131072 kB\n")}, leastLimit},
	} {
		if got := memoryLimit(c.machine); got != c.want {
			t.Errorf("%s: %d, not %d", name, got, c.want)
		}
	}
}

func TestTuneMemorySetsTheLimitUnlessOneIsSet(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	machine := memoryLimit(os.DirFS("/"))
	if machine == 0 {
		machine = math.MaxInt64 // nothing tells how much memory there is
	}
	for set, want := range map[int64]int64{math.MaxInt64: machine, 300 << 20: 300 << 20} {
		debug.SetMemoryLimit(set)
		TuneMemory()
		if got := debug.SetMemoryLimit(-1); got != want {
			t.Errorf("%d was set, and %d is; want %d", set, got, want)
		}
	}
}
