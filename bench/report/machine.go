package report

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Machine says on one line what the bench runs on; dir is where the data lies.
func Machine(dir string) string {
	return fmt.Sprintf("%d cores of %s, %s of memory, %s, %s, %s; load average %s before the run.",
		runtime.NumCPU(), field("/proc/cpuinfo", "model name"), memoryTotal(), kernel(), filesystem(dir), runtime.Version(), loadAverage())
}

// field is the value of the first line of a file that starts with the name.
func field(path, name string) string {
	body, err := os.ReadFile(path)
	if err != nil {
		return "an unknown " + name
	}
	for line := range strings.Lines(string(body)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "an unknown " + name
}

func memoryTotal() string {
	var kib float64
	if _, err := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%f kB", &kib); err != nil {
		return "an unknown amount"
	}
	return fmt.Sprintf("%.0f GiB", kib/(1<<20))
}

func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return "Linux " + version(string(release))
}

// version is the major and minor number of a kernel's release: "6.18" of "6.18.4-amd64".
// What stands behind names a build, which tells a reader nothing.
func version(release string) string {
	numbers := strings.SplitN(strings.TrimSpace(release), ".", 3)
	return strings.Join(numbers[:min(len(numbers), 2)], ".")
}

func filesystem(dir string) string {
	out, err := exec.Command("df", "--output=fstype", dir).Output()
	if err != nil {
		return "an unknown file system"
	}
	lines := strings.Fields(string(out)) // below a heading
	return lines[len(lines)-1]
}

func loadAverage() string {
	body, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(body), " ")
	return first
}
