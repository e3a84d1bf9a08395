package jsontext

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func FuzzSortingTheKeysKeepsWhatIsSaid(f *testing.F) {
	f.Add([]byte(`{"b":[{"y":1,"x":"\u00e9"}],"a":{"":null}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		clean, err := Canonical(nil, body, 32)
		if err != nil {
			return
		}
		sorted := AppendSorted(nil, clean)
		var before, after any
		decode := func(b []byte, into *any) {
			d := json.NewDecoder(bytes.NewReader(b))
			d.UseNumber()
			if err := d.Decode(into); err != nil {
				t.Fatalf("%v in %q", err, b)
			}
		}
		decode(clean, &before)
		decode(sorted, &after)
		if diff := cmp.Diff(before, after); diff != "" {
			t.Error(diff)
		}
		if again := AppendSorted(nil, sorted); !bytes.Equal(again, sorted) {
			t.Errorf("%q sorted again is %q", sorted, again)
		}
	})
}

func FuzzTextsAreWrittenAsJSON(f *testing.F) {
	f.Add("plain", "ü\x00\xff\n\"\\\u2028")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, s := range []string{a, b, a + b} {
			var back string
			if err := json.Unmarshal(AppendString(nil, s), &back); err != nil {
				t.Fatalf("%v in %q", err, AppendString(nil, s))
			}
			if want, _ := json.Marshal(s); true {
				var expected string
				_ = json.Unmarshal(want, &expected)
				if back != expected {
					t.Errorf("%q came back as %q, not %q", s, back, expected)
				}
			}
		}
	})
}
