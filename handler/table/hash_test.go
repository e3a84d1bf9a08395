package table

import (
	"fmt"
	"strconv"
	"testing"
)

// TestNoTwoOfManyLikeValuesShareAHash: of 400,000 random hashes two would be equal with a
// chance of one in 200 million.
func TestNoTwoOfManyLikeValuesShareAHash(t *testing.T) {
	seen := make(map[uint64]string, 400_000)
	try := func(value string) {
		h := hashOf([]byte(value))
		if other, ok := seen[h]; ok && other != value {
			t.Fatalf("%q and %q share a hash", value, other)
		}
		seen[h] = value
	}
	for i := range 100_000 {
		try(strconv.Itoa(i))
		try(strconv.Itoa(i * 1000))
		try(fmt.Sprintf("%d.%02d", i/100, i%100))
		try(fmt.Sprintf("2026-01-%02d customer-%d", i%30, i))
	}
}
