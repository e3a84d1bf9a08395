package intake

import "testing"

func TestTimesAreReadAsRFC3339WritesThem(t *testing.T) {
	for text, ok := range map[string]bool{
		"2026-11-24T12:00:00Z": true, "2026-11-24t12:00:00z": true, "2026-11-24T12:00:00.5+02:00": true,
		"2026-11-24T12:00:00": false, "2026-11-24": false, "10000-01-01T00:00:00Z": false, "1969-12-31T00:00:00Z": false,
	} {
		at, got := ParseTime(text)
		if got != ok || ok != (at > 0) {
			t.Errorf("%s: %v, %v", text, at, got)
		}
	}
}
