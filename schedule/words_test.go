package schedule_test

import (
	"testing"
	"time"

	"daybook/schedule"
)

func TestAScheduleIsDescribedInWords(t *testing.T) {
	for cron, want := range map[string]string{
		"* * * * *":             "every minute, UTC",
		"*/5 * * * *":           "every 5 minutes, UTC",
		"30 2 * * *":            "at 02:30 every day, UTC",
		"0 9,17 * * MON-FRI":    "at 09:00 and 17:00 on Monday to Friday, UTC",
		"0 9 * * 1,3,fri":       "at 09:00 on Monday, Wednesday and Friday, UTC",
		"@hourly":               "every hour, UTC",
		"@daily":                "at 00:00 every day, UTC",
		"@yearly":               "at 00:00 on day 1 of the month in January, UTC",
		"0 */6 * * *":           "every 6 hours, UTC",
		"15,45 * * * *":         "at minute 15 and 45 of every hour, UTC",
		"0 0 L * *":             "at 00:00 on the last day of the month, UTC",
		"0 0 LW * *":            "at 00:00 on the last weekday of the month, UTC",
		"0 0 15W * *":           "at 00:00 on the weekday nearest to day 15 of the month, UTC",
		"0 0 L-3 * *":           "at 00:00 on day 3 before the last of the month, UTC",
		"0 2 * 3,10 0#L":        "at 02:00 on the last Sunday of the month in March and October, UTC",
		"0 12 * * FRI#3":        "at 12:00 on the third Friday of the month, UTC",
		"0 1 13 * FRI":          "at 01:00 on day 13 of the month or on Friday, UTC",
		"30 15 10 * * *":        "at 10:15:30 every day, UTC",
		"*/10 * * * * *":        "every 10 seconds, UTC",
		"* * * * * *":           "every second, UTC",
		"*/10 0 * * * *":        "at every second that 10 divides of minute 0 of every hour, UTC",
		"10-40/10 8-18 1 1-6 *": "at minute 10-40/10 of hour 8 to 18 on day 1 of the month in January to June, UTC",
	} {
		c, err := schedule.Parse(schedule.Spec{Cron: cron})
		if err != nil {
			t.Errorf("%s: %v", cron, err)
			continue
		}
		if got := c.Words(); got != want {
			t.Errorf("%s is %q, want %q", cron, got, want)
		}
	}
	c, err := schedule.Parse(schedule.Spec{Cron: "30 2 * * *", Zone: "Europe/Berlin"})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Words(); got != "at 02:30 every day, Europe/Berlin time" {
		t.Errorf("with a zone: %q", got)
	}
	for every, want := range map[time.Duration]string{time.Second: "every second", 90 * time.Second: "every 90 seconds", time.Hour: "every hour", 48 * time.Hour: "every 2 days", 1500 * time.Millisecond: "every 1.5s"} {
		c, err := schedule.Parse(schedule.Spec{Every: every, StartsAt: time.Unix(0, 0)})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Words(); got != want {
			t.Errorf("%v is %q, want %q", every, got, want)
		}
	}
}
