package schedule_test

import (
	"strings"
	"testing"
	"time"

	"daybook/schedule"
)

func TestCheckRefusesWhatIsLikelyAMistake(t *testing.T) {
	for _, c := range []struct{ cron, zone, field, text string }{
		{"1,,2 * * * *", "", "cron", `empty item in the list "1,,2"`},
		{", * * * *", "", "cron", "empty item"},
		{"0 0 1, * *", "", "cron", "empty item"},
		{"5-1 * * * *", "", "cron", `"5-1", which ends before it begins`},
		{"0 22-2 * * *", "", "cron", "from 22 to the last value and from the first value to 2"},
		{"0 22-2/2 * * *", "", "cron", "ends before"},
		{"0 0 * NOV-FEB *", "", "cron", "ends before"},
		{"0 0 * * FRI-MON", "", "cron", "ends before"},
		{"0 0 * * 5-0", "", "cron", "ends before"},
		{"+5 * * * *", "", "cron", `"+5" for the minutes; write a number`},
		{"*-5 * * * *", "", "cron", `"*-5" for the minutes`},
		{"1- * * * *", "", "cron", `"1-" for the minutes`},
		{"H * * * *", "", "cron", `"H" for the minutes`},
		{"* * * MON *", "", "cron", `"MON" for the month; write a number, a range such as 1-5, a step such as */15, a name such as JAN`},
		{"* * * * JAN", "", "cron", `"JAN" for the day of week`},
		{"* * W * *", "", "cron", `"W" for the day of month`},
		{"0 * * * * MON#", "", "cron", `"MON#" for the day of week`},
		{"* * * *", "", "cron", "must have 5 fields (minute, hour, day of month, month, day of week), or 6 with seconds first, not 4"},
		{"@reboot", "", "cron", "must be one of @hourly, @daily"},
		{"@daily ", "", "cron", "must be one of @hourly, @daily"},
		{"60 * * * *", "", "cron", "has 60 for the minutes; write numbers from 0 to 59"},
		{"10-61/5 * * * *", "", "cron", "has 61 for the minutes"},
		{"0 24 * * *", "", "cron", "has 24 for the hours; write numbers from 0 to 23"},
		{"0 0 0 * *", "", "cron", "has 0 for the day of month; write numbers from 1 to 31"},
		{"0 0 32W * *", "", "cron", "has 32 for the day of month"},
		{"0 0 * 13 *", "", "cron", "has 13 for the month; write numbers from 1 to 12"},
		{"0 0 * * 8", "", "cron", "has 8 for the day of week; write numbers from 0 to 7"},
		{"0 0 * * 8#1", "", "cron", "has 8 for the day of week"},
		{"*/0 * * * *", "", "cron", "has a step of 0 in"},
		{"* * * * *", "posixrules", "timezone", "IANA"},
		{"* * * * *", "Factory", "timezone", "IANA"},
		{"* * * * *", "localtime", "timezone", "IANA"},
		{"* * * * *", "right/Europe/Berlin", "timezone", "IANA"},
		{"* * * * *", "posix/UTC", "timezone", "IANA"},
		{"* * * * *", "local", "timezone", "IANA"},
	} {
		all := schedule.Check(schedule.Spec{Cron: c.cron, Zone: c.zone})
		if len(all) != 1 || all[0].Field != c.field || !strings.Contains(all[0].Detail, c.text) {
			t.Errorf("%q %q: %v", c.cron, c.zone, all)
		}
	}
	for _, cron := range []string{"* * * * *", "1,2 * * * *", "0 0 * * FRI-SUN", "0 0 * * 5-7", "0 0 L-3 * *", "0 0 * NOV-DEC *", "@daily", "@every 90s", "0 0 * * MON#2,FRI#L", "*/5 8-18 * * mon-fri", "0 */15 8-18/2 1W,15w,lw,L * *", "5/10 * ? jan-mar,12 1#1,FRI#L"} {
		if all := schedule.Check(schedule.Spec{Cron: cron, Zone: "Europe/Berlin", StartsAt: time.Unix(0, 0)}); all != nil {
			t.Errorf("%q: %v", cron, all)
		}
	}
}

func TestCheckNamesEveryFault(t *testing.T) {
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	all := schedule.Check(schedule.Spec{Cron: "61 * * * *", Zone: "Mars", Every: time.Minute, Jitter: -1, StartsAt: start, EndsAt: start})
	fields := map[string]int{}
	for _, wrong := range all {
		fields[wrong.Field]++
	}
	for _, field := range []string{"cron", "timezone", "every_seconds", "jitter_seconds", "ends_at"} {
		if fields[field] != 1 {
			t.Errorf("%s is named %d times in %v", field, fields[field], all)
		}
	}
}

// A log may hold schedules of earlier versions: they go on.
func TestParseReadsWhatEarlierVersionsAccepted(t *testing.T) {
	for _, cron := range []string{"1,,2 * * * *", "0 22-2 * * *"} {
		if _, err := schedule.Parse(schedule.Spec{Cron: cron}); err != nil {
			t.Errorf("%q: %v", cron, err)
		}
	}
	if _, err := schedule.Parse(schedule.Spec{Cron: "* * * * *", Zone: "Factory"}); err != nil {
		t.Error(err)
	}
}
