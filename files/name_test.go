package files

import (
	"strings"
	"testing"
)

func TestNamesAreMadeSafe(t *testing.T) {
	long := strings.Repeat("é", 200)
	tests := map[string]string{
		"sales.csv":              "sales.csv",
		"../../etc/passwd":       "passwd",
		`C:\Users\me\sales.csv`:  "sales.csv",
		"":                       "file",
		".":                      "file",
		"..":                     "file",
		"a/":                     "file",
		"a\x00b\n\r.csv":         "ab.csv",
		"evil\u202egpj.exe":      "evilgpj.exe",
		"bad\xffbytes":           "badbytes",
		"  spaced name .txt ":    "spaced name .txt",
		"日本語.csv":                "日本語.csv",
		long + ".csv":            strings.Repeat("é", 125) + ".csv",
		strings.Repeat("x", 300): strings.Repeat("x", 255),
		"a." + long:              "a." + strings.Repeat("é", 126),
		".hidden":                ".hidden",
	}
	for name, want := range tests {
		if got := CleanName(name); got != want {
			t.Errorf("CleanName(%q) = %q; want %q", name, got, want)
		}
	}
}

func TestTheContentTypeIsTheGivenOneOrFound(t *testing.T) {
	png := "\x89PNG\x0D\x0A\x1A\x0A"
	tests := []struct{ given, name, head, want string }{
		{"text/csv", "x", "a,b", "text/csv"},
		{"text/csv; charset=utf-8", "x", "a,b", "text/csv; charset=utf-8"},
		{"", "x.csv", "a,b", "text/csv"},
		{"", "x.CSV", "a,b", "text/csv"},
		{"", "x.tsv", "a\tb", "text/tab-separated-values"},
		{"", "x", "a,b", "text/plain; charset=utf-8"},
		{"application/octet-stream", "x.bin", png, "image/png"},
		{"application/x-www-form-urlencoded", "x.csv", "a,b", "text/csv"},
		{"", "x.csv", png, "image/png"},
		{"", "x.tif", "II*\x00....", "image/tiff"},
		{"no type at all\r\nX: y", "x.csv", "a,b", "text/csv"},
		{"csv", "x.csv", "a,b", "text/csv"},
		{"", "x", "", "text/plain; charset=utf-8"},
		{"", "x.bin", "\x00\x01\x02", "application/octet-stream"},
		{"text/" + strings.Repeat("x", 300), "x.csv", "a,b", "text/csv"},
	}
	for _, test := range tests {
		if got := decideType(test.given, test.name, []byte(test.head)); got != test.want {
			t.Errorf("decideType(%q, %q, %q) = %q; want %q", test.given, test.name, test.head, got, test.want)
		}
	}
}
