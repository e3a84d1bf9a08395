package table

import (
	"fmt"
	"strings"
	"testing"
)

// TestSumsOfDecimalsAreAsOnPaper has sums that floating point numbers miss by a little.
func TestSumsOfDecimalsAreAsOnPaper(t *testing.T) {
	tests := map[string]struct {
		text string
		sum  string
	}{
		"two":             {"x\n-12.30\n5.00\n", "-7.3"},
		"tenths":          {"x\n0.1\n0.2\n", "0.3"},
		"to nothing":      {"x\n0.1\n0.2\n-0.3\n", "0"},
		"many":            {"x\n" + strings.Repeat("0.1\n0.7\n", 50_000), "40000"},
		"integers first":  {"x\n1\n2\n0.1\n0.2\n", "3.3"},
		"decimal commas":  {"x;y\n-12,30;a\n5,00;b\n", "-7.3"},
		"exponents":       {"x\n1e-7\n2e-7\n", "3e-07"},
		"of many digits":  {"x\n0.1234567890123456789\n0.2\n", "0.3234567890123457"},
		"too large":       {"x\n1e22\n0.1\n", "1e+22"},
		"of unlike sizes": {"x\n123456789012.34\n0.01\n-123456789012.33\n", "0.02"},
	}
	for name, test := range tests {
		if got := fmt.Sprint(analyse(t, test.text, Options{}).Columns[0].Sum); got != test.sum {
			t.Errorf("%s: %s", name, got)
		}
	}
}
