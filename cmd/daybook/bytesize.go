package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// byteSize is a number of bytes, written as 500MB or 2GiB on the command line.
type byteSize int64

var byteUnits = []struct {
	suffix string
	factor float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40},
	{"B", 1}, {"", 1},
}

// UnmarshalText reads "2GiB", "500 MB" or "1048576".
func (b *byteSize) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	for _, unit := range byteUnits {
		if len(s) < len(unit.suffix) || !strings.EqualFold(s[len(s)-len(unit.suffix):], unit.suffix) {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(s[:len(s)-len(unit.suffix)]), 64)
		if err != nil || !(n*unit.factor < math.MaxInt64 && n >= 0) {
			break
		}
		*b = byteSize(n * unit.factor)
		return nil
	}
	return fmt.Errorf("%q is not a size such as 500MB or 2GiB", s)
}
