package task

import (
	"testing"
	"time"
)

func TestMomentsAreWrittenAsTheLibraryWritesThem(t *testing.T) {
	const layout = "2006-01-02T15:04:05.000000Z"
	moments := []Micros{0, 1, -1, 999_999, MicrosOf(time.Date(2024, 2, 29, 23, 59, 59, 999_999_000, time.UTC)), maxMoment}
	for m := Micros(0); m < maxMoment; m += maxMoment / 9973 {
		moments = append(moments, m)
	}
	for _, m := range moments {
		if got, want := string(m.AppendRFC3339(nil)), m.Time().Format(layout); got != want {
			t.Fatalf("%d is written as %s, want %s", m, got, want)
		}
	}
}

func BenchmarkAppendRFC3339(b *testing.B) {
	buffer := make([]byte, 0, 64)
	m := MicrosOf(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
	for b.Loop() {
		buffer = m.AppendRFC3339(buffer[:0])
	}
}
