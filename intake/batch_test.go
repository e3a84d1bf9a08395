package intake

import (
	"strings"
	"testing"
	"unicode/utf8"

	"daybook/task"
)

func TestKeysInABatchAreValidAndDiffer(t *testing.T) {
	for _, key := range []string{"a", strings.Repeat("x", task.MaxKeyLength), strings.Repeat("é", task.MaxKeyLength/2), "a" + strings.Repeat("é", task.MaxKeyLength/2)} {
		seen := map[string]bool{}
		for i := range 1000 {
			k := keyInBatch(key, i)
			if seen[k] || len(k) > task.MaxKeyLength || !utf8.ValidString(k) {
				t.Fatalf("%q of %d", k, i)
			}
			seen[k] = true
		}
	}
}
