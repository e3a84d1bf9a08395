//go:build !race

package heap

import (
	"os"
	"regexp"
	"runtime"
	"strconv"
	"testing"
)

// most is the most memory that was resident since the last reset, in bytes.
func most(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	kb, err := strconv.Atoi(string(regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

func TestHugePagesMakeNothingResident(t *testing.T) {
	// Memory that was used and is free again, before the end of the heap.
	used := make([]byte, 32<<20)
	for i := range used {
		used[i] = 1
	}
	runtime.KeepAlive(used)
	used = nil
	runtime.GC()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // resets the maximum
		t.Fatal(err)
	}
	before := most(t)
	const size = 512 << 20
	useHugePages(size)
	if grown := most(t) - before; grown > size/4 {
		t.Errorf("%d MB of %d became resident", grown>>20, size>>20)
	}
}
