package api

import "testing"

func TestACellThatASpreadsheetWouldRunIsMadeHarmless(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "a=1": "a=1", " a": " a", "=1": "'=1", "+1": "'+1", "-1": "'-1", "@A1": "'@A1",
		"\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1", "\tx": "'\tx",
		"  =1": "'  =1", "\u00a0=1": "'\u00a0=1", "＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠A1": "'＠A1",
	} {
		if got := harmless(cell); got != want {
			t.Errorf("%q becomes %q, not %q", cell, got, want)
		}
	}
}

func TestACellWithASeparatorOfAnyCountryIsQuoted(t *testing.T) {
	got := string(appendCSV(nil, []string{"a;b", "a|b", "a\tb", "a,b", `a"b`, "a\nb", " a", "ab"}, whole))
	if want := "\"a;b\",\"a|b\",\"a\tb\",\"a,b\",\"a\"\"b\",\"a\nb\",\" a\",ab\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
