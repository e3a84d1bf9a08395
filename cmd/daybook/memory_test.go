package main

import (
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"
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

func TestTheServerSetsItsMemoryAndTheEnvironmentWins(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells how much memory there is")
	}
	machine := memoryLimit(os.DirFS("/"))
	for _, c := range []struct {
		env         []string
		limit, gogc int64
	}{
		{nil, machine, gcPercent},
		{[]string{"GOMEMLIMIT=1GiB"}, 1 << 30, gcPercent},
		{[]string{"GOGC=50"}, machine, 50},
		{[]string{"GOGC=100", "GOMEMLIMIT=300MiB"}, 300 << 20, 100},
	} {
		p, err := startServer(t.TempDir(), append(os.Environ(), c.env...), "--addr", freeAddr(t), "--data", "data", "--quiet")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
		if err := p.ready(time.Minute); err != nil {
			t.Fatal(err)
		}
		said := scrape(t, p.url)
		if said["go_gc_gomemlimit_bytes"] != float64(c.limit) || said["go_gc_gogc_percent"] != float64(c.gogc) {
			t.Errorf("%v: limit %v, GOGC %v", c.env, said["go_gc_gomemlimit_bytes"], said["go_gc_gogc_percent"])
		}
	}
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
