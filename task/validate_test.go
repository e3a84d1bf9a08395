package task

import (
	"slices"
	"strings"
	"testing"
)

func TestASubmitIsCheckedFieldByField(t *testing.T) {
	long := strings.Repeat("a", 65)
	backoff := func(b Backoff) func(*Submit) { return func(s *Submit) { s.Backoff = &b } }
	for _, test := range []struct {
		name string
		bend func(*Submit)
		want []string // pointers of what is wrong
	}{
		{"as it is", func(*Submit) {}, nil},
		{"no type", func(s *Submit) { s.Type = "" }, []string{"/task_type"}},
		{"long type", func(s *Submit) { s.Type = long }, []string{"/task_type"}},
		{"longest type", func(s *Submit) { s.Type = long[1:] }, nil},
		{"all letters", func(s *Submit) { s.Type = "Az09._-" }, nil},
		{"slash", func(s *Submit) { s.Type = "a/b" }, []string{"/task_type"}},
		{"line break", func(s *Submit) { s.Type = "a\n" }, []string{"/task_type"}},
		{"umlaut", func(s *Submit) { s.Queue = "ä" }, []string{"/queue"}},
		{"NUL", func(s *Submit) { s.Queue = "a\x00" }, []string{"/queue"}},
		{"priorities", func(s *Submit) { s.Priority = 100 }, nil},
		{"high", func(s *Submit) { s.Priority = 101 }, []string{"/priority"}},
		{"low", func(s *Submit) { s.Priority = -101 }, []string{"/priority"}},
		{"before 1970", func(s *Submit) { s.RunAt = -1 }, []string{"/run_at"}},
		{"last moment", func(s *Submit) { s.RunAt = maxMoment }, nil},
		{"after 9999", func(s *Submit) { s.RunAt = maxMoment + 1 }, []string{"/run_at"}},
		{"attempts", func(s *Submit) { s.MaxAttempts = 1000 }, nil},
		{"many attempts", func(s *Submit) { s.MaxAttempts = 1001 }, []string{"/max_attempts"}},
		{"negative attempts", func(s *Submit) { s.MaxAttempts = -1 }, []string{"/max_attempts"}},
		{"shortest timeout", func(s *Submit) { s.Timeout = 1000 }, nil},
		{"shorter", func(s *Submit) { s.Timeout = 999 }, []string{"/timeout_seconds"}},
		{"longest timeout", func(s *Submit) { s.Timeout = MaxTimeout }, nil},
		{"longer", func(s *Submit) { s.Timeout = MaxTimeout + 1 }, []string{"/timeout_seconds"}},
		{"no wait at all", backoff(Backoff{}), nil},
		{"unknown kind", backoff(Backoff{Kind: backoffKindCount}), []string{"/backoff/kind"}},
		{"negative base", backoff(Backoff{Base: -1, Max: 1}), []string{"/backoff/base_seconds"}},
		{"large base", backoff(Backoff{Base: MaxBackoffBase + 1, Max: MaxBackoffMax}), []string{"/backoff/base_seconds"}},
		{"max below base", backoff(Backoff{Base: 2, Max: 1}), []string{"/backoff/max_seconds"}},
		{"large max", backoff(Backoff{Max: MaxBackoffMax + 1}), []string{"/backoff/max_seconds"}},
		{"twenty tags", func(s *Submit) { s.Tags = slices.Repeat([]string{"a"}, 20) }, nil},
		{"more", func(s *Submit) { s.Tags = slices.Repeat([]string{"a"}, 21) }, []string{"/tags"}},
		{"bad tags", func(s *Submit) { s.Tags = []string{"ok", "", "Grüße 🎈", "\t", "\xff", strings.Repeat("ü", 65)} },
			[]string{"/tags/1", "/tags/3", "/tags/4", "/tags/5"}},
		{"long key", func(s *Submit) { s.IdempotencyKey = strings.Repeat("k", 256) }, []string{"/idempotency_key"}},
		{"long in bytes", func(s *Submit) { s.IdempotencyKey = strings.Repeat("é", 128) }, []string{"/idempotency_key"}},
		{"longest key", func(s *Submit) { s.IdempotencyKey = strings.Repeat("k", 255) }, nil},
		{"key with a break", func(s *Submit) { s.IdempotencyKey = "a\r\n" }, []string{"/idempotency_key"}},
		{"longest subject", func(s *Submit) { s.Subject = strings.Repeat("ü", 200) }, nil},
		{"long subject", func(s *Submit) { s.Subject = strings.Repeat("u", 201) }, []string{"/subject"}},
		{"subject of marks", func(s *Submit) { s.Subject = "👩\u200d🔬\u00a0e\u0301" }, nil},
		{"two lines", func(s *Submit) { s.Subject = "a\nb" }, []string{"/subject"}},
		{"two lines of Unicode", func(s *Submit) { s.Subject = "a\u2028b" }, []string{"/subject"}},
		{"subject with ESC", func(s *Submit) { s.Subject = "a\x1b[31m" }, []string{"/subject"}},
		{"subject with C1", func(s *Submit) { s.Subject = "a\u009b31m" }, []string{"/subject"}},
		{"subject that reads otherwise", func(s *Submit) { s.Subject = "pay\u202efdp.exe" }, []string{"/subject"}},
		{"subject with isolates", func(s *Submit) { s.Subject = "a\u2067b\u2069" }, []string{"/subject"}},
		{"subject in Hebrew", func(s *Submit) { s.Subject = "שלום 12" }, nil},
		{"blank subject", func(s *Submit) { s.Subject = " \u00a0" }, []string{"/subject"}},
		{"subject of bytes", func(s *Submit) { s.Subject = "\xff" }, []string{"/subject"}},
		{"largest parameters", func(s *Submit) { s.Parameters = make([]byte, MaxParameters) }, nil},
		{"larger", func(s *Submit) { s.Parameters = make([]byte, MaxParameters+1) }, []string{"/parameters"}},
		{"several", func(s *Submit) { s.Type, s.Priority, s.Timeout = "", 1000, 1 }, []string{"/task_type", "/priority", "/timeout_seconds"}},
	} {
		s := Submit{Type: "SLEEP"}
		test.bend(&s)
		s.Normalise()
		var got []string
		for _, f := range s.Validate() {
			if f.Detail == "" {
				t.Errorf("%s: %s has no word", test.name, f.Pointer)
			}
			got = append(got, f.Pointer)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestWhatIsLeftOutGetsItsDefault(t *testing.T) {
	s := Submit{Type: "SLEEP"}
	s.Normalise()
	if s.Queue != "default" || s.MaxAttempts != 3 || *s.Backoff != DefaultBackoff {
		t.Errorf("%+v", s)
	}
	s.Backoff.Base = 1
	if DefaultBackoff.Base == 1 {
		t.Error("the default was changed through a submit")
	}
	m := newMachine(t)
	if err := m.do(Submit{Type: "SLEEP"}); err != nil || string(m.events[0].Payload) != "{}" {
		t.Errorf("parameters %s, %v", m.events[0].Payload, err)
	}
}

func TestAStatusIsParsedAsItIsPrinted(t *testing.T) {
	for _, s := range Statuses() {
		if got, ok := ParseStatus(s.String()); !ok || got != s {
			t.Errorf("%s gave %s", s, got)
		}
	}
	for _, name := range []string{"", "NONE", "pending", "RUNNING "} {
		if s, ok := ParseStatus(name); ok {
			t.Errorf("%q gave %s", name, s)
		}
	}
}
