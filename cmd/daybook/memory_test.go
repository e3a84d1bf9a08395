package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"daybook"
	"daybook/internal/freeaddr"
)

func TestTheServerSetsItsMemoryAndTheEnvironmentWins(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells how much memory there is")
	}
	before := debug.SetMemoryLimit(math.MaxInt64) // as if nobody had set one
	daybook.TuneMemory()
	machine := debug.SetMemoryLimit(before)
	for _, c := range []struct {
		env         []string
		limit, gogc int64 // gogc 0 = more than 100, as the heap is small
	}{
		{[]string{"GOMEMLIMIT=", "GOGC="}, machine, 0},
		{[]string{"GOMEMLIMIT=1GiB", "GOGC="}, 1 << 30, 0},
		{[]string{"GOMEMLIMIT=", "GOGC=50"}, machine, 50},
		{[]string{"GOMEMLIMIT=300MiB", "GOGC=150"}, 300 << 20, 150},
	} {
		p, err := startServer(t.TempDir(), append(os.Environ(), c.env...), "--addr", freeaddr.Find(t), "--data", "data", "--quiet")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
		if err := p.ready(patience); err != nil {
			t.Fatal(err)
		}
		said := scrape(t, p.url)
		for deadline := time.Now().Add(patience); c.gogc == 0 && said["go_gc_gogc_percent"] <= 100 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			said = scrape(t, p.url) // it is set after a garbage collection
		}
		gogc := said["go_gc_gogc_percent"]
		if said["go_gc_gomemlimit_bytes"] != float64(c.limit) || c.gogc > 0 && gogc != float64(c.gogc) || c.gogc == 0 && gogc <= 100 {
			t.Errorf("%v: limit %v, GOGC %v", c.env, said["go_gc_gomemlimit_bytes"], gogc)
		}
		if got, want := inHugePages(t, p.cmd.Process.Pid), min(c.limit/4, 64<<20)-2<<20; got < want {
			t.Errorf("%v: %d bytes may be in huge pages, not %d", c.env, got, want)
		}
	}
}

// inHugePages is how many bytes of the process's addresses the kernel was told to back with
// huge pages; no end of them where the kernel has none.
func inHugePages(t *testing.T, pid int) (n int64) {
	t.Helper()
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		return math.MaxInt64
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for line := range strings.Lines(string(text)) {
		switch fields := strings.Fields(line); {
		case fields[0] == "Size:":
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			size = kilobytes << 10
		case fields[0] == "VmFlags:" && slices.Contains(fields, "hg"):
			n += size
		}
	}
	return n
}

// scrape reads /metrics by name; labels are part of it.
func scrape(t *testing.T, url string) map[string]float64 {
	t.Helper()
	resp, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && line[0] != '#' {
			if n, err := strconv.ParseFloat(value, 64); err == nil {
				all[name] = n
			}
		}
	}
	return all
}
