package scheduler

import (
	"errors"
	"testing"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/schedule"
)

func TestABackfillFiresPastTimesAndLeavesTheScheduleAsItIs(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, recurring())
		b.define(def("hourly", func(d *schedule.Definition) { d.Cron = "0 * * * *" }))
		time.Sleep(90 * time.Minute) // it has fired at 1
		before, _ := b.s.o.Views.Schedule("hourly")
		calendar, err := schedule.Parse(before.Spec())
		if err != nil {
			t.Fatal(err)
		}
		var times []schedule.Occurrence
		for at := time.Date(1999, 12, 31, 20, 30, 0, 0, time.UTC); len(times) < 3; {
			o, _ := calendar.Next(at)
			times, at = append(times, o), o.At
		}
		tasks, err := b.s.Backfill(t.Context(), "token:ada", "hourly", before.LastSeq, times)
		if err != nil || len(tasks) != 3 || tasks[2].Task.SubmitSeq == 0 {
			t.Fatal(tasks, err)
		}
		wantRuns(t, log, "fired 2000-01-01T01:00:00", "fired 1999-12-31T21:00:00", "fired 1999-12-31T22:00:00", "fired 1999-12-31T23:00:00")
		after, _ := b.s.o.Views.Schedule("hourly")
		if after.Mark != before.Mark || after.LastTask != before.LastTask || after.Fired != 4 {
			t.Errorf("%+v became %+v", before, after)
		}
		if _, err := b.s.Backfill(t.Context(), "token:ada", "hourly", before.LastSeq, times); !errors.Is(err, ErrScheduleChanged) {
			t.Error("what is out of date was taken:", err)
		}
		time.Sleep(time.Hour)
		wantRuns(t, log, "fired 2000-01-01T01:00:00", "fired 1999-12-31T21:00:00", "fired 1999-12-31T22:00:00", "fired 1999-12-31T23:00:00", "fired 2000-01-01T02:00:00")
		if got := b.ran(); got != "ECHO#1 ECHO#1 ECHO#1 ECHO#1 ECHO#1" {
			t.Errorf("ran %s", got)
		}
		wantFold(t, b)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
