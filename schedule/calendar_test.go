package schedule_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daybook/schedule"
)

var everyDay = flag.Bool("every-day", false, "compare each minute from 2020 to 2037, not only the days around changes of the clock")

// expression is a cron expression with a second reading of it that shares no code with the first.
type expression struct {
	cron    string
	matches func(naive time.Time) bool
}

func weekday(t time.Time) bool { return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday }

func lastDay(t time.Time) int { return time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day() }

var expressions = []expression{
	{"* * * * *", func(time.Time) bool { return true }},
	{"*/5 * * * *", func(t time.Time) bool { return t.Minute()%5 == 0 }},
	{"30 2 * * *", func(t time.Time) bool { return t.Hour() == 2 && t.Minute() == 30 }},
	{"0 0 * * *", func(t time.Time) bool { return t.Hour() == 0 && t.Minute() == 0 }},
	{"0 3 * * SUN", func(t time.Time) bool { return t.Weekday() == time.Sunday && t.Hour() == 3 && t.Minute() == 0 }},
	{"15,45 1-3 * * *", func(t time.Time) bool {
		return (t.Minute() == 15 || t.Minute() == 45) && t.Hour() >= 1 && t.Hour() <= 3
	}},
	{"0 22-2 * * *", func(t time.Time) bool { return (t.Hour() >= 22 || t.Hour() <= 2) && t.Minute() == 0 }},
	{"59 23 L * *", func(t time.Time) bool { return t.Day() == lastDay(t) && t.Hour() == 23 && t.Minute() == 59 }},
	{"0 2 * 3,10 0#L", func(t time.Time) bool {
		return (t.Month() == 3 || t.Month() == 10) && t.Weekday() == 0 && t.Day()+7 > lastDay(t) && t.Hour() == 2 && t.Minute() == 0
	}},
	{"0 1 13 * FRI", func(t time.Time) bool {
		return (t.Day() == 13 || t.Weekday() == time.Friday) && t.Hour() == 1 && t.Minute() == 0
	}},
	{"30 0 1W * *", func(t time.Time) bool {
		first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
		for !weekday(first) {
			first = first.AddDate(0, 0, 1)
		}
		return t.Day() == first.Day() && t.Hour() == 0 && t.Minute() == 30
	}},
	{"@hourly", func(t time.Time) bool { return t.Minute() == 0 }},
}

// oracle walks the minutes from one moment to another. It knows nothing of offsets: it looks
// at what a clock on the wall shows, remembers the latest time that it has shown, and sees
// a gap when it jumps.
func oracle(zone *time.Location, e expression, gap schedule.Gap, overlap schedule.Overlap, from, to time.Time) (due []time.Time) {
	var shown time.Time // the latest naive time so far
	for at := from.Add(-50 * time.Hour); at.Before(to); at = at.Add(time.Minute) {
		y, m, d := at.In(zone).Date()
		hour, minute, second := at.In(zone).Clock()
		naive := time.Date(y, m, d, hour, minute, second, 0, time.UTC)
		matched := e.matches(naive)
		repeated := !shown.IsZero() && !naive.After(shown)
		fires := matched && (!repeated || overlap == schedule.OverlapBoth)
		if !fires && !matched && !shown.IsZero() && gap == schedule.GapShift {
			for skipped := shown.Add(time.Minute); skipped.Before(naive); skipped = skipped.Add(time.Minute) {
				fires = fires || e.matches(skipped)
			}
		}
		if fires && !at.Before(from) {
			due = append(due, at)
		}
		if naive.After(shown) {
			shown = naive
		}
	}
	return due
}

// zones lists the names of all IANA zones, from the database that comes with Go.
func zones(t *testing.T) (names []string) {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files.File {
		if !strings.HasSuffix(f.Name, "/") {
			names = append(names, f.Name)
		}
	}
	if len(names) < 400 {
		t.Fatalf("only %d zones", len(names))
	}
	return names
}

func TestEveryOccurrenceOfEveryZoneFiresOnce(t *testing.T) {
	begin, end := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC)
	seen := make(map[string]bool) // zones that are the same in these years
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range zones(t) {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		var changes []time.Time
		key := time.Unix(begin.Unix(), 0).In(zone).Format("-07:00:00")
		for at := begin; ; {
			_, next := at.In(zone).ZoneBounds()
			if next.IsZero() || !next.Before(end) {
				break
			}
			changes = append(changes, next)
			key += next.In(zone).Format("2006-01-02T15:04:05-07:00:00 ")
			at = next
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		turn := len(seen)
		some := begin.Add(time.Duration(random.Int64N(int64(end.Sub(begin)))).Truncate(time.Minute))
		t.Run(strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
			t.Parallel()
			windows := [][2]time.Time{{begin, end}}
			if !*everyDay {
				windows = nil
				for i, c := range changes {
					after := 4 * time.Hour
					if i%18 == 0 {
						after = 26 * time.Hour
					}
					windows = append(windows, [2]time.Time{c.Add(-2 * time.Hour), c.Add(after)})
				}
				windows = append(windows, [2]time.Time{some, some.Add(10 * time.Hour)})
			}
			for i, e := range expressions { // with the four pairs of rules in turn
				compare(t, name, zone, e, schedule.Gap((i+turn)%2), schedule.Overlap((i+turn)/2%2), windows)
			}
		})
	}
}

func compare(t *testing.T, name string, zone *time.Location, e expression, gap schedule.Gap, overlap schedule.Overlap, windows [][2]time.Time) {
	t.Helper()
	c, err := schedule.Parse(schedule.Spec{Cron: e.cron, Zone: name, Gap: gap, Overlap: overlap})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range windows {
		nominal := make(map[string]bool)
		want := oracle(zone, e, gap, overlap, w[0], w[1])
		for at, k := w[0].Add(-time.Nanosecond), 0; ; k++ {
			o, ok := c.Next(at)
			if !ok || !o.At.Before(w[1]) {
				if k < len(want) {
					t.Fatalf("%s %q gap %d overlap %d: %v is missed", name, e.cron, gap, overlap, want[k])
				}
				break
			}
			if k >= len(want) || !o.At.Equal(want[k]) {
				t.Fatalf("%s %q gap %d overlap %d: after %v comes %v (%s); the clock on the wall says %v", name, e.cron, gap, overlap, at, o.At, o.Nominal, want[min(k, len(want)):min(k+1, len(want))])
			}
			if nominal[o.Nominal] {
				t.Fatalf("%s %q: %s comes twice", name, e.cron, o.Nominal)
			}
			nominal[o.Nominal] = true
			at = o.At
		}
	}
}

func berlin(t *testing.T, s schedule.Spec) *schedule.Calendar {
	t.Helper()
	s.Zone = "Europe/Berlin"
	c, err := schedule.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// times lists the next occurrences after a moment, "nominal = UTC".
func times(t *testing.T, c *schedule.Calendar, after string, n int) (list []string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, after)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		o, ok := c.Next(at)
		if !ok {
			break
		}
		list = append(list, o.Nominal+" = "+o.At.Format("02T15:04:05Z"))
		at = o.At
	}
	return list
}

func TestANightlyScheduleFiresOnceThroughBothChangesOfTheClock(t *testing.T) {
	for _, c := range []struct {
		name  string
		spec  schedule.Spec
		after string
		want  []string
	}{
		{"gap shifts", schedule.Spec{Cron: "30 2 * * *"}, "2026-03-28T12:00:00Z",
			[]string{"2026-03-29T02:30:00 = 29T01:00:00Z", "2026-03-30T02:30:00 = 30T00:30:00Z"}},
		{"gap skips", schedule.Spec{Cron: "30 2 * * *", Gap: schedule.GapSkip}, "2026-03-28T12:00:00Z",
			[]string{"2026-03-30T02:30:00 = 30T00:30:00Z", "2026-03-31T02:30:00 = 31T00:30:00Z"}},
		{"overlap fires the first time", schedule.Spec{Cron: "30 2 * * *"}, "2026-10-24T12:00:00Z",
			[]string{"2026-10-25T02:30:00 = 25T00:30:00Z", "2026-10-26T02:30:00 = 26T01:30:00Z"}},
		{"overlap fires both times", schedule.Spec{Cron: "30 2 * * *", Overlap: schedule.OverlapBoth}, "2026-10-24T12:00:00Z",
			[]string{"2026-10-25T02:30:00 = 25T00:30:00Z", "2026-10-25T02:30:00+01:00 = 25T01:30:00Z", "2026-10-26T02:30:00 = 26T01:30:00Z"}},
		{"several in a gap fire once", schedule.Spec{Cron: "15,45 2 * * *"}, "2026-03-28T12:00:00Z",
			[]string{"2026-03-29T02:15:00 = 29T01:00:00Z", "2026-03-30T02:15:00 = 30T00:15:00Z"}},
		{"one in a gap and one at its end fire once", schedule.Spec{Cron: "0 2,3 * * *"}, "2026-03-28T12:00:00Z",
			[]string{"2026-03-29T03:00:00 = 29T01:00:00Z", "2026-03-30T02:00:00 = 30T00:00:00Z"}},
		{"seconds", schedule.Spec{Cron: "15 59 23 31 12 *"}, "2026-01-01T00:00:00Z",
			[]string{"2026-12-31T23:59:15 = 31T22:59:15Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := times(t, berlin(t, c.spec), c.after, len(c.want))
			if strings.Join(got, ", ") != strings.Join(c.want, ", ") {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
		})
	}
}

func TestAnIntervalIsCountedFromItsStart(t *testing.T) {
	start := time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)
	for _, s := range []schedule.Spec{{Every: 90 * time.Second, StartsAt: start}, {Cron: "@every 90s", StartsAt: start}} {
		c := berlin(t, s)
		want := "2026-03-29T00:00:00Z = 29T00:00:00Z, 2026-03-29T00:01:30Z = 29T00:01:30Z"
		if got := strings.Join(times(t, c, "2020-01-01T00:00:00Z", 2), ", "); got != want {
			t.Errorf("from the start: %s, want %s", got, want)
		}
		if got := times(t, c, "2026-03-29T00:01:30Z", 1)[0]; got != "2026-03-29T00:03:00Z = 29T00:03:00Z" {
			t.Errorf("after an occurrence comes %s", got)
		}
	}
}

func TestNoOccurrenceLiesOutsideItsBounds(t *testing.T) {
	c := berlin(t, schedule.Spec{Cron: "0 12 * * *", StartsAt: time.Date(2026, 5, 2, 10, 0, 0, 0, time.UTC), EndsAt: time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)})
	got := strings.Join(times(t, c, "2020-01-01T00:00:00Z", 10), ", ")
	if want := "2026-05-02T12:00:00 = 02T10:00:00Z, 2026-05-03T12:00:00 = 03T10:00:00Z"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestJitterIsTheSameForTheSameOccurrence(t *testing.T) {
	spec := schedule.Spec{Cron: "0 * * * *", Jitter: time.Minute, Seed: "report"}
	first, second := berlin(t, spec), berlin(t, spec)
	spec.Seed = "backup"
	other := berlin(t, spec)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var differ bool
	var least, most = time.Hour, time.Duration(0)
	for range 1000 {
		a, _ := first.Next(at)
		b, _ := second.Next(at)
		o, _ := other.Next(at)
		delay := a.Due.Sub(a.At)
		if a != b || delay < 0 || delay > time.Minute {
			t.Fatalf("%v and %v", a, b)
		}
		least, most = min(least, delay), max(most, delay)
		differ = differ || o.Due != a.Due
		at = a.At
	}
	if !differ || least > time.Second || most < 59*time.Second {
		t.Errorf("delays are between %v and %v, of two schedules: differ %v", least, most, differ)
	}
}

func TestAWrongSpecIsRefusedByField(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		spec  schedule.Spec
		field string
		text  string
	}{
		{schedule.Spec{}, "cron", "every_seconds must be given"},
		{schedule.Spec{Cron: "61 * * * *"}, "cron", "61"},
		{schedule.Spec{Cron: "* * 31 2 *"}, "cron", "never comes"},
		{schedule.Spec{Cron: "* * * *"}, "cron", "not understood"},
		{schedule.Spec{Cron: "@reboot"}, "cron", "not understood"},
		{schedule.Spec{Cron: "TZ=Europe/Berlin 0 0 * * *"}, "cron", "set timezone"},
		{schedule.Spec{Cron: strings.Repeat("1,", 200) + "1 * * * *"}, "cron", "256 bytes"},
		{schedule.Spec{Cron: "@every 1ms"}, "cron", "between 1s"},
		{schedule.Spec{Cron: "@every soon", StartsAt: start}, "cron", "duration"},
		{schedule.Spec{Cron: "* * * * *", Every: time.Minute}, "every_seconds", "together"},
		{schedule.Spec{Every: time.Minute}, "starts_at", "must be given"},
		{schedule.Spec{Every: 1e18, StartsAt: start}, "every_seconds", "between 1"},
		{schedule.Spec{Every: -1, StartsAt: start}, "every_seconds", "between 1"},
		{schedule.Spec{Cron: "* * * * *", Zone: "Europe/Bielefeld"}, "timezone", "IANA"},
		{schedule.Spec{Cron: "* * * * *", Zone: "../../etc/passwd"}, "timezone", "IANA"},
		{schedule.Spec{Cron: "* * * * *", Zone: "Local"}, "timezone", "IANA"},
		{schedule.Spec{Cron: "* * * * *", Jitter: 25 * time.Hour}, "jitter_seconds", "86400"},
		{schedule.Spec{Cron: "* * * * *", StartsAt: start, EndsAt: start}, "ends_at", "after"},
	} {
		_, err := schedule.Parse(c.spec)
		var field *schedule.Error
		if !errors.As(err, &field) || field.Field != c.field || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%+v: got %v, want %s … %s", c.spec, err, c.field, c.text)
		}
	}
}

func TestAlmostNeverIsFound(t *testing.T) {
	c := berlin(t, schedule.Spec{Cron: "0 12 29 2 *"})
	if got := times(t, c, "2096-03-01T00:00:00Z", 1); len(got) != 1 || !strings.HasPrefix(got[0], "2104-02-29") {
		t.Errorf("after 2096: %v", got) // 2100 is no leap year
	}
}
