package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/schedule"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
)

// recurring are the options of a scheduler with schedules.
func recurring() Options {
	return Options{ReadSubmit: func(body []byte, _ task.Micros, into *task.Submit) []task.FieldError {
		var asked struct {
			Type string `json:"task_type"`
		}
		if err := json.Unmarshal(body, &asked); err != nil || asked.Type == "GONE" {
			return []task.FieldError{{Pointer: "/task_type", Detail: "is not known"}}
		}
		into.Type, into.Parameters = asked.Type, []byte("{}")
		return nil
	}}
}

// def is a definition with the usual choices, changed by change.
func def(name string, change func(*schedule.Definition)) schedule.Definition {
	d := schedule.Definition{Name: name, Timezone: "UTC", Gap: "shift", Twice: "first", Overlap: "skip", CatchUp: "one",
		MaxLateness: int64(time.Hour / time.Microsecond), TaskType: "ECHO", TaskHash: "1"}
	change(&d)
	return d
}

func (b *bench) define(d schedule.Definition) {
	b.t.Helper()
	b.schedule(ScheduleCommand{Do: SchedulePut, Name: d.Name, Definition: d, Task: []byte(`{"task_type":"` + d.TaskType + `"}`)}, nil)
}

func (b *bench) schedule(c ScheduleCommand, want error) Submitted {
	b.t.Helper()
	got, err := b.s.Schedule(b.t.Context(), "anonymous", c)
	if !errors.Is(err, want) || (want == nil) != (err == nil) {
		b.t.Fatalf("%v of %s: %v, want %v", c.Do, c.Name, err, want)
	}
	return got
}

// runsOf lists what became of the runs of all schedules: "fired NOMINAL +LATE", "skipped NOMINAL WHY".
func runsOf(t *testing.T, log eventlog.Log) (list []string) {
	t.Helper()
	synctest.Wait()
	err := log.Scan(t.Context(), 0, func(e *eventlog.Event) error {
		if !strings.HasPrefix(e.Type, "schedule.") {
			return nil
		}
		var d schedule.Skipped
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return err
		}
		switch e.Type {
		case "schedule.fired":
			text := "fired " + d.Nominal
			if d.Late > 0 {
				text += fmt.Sprintf(" +%v", time.Duration(d.Late)*time.Microsecond)
			}
			list = append(list, text)
		case "schedule.skipped":
			text := "skipped " + d.Nominal + " " + d.Why
			if d.Count > 0 {
				text += fmt.Sprintf(" ×%d to %s", d.Count, d.Last)
			}
			list = append(list, text)
		case "schedule.paused", "schedule.resumed":
			list = append(list, strings.TrimPrefix(e.Type, "schedule."))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func wantRuns(t *testing.T, log eventlog.Log, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, runsOf(t, log)); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

// The bubbles of synctest begin at midnight, 2000-01-01 UTC, a Saturday.
func TestAScheduleFiresAtItsTimeAndNotBefore(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, recurring())
		b.define(def("hourly", func(d *schedule.Definition) { d.Cron = "0 * * * *" }))
		time.Sleep(time.Hour - time.Nanosecond)
		wantRuns(t, log)
		time.Sleep(time.Nanosecond)
		wantRuns(t, log, "fired 2000-01-01T01:00:00")
		time.Sleep(2 * time.Hour)
		wantRuns(t, log, "fired 2000-01-01T01:00:00", "fired 2000-01-01T02:00:00", "fired 2000-01-01T03:00:00")
		if got := b.ran(); got != "ECHO#1 ECHO#1 ECHO#1" {
			t.Errorf("ran %s", got)
		}
		wantFold(t, b)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// wantFold checks that the schedules are the fold of the log.
func wantFold(t *testing.T, b *bench) {
	t.Helper()
	again, err := projection.Rebuild(t.Context(), b.log, nil)
	if err != nil {
		t.Fatal(err)
	}
	live, _ := b.s.o.Views.Schedules()
	folded, _ := again.Schedules()
	if diff := cmp.Diff(folded, live, cmp.AllowUnexported(projection.Schedule{})); diff != "" {
		t.Errorf("schedules (-folded +live):\n%s", diff)
	}
}

func TestTheSameDefinitionWritesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, recurring())
		d := def("a", func(d *schedule.Definition) { d.Every = 90_000_000 })
		b.define(d)
		head := log.Head().Seq
		b.define(d)
		if log.Head().Seq != head {
			t.Error("it wrote")
		}
		b.schedule(ScheduleCommand{Do: ScheduleCreate, Name: "a", Definition: d}, ErrScheduleExists)
		b.schedule(ScheduleCommand{Do: SchedulePut, Name: "a", Definition: d, Seen: 1}, ErrScheduleChanged)
		b.schedule(ScheduleCommand{Do: ScheduleDelete, Name: "a"}, nil)
		b.schedule(ScheduleCommand{Do: ScheduleDelete, Name: "a"}, ErrNoSchedule)
		b.schedule(ScheduleCommand{Do: ScheduleRun, Name: "a"}, ErrNoSchedule)
		b.schedule(ScheduleCommand{Do: ScheduleCreate, Name: "a", Definition: d, Task: []byte(`{"task_type":"ECHO"}`)}, nil)
		time.Sleep(90 * time.Second)
		wantRuns(t, log, "fired 2000-01-01T00:01:30Z")
		wantFold(t, b)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAStopOfTheServerIsCaughtUp(t *testing.T) {
	for catchUp, want := range map[string][]string{
		"one": {"fired 2000-01-01T00:30:00", "skipped 2000-01-01T01:00:00 max_lateness ×5 to 2000-01-01T03:00:00",
			"skipped 2000-01-01T03:30:00 catch_up", "fired 2000-01-01T04:00:00 +10m0s", "fired 2000-01-01T04:30:00"},
		"none": {"fired 2000-01-01T00:30:00", "skipped 2000-01-01T01:00:00 max_lateness ×5 to 2000-01-01T03:00:00",
			"skipped 2000-01-01T03:30:00 catch_up", "skipped 2000-01-01T04:00:00 catch_up", "fired 2000-01-01T04:30:00"},
		"all": {"fired 2000-01-01T00:30:00", "skipped 2000-01-01T01:00:00 max_lateness ×5 to 2000-01-01T03:00:00",
			"fired 2000-01-01T03:30:00 +40m0s", "fired 2000-01-01T04:00:00 +10m0s", "fired 2000-01-01T04:30:00"},
	} {
		bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
			b := open(t, log, recurring())
			b.define(def("half", func(d *schedule.Definition) { d.Cron, d.CatchUp, d.Overlap = "*/30 * * * *", catchUp, "allow" }))
			time.Sleep(40 * time.Minute)
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3*time.Hour + 30*time.Minute) // a backup that is restored looks the same
			b = open(t, log, recurring())
			time.Sleep(30 * time.Minute)
			wantRuns(t, log, want...)
			wantFold(t, b)
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestOverlap(t *testing.T) {
	for policy, want := range map[string][]string{
		"skip": {"fired 2000-01-01T00:10:00", "skipped 2000-01-01T00:20:00 overlap", "skipped 2000-01-01T00:30:00 overlap",
			"fired 2000-01-01T00:40:00"},
		"allow":        {"fired 2000-01-01T00:10:00", "fired 2000-01-01T00:20:00", "fired 2000-01-01T00:30:00", "fired 2000-01-01T00:40:00"},
		"buffer_one":   {"fired 2000-01-01T00:10:00", "skipped 2000-01-01T00:20:00 overlap", "fired 2000-01-01T00:30:00 +5m0s"},
		"cancel_other": {"fired 2000-01-01T00:10:00", "fired 2000-01-01T00:20:00", "fired 2000-01-01T00:30:00", "fired 2000-01-01T00:40:00"},
	} {
		bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
			b := openDoing(t, log, recurring(), map[string]func(context.Context, Attempt) (Outcome, error){
				"SLOW": func(ctx context.Context, _ Attempt) (Outcome, error) {
					select {
					case <-time.After(25 * time.Minute):
						return Outcome{}, nil
					case <-ctx.Done():
						return Outcome{}, ctx.Err()
					}
				},
			})
			b.define(def("slow", func(d *schedule.Definition) { d.Cron, d.Overlap, d.TaskType = "*/10 * * * *", policy, "SLOW" }))
			time.Sleep(41 * time.Minute)
			wantRuns(t, log, want...)
			wantFold(t, b)
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestFailuresPauseASchedule(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := openDoing(t, log, recurring(), map[string]func(context.Context, Attempt) (Outcome, error){
			"BAD": func(context.Context, Attempt) (Outcome, error) { return Outcome{}, permanentError{errors.New("no")} },
		})
		b.define(def("bad", func(d *schedule.Definition) { d.Cron, d.PauseOnFailure, d.TaskType = "* * * * *", 2, "BAD" }))
		time.Sleep(5*time.Minute + time.Second)
		want := []string{"fired 2000-01-01T00:01:00", "fired 2000-01-01T00:02:00", "paused"}
		wantRuns(t, log, want...)
		b.schedule(ScheduleCommand{Do: ScheduleResume, Name: "bad"}, nil)
		want = append(want, "skipped 2000-01-01T00:03:00 paused ×3 to 2000-01-01T00:05:00", "resumed")
		wantRuns(t, log, want...)
		time.Sleep(time.Minute)
		wantRuns(t, log, append(want, "fired 2000-01-01T00:06:00")...)
		wantFold(t, b)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestARunThatIsAskedForAndATaskThatIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, recurring())
		b.define(def("a", func(d *schedule.Definition) { d.Cron = "0 0 * * *" }))
		run := b.schedule(ScheduleCommand{Do: ScheduleRun, Name: "a"}, nil)
		b.want(run.Task.ID, task.Success)
		b.define(def("gone", func(d *schedule.Definition) { d.Cron, d.TaskType = "* * * * *", "GONE" }))
		time.Sleep(time.Minute)
		wantRuns(t, log, "fired ", "skipped 2000-01-01T00:01:00 refused")
		wantFold(t, b)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// wall is a clock that can be set.
type wall struct{ off atomic.Int64 }

func (w *wall) now() task.Micros { return task.MicrosOf(time.Now()) + task.Micros(w.off.Load()) }

func TestTheClockIsSet(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, 24 * time.Hour} {
		bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
			o, clock := recurring(), &wall{}
			o.Wall = clock.now
			b := open(t, log, o)
			b.define(def("ten", func(d *schedule.Definition) { d.Cron = "*/10 * * * *" }))
			time.Sleep(15 * time.Minute)
			clock.off.Store(int64(task.SpanOf(step))) // forth: what is too late is skipped, the latest fires
			time.Sleep(time.Minute)
			synctest.Wait()
			clock.off.Store(0) // and back
			time.Sleep(step + time.Hour)
			fired := map[string]int{}
			for _, run := range runsOf(t, log) {
				if name, ok := strings.CutPrefix(run, "fired "); ok {
					name, _, _ = strings.Cut(name, " ")
					fired[name]++
				}
			}
			for at := time.Date(2000, 1, 1, 0, 10, 0, 0, time.UTC); at.Before(time.Now()); at = at.Add(10 * time.Minute) {
				if n := fired[at.Format("2006-01-02T15:04:05")]; n != 1 {
					t.Errorf("%v fired %d times", at, n)
				}
			}
			wantFold(t, b)
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestANightThroughBothChangesOfTheClock(t *testing.T) {
	for gap, march := range map[string]string{"shift": "fired 2000-03-26T02:30:00", "skip": "skipped 2000-03-26T02:30:00 gap"} {
		bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
			b := open(t, log, recurring())
			b.define(def("nightly", func(d *schedule.Definition) { d.Cron, d.Timezone, d.Gap = "30 2 * * *", "Europe/Berlin", gap }))
			time.Sleep(365 * 24 * time.Hour)
			var want []string
			for day := time.Date(2000, 1, 1, 2, 30, 0, 0, time.UTC); len(want) < 365; day = day.AddDate(0, 0, 1) {
				want = append(want, "fired "+day.Format("2006-01-02T15:04:05"))
			}
			want[31+29+25] = march
			wantRuns(t, log, want...)
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestRunsThatAreDueTogetherDoNotPassTheDepthOfTheirQueue(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		o := recurring()
		read := o.ReadSubmit
		o.ReadSubmit = func(body []byte, now task.Micros, into *task.Submit) []task.FieldError {
			defer func() { into.Queue = "Q" }()
			return read(body, now, into)
		}
		b := open(t, log, o)
		b.queueEvent("queue.paused", []byte("{}"))
		b.limit(projection.QueueLimits{MaxDepth: 1})
		for _, name := range []string{"a", "b"} {
			b.define(def(name, func(d *schedule.Definition) { d.Cron = "* * * * *" }))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if pending, _ := b.s.o.Views.QueueDepth("Q"); pending != 1 {
			t.Errorf("%d tasks are pending, the limit is 1", pending)
		}
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
