package task

import (
	"testing"

	"github.com/oklog/ulid/v2"
)

func TestAnIDIsReadExactlyAsItIsWritten(t *testing.T) {
	for _, name := range []string{
		"", "0", "00000000000000000000000000", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
		"01KAYH4Q3V6MM7V0J9YB5T2S8D", "01kayh4q3v6mm7v0j9yb5t2s8d", "01KAYH4Q3V6MM7V0J9YB5T2S8", "01KAYH4Q3V6MM7V0J9YB5T2S8DD",
		"01KAYH4Q3V6MM7V0J9YB5T2S8I", "01KAYH4Q3V6MM7V0J9YB5T2S8L", "01KAYH4Q3V6MM7V0J9YB5T2S8O", "01KAYH4Q3V6MM7V0J9YB5T2S8U",
		"01KAYH4Q3V6MM7V0J9YB5T2S\x00\xff",
	} {
		checkParseID(t, name)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("01KAYH4Q3V6MM7V0J9YB5T2S8D", []byte("0123456789abcdef"))
	f.Fuzz(func(t *testing.T, name string, raw []byte) {
		checkParseID(t, name)
		var id ulid.ULID
		copy(id[:], raw)
		checkParseID(t, id.String())
	})
}

// checkParseID compares with the library: strict, and only in the spelling it writes.
func checkParseID(t *testing.T, name string) {
	t.Helper()
	want, err := ulid.ParseStrict(name)
	wantOK := err == nil && want.String() == name
	got, ok := ParseID(name)
	if ok != wantOK || ok && got != want || !ok && got != (ulid.ULID{}) {
		t.Fatalf("ParseID(%q) = %s, %v; want %s, %v", name, got, ok, want, wantOK)
	}
}

func BenchmarkParseID(b *testing.B) {
	for b.Loop() {
		if _, ok := ParseID("01KAYH4Q3V6MM7V0J9YB5T2S8D"); !ok {
			b.Fatal("refused")
		}
	}
}
