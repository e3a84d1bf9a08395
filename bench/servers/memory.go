package servers

import (
	"fmt"
	"os"
	"strings"
)

// Memory is what processes hold in memory, in MB of 10^6 bytes: the sum of their
// proportional set sizes. For one process that is its resident set; pages that several
// share, such as PostgreSQL's buffers, count once.
func Memory(pids []int) (float64, error) {
	var sum float64
	for _, pid := range pids {
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if os.IsNotExist(err) {
			continue // a process of the family that has ended
		}
		if err != nil {
			return 0, err
		}
		kib, err := pss(string(rollup))
		if err != nil {
			return 0, fmt.Errorf("memory of process %d: %w", pid, err)
		}
		sum += kib * 1024 / 1e6
	}
	return sum, nil
}

func pss(rollup string) (kib float64, err error) {
	for line := range strings.Lines(rollup) {
		if value, ok := strings.CutPrefix(line, "Pss:"); ok {
			_, err := fmt.Sscanf(value, "%f kB", &kib)
			return kib, err
		}
	}
	return 0, fmt.Errorf("no line Pss")
}
