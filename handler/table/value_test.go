package table

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestNumbersAreReadAsWritten(t *testing.T) {
	tests := []struct {
		text string
		f    float64
		i    int64
		ok   bool
	}{
		{"0", 0, 0, true}, {"-0", 0, 0, true}, {"7", 7, 7, true}, {"+7", 7, 7, true}, {"-12", -12, -12, true},
		{"9223372036854775807", math.MaxInt64, math.MaxInt64, true}, {"-9223372036854775808", math.MinInt64, math.MinInt64, true},
		{"9223372036854775808", 9223372036854775808, 0, true}, {"0.1", 0.1, 0, true}, {".5", 0.5, 0, true}, {"5.", 5, 0, true},
		{"-1.5e-3", -0.0015, 0, true}, {"1E+3", 1000, 0, true}, {"1e400", 0, 0, false}, {"1e-400", 0, 0, true},
		{"0.30000000000000004", 0.30000000000000004, 0, true}, {"123456789012345678901234567890", 123456789012345678901234567890, 0, true},
		{"2.2250738585072014e-308", 2.2250738585072014e-308, 0, true},
		{"+110", 110, 110, true}, {"+493012345", 0, 0, false}, {"+1234567.5", 1234567.5, 0, true}, {"", 0, 0, false}, {"-", 0, 0, false}, {"+", 0, 0, false}, {".", 0, 0, false}, {"-.", 0, 0, false}, {"e5", 0, 0, false},
		{"1e", 0, 0, false}, {"1e+", 0, 0, false}, {"1.2.3", 0, 0, false}, {"1,000", 0, 0, false}, {"007", 0, 0, false},
		{"00", 0, 0, false}, {"-01", 0, 0, false}, {"0x10", 0, 0, false}, {"1_000", 0, 0, false}, {"Inf", 0, 0, false},
		{"-inf", 0, 0, false}, {"+Infinity", 0, 0, false}, {"NaN", 0, 0, false}, {"1 2", 0, 0, false}, {"--1", 0, 0, false},
		{"12e5x", 0, 0, false}, {"१", 0, 0, false}, {"1e99999999999999999999", 0, 0, false}, {"0e99999999999999999999", 0, 0, true},
	}
	for _, test := range tests {
		got, ok := parseNumber([]byte(test.text))
		if ok != test.ok || ok && (got.f != test.f || got.i != test.i) {
			t.Errorf("parseNumber(%q) = %+v, %v; want %v, %v, %v", test.text, got, ok, test.f, test.i, test.ok)
		}
	}
}

var numberPattern = regexp.MustCompile(`^[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

var phonePattern = regexp.MustCompile(`^\+[0-9]{7,}$`)

// FuzzNumber compares with a regular expression and strconv.
func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"0", "-1.5e3", "007", ".5", "5.", "1e22", "123456789012345", "1234567890123456.7", "9007199254740993", "1e-23"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parseNumber([]byte(text))
		want, err := strconv.ParseFloat(text, 64)
		wantOK := numberPattern.MatchString(text) && err == nil && !phonePattern.MatchString(text)
		if ok != wantOK || ok && got.f != want {
			t.Fatalf("parseNumber(%q) = %+v, %v; want %v, %v", text, got, ok, want, wantOK)
		}
		i, err := strconv.ParseInt(text, 10, 64)
		if ok && (got.whole != (err == nil) || got.whole && got.i != i) {
			t.Fatalf("parseNumber(%q) = %+v; want integer %v, %v", text, got, i, err)
		}
	})
}

func TestTimesAreReadInTheirWays(t *testing.T) {
	tests := []struct {
		text string
		want string // by the first way that reads it; "" = none
	}{
		{"2026-01-02", "2026-01-02T00:00:00Z"},
		{"2026-01", "2026-01-01T00:00:00Z"},
		{"2026/01/02 03:04", "2026-01-02T03:04:00Z"},
		{"2026-01-02T03:04:05.678901234Z", "2026-01-02T03:04:05.678901Z"},
		{"2026-1-2", "2026-01-02T00:00:00Z"},
		{"2026/1/2 3:04", "2026-01-02T03:04:00Z"},
		{"2026.01.02", "2026-01-02T00:00:00Z"},
		{"20260102T030405Z", "2026-01-02T03:04:05Z"},
		{"2026-01-02T03:04:05+01:00[Europe/Berlin]", "2026-01-02T02:04:05Z"},
		{"1/2/26", "2026-01-02T00:00:00Z"},
		{"13/2/68", "2068-02-13T00:00:00Z"},
		{"13/2/69", "1969-02-13T00:00:00Z"},
		{"31.12.24 10:00", "2024-12-31T10:00:00Z"},
		{"99-12-31", "1999-12-31T00:00:00Z"},
		{"1/31/2024, 10:00:00 PM", "2024-01-31T22:00:00Z"},
		{"2-Jan-26", "2026-01-02T00:00:00Z"},
		{"January 2nd, 2026", "2026-01-02T00:00:00Z"},
		{"Fri Jan 02 2026 15:04:05 GMT+0100 (Central European Standard Time)", "2026-01-02T14:04:05Z"},
		{"Fri Jan  2 15:04:05 2026", ""}, // two blanks
		{"Fri Jan 2 15:04:05 2026", "2026-01-02T15:04:05Z"},
		{"2026-01-02 03:04:05,5", "2026-01-02T03:04:05.5Z"},
		{"2026-01-02T03:04:05+05:30", "2026-01-01T21:34:05Z"},
		{"2026-01-02T03:04:05-0800", "2026-01-02T11:04:05Z"},
		{"2026-01-02 03:04:05 UTC", "2026-01-02T03:04:05Z"},
		{"2026-01-02 03:04:05+00", "2026-01-02T03:04:05Z"},
		{"2024-02-29", "2024-02-29T00:00:00Z"},
		{"0001-01-01", "0001-01-01T00:00:00Z"},
		{"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
		{"1/2/2026", "2026-01-02T00:00:00Z"},
		{"13/2/2026", "2026-02-13T00:00:00Z"},
		{"1-2-2026 5:06 PM", "2026-01-02T17:06:00Z"},
		{"1/2/2026 12:00:01 am", "2026-01-02T00:00:01Z"},
		{"31.12.2026", "2026-12-31T00:00:00Z"},
		{"Jan 2 2026", "2026-01-02T00:00:00Z"},
		{"January 2, 2026", "2026-01-02T00:00:00Z"},
		{"2 Jan 2026", "2026-01-02T00:00:00Z"},
		{"02-Jan-2026 10:11:12", "2026-01-02T10:11:12Z"},
		{"Fri, 02 Jan 2026 15:04:05 GMT", "2026-01-02T15:04:05Z"},
		{"2026-13-01", ""}, {"2026-02-29", ""}, {"2026-00-01", ""}, {"2026-01-00", ""}, {"2026/01", ""}, {"0000-01-01", ""},
		{"2026-01/02", ""}, {"2026.1.2", ""}, {"1.10.12", ""}, {"1-10-12", ""}, {"20260102T250405Z", ""}, {"2026-01-02 10:00 CST", ""}, {"2026-01-02T24:00:00", ""}, {"2026-01-02T10", ""}, {"2026-01-02x", ""},
		{"2026-01-02 10:60", ""}, {"2026-01-02 10:00:60", ""}, {"2026-01-02 10:00 XX", ""}, {"2026-01-02 13:00 PM", ""},
		{"2026-01-02 0:00 AM", ""}, {"2026-01-02 10:00:00.", ""}, {"2026-01-02 10:00:00+5", ""}, {"2026-01-02 10:00:00+15:00", ""},
		{"32/1/2026", ""}, {"1/2-2026", ""}, {"1.13.2026", ""}, {"Foo 2 2026", ""}, {"Jan 2026", ""}, {"Jan 32 2026", ""},
		{"May be 2026", ""}, {"12:00", ""}, {"hello", ""}, {"2026", ""}, {"20260102", ""}, {"1 2 2026 10", ""}, {"1/2/3", ""}, {"1/2/1", ""}, {"1/2/126", ""}, {"Jan 2 126", ""},
	}
	for _, test := range tests {
		got := ""
		for _, parse := range timeFormats {
			if micros, ok := parse([]byte(test.text)); ok {
				got = showTime(micros)
				break
			}
		}
		if got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
}

func TestEveryDayIsTheCalendarsDay(t *testing.T) {
	for day := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 10_000; day = day.AddDate(0, 0, 13) {
		if got, ok := dateSeconds(day.Year(), int(day.Month()), day.Day()); !ok || got != day.Unix() {
			t.Fatalf("%v: %d, %v; want %d", day, got, ok, day.Unix())
		}
	}
}

// FuzzTime compares what is read as an ISO date and clock with the time package.
func FuzzTime(f *testing.F) {
	for _, seed := range []string{"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.5+01:00", "Jan 2 2026", "1/2/2026 1:02 PM", "2.1.2026", "Fri, 02 Jan 2026 15:04:05 GMT"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range timeFormats {
			parse([]byte(text))
		}
		want, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || want.Year() < 1 || strings.Contains(text, ",") {
			return
		}
		micros, ok := parseISO([]byte(text))
		_, zone := want.Zone()
		if ok && micros != want.UnixMicro() {
			t.Fatalf("%q: %s, want %s", text, showTime(micros), want)
		}
		if !ok && zone > -14*3600 && zone < 14*3600 && len(text) < 30 {
			t.Fatalf("%q is not read; want %s", text, want)
		}
	})
}

func TestKindsOfValues(t *testing.T) {
	for text, want := range map[string]kind{
		"1": kindNumber, "1.5": kindNumber, "true": kindBoolean, "No": kindBoolean, "YES": kindBoolean, "False": kindBoolean,
		"2026-01-02": kindTime, "x": kindText, "007": kindText, "y": kindText, "t": kindText, "nope": kindText,
	} {
		if got := kindOf([]byte(text)); got != want {
			t.Errorf("kindOf(%q) = %d; want %d", text, got, want)
		}
	}
	for _, null := range append([]string{""}, DefaultNulls...) {
		if !defaultNulls.has([]byte(null)) {
			t.Errorf("%q is no null", null)
		}
	}
	for _, value := range []string{"0", "na", "none", "-", "nil", "NaNa", "NB", "false"} {
		if defaultNulls.has([]byte(value)) {
			t.Errorf("%q is a null", value)
		}
	}
}

func TestLongAndForeignTextIsShownWhole(t *testing.T) {
	tests := []struct {
		text  string
		limit int
		want  string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"aéb", 2, "a…"}, {"aéb", 3, "aé…"},
		{"日本", 4, "日…"}, {"日本", 6, "日本"},
	}
	for _, test := range tests {
		if got := shown([]byte(test.text), test.limit); got != test.want {
			t.Errorf("shown(%q, %d) = %q; want %q", test.text, test.limit, got, test.want)
		}
	}
}
