package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/schedule"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// flowing are the options of a scheduler with schedules, whose workflows are read as the lines of flow.
func flowing() Options {
	o := recurring()
	o.ReadWorkflow = func(body []byte, _ task.Micros) (*task.Workflow, []task.FieldError) {
		var lines []string
		if err := json.Unmarshal(body, &lines); err != nil {
			return nil, []task.FieldError{{Pointer: "/tasks/a/task_type", Detail: "is not known"}}
		}
		return flow("", lines...), nil
	}
	return o
}

// flows makes a schedule of a workflow.
func (b *bench) flows(change func(*schedule.Definition), lines ...string) {
	b.t.Helper()
	d := def("flows", change)
	d.TaskType = task.TypeWorkflow
	body, _ := json.Marshal(lines)
	b.schedule(ScheduleCommand{Do: SchedulePut, Name: d.Name, Definition: d, Task: body}, nil)
}

// wantWhole checks that each run that has fired is followed by its workflow and the n tasks of it, and nothing else is submitted.
func wantWhole(t *testing.T, log eventlog.Log, n int) {
	t.Helper()
	submitted, fired := map[string]int{}, 0
	left, whole := 0, ""
	err := log.Scan(t.Context(), 0, func(e *eventlog.Event) error {
		switch {
		case e.Type == "schedule.fired":
			var d schedule.Fired
			if left != 0 {
				t.Errorf("a run before has %d tasks too few", left)
			}
			fired, left = fired+1, 1+n
			if err := json.Unmarshal(e.Data, &d); err != nil {
				return err
			}
			whole = d.Task
		case e.Type == "task.submitted":
			if left == 1+n && e.Stream != "task:"+whole {
				t.Errorf("%s follows the run, not its workflow %s", e.Stream, whole)
			}
			left--
			submitted[e.Stream]++
		case left != 0:
			t.Errorf("%s comes between a run and its tasks", e.Type)
		}
		return nil
	})
	if err != nil || left != 0 || len(submitted) != fired*(1+n) {
		t.Errorf("%d runs have submitted %d tasks, not %d each: %v", fired, len(submitted), 1+n, err)
	}
}

func TestAScheduleSubmitsAWholeWorkflowOncePerTimeAlsoAfterRestarts(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, flowing())
		b.flows(func(d *schedule.Definition) { d.Cron, d.CatchUp = "*/30 * * * *", "all" }, "a", "b: a", "on_end: a!ended b!ended")
		time.Sleep(40 * time.Minute)
		for range 3 {
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(25 * time.Minute)
			b = open(t, log, flowing())
			time.Sleep(time.Minute)
		}
		wantRuns(t, log, "fired 2000-01-01T00:30:00", "fired 2000-01-01T01:00:00 +5m0s", "fired 2000-01-01T01:30:00 +1m0s")
		wantWhole(t, log, 3)
		s, _ := b.s.o.Views.Schedule("flows")
		last, _ := task.ParseID(s.LastTask)
		if got := b.want(last, task.Success); !got.IsWorkflow() {
			t.Errorf("the last run is %s", s.LastTask)
		}
		wantFold(t, b)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOverlapGoesByTheStateOfTheWorkflow(t *testing.T) {
	for policy, want := range map[string][]string{
		"skip": {"fired 2000-01-01T00:10:00", "skipped 2000-01-01T00:20:00 overlap", "skipped 2000-01-01T00:30:00 overlap",
			"fired 2000-01-01T00:40:00"},
		"allow":        {"fired 2000-01-01T00:10:00", "fired 2000-01-01T00:20:00", "fired 2000-01-01T00:30:00", "fired 2000-01-01T00:40:00"},
		"buffer_one":   {"fired 2000-01-01T00:10:00", "skipped 2000-01-01T00:20:00 overlap", "fired 2000-01-01T00:30:00 +6m0s"},
		"cancel_other": {"fired 2000-01-01T00:10:00", "fired 2000-01-01T00:20:00", "fired 2000-01-01T00:30:00", "fired 2000-01-01T00:40:00"},
	} {
		bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
			slow := func(ctx context.Context, _ Attempt) (Outcome, error) {
				select {
				case <-time.After(13 * time.Minute): // the workflow takes 26
					return Outcome{}, nil
				case <-ctx.Done():
					return Outcome{}, ctx.Err()
				}
			}
			b := openDoing(t, log, flowing(), map[string]func(context.Context, Attempt) (Outcome, error){"SLOW": slow, "LATER": slow})
			b.flows(func(d *schedule.Definition) { d.Cron, d.Overlap = "*/10 * * * *", policy }, "slow", "later: slow")
			time.Sleep(41 * time.Minute)
			wantRuns(t, log, want...)
			wantWhole(t, log, 2)
			wantFold(t, b)
			if first := b.firstRun(); policy == "cancel_other" {
				b.want(first, task.Cancelled)
			} else {
				b.want(first, task.Success)
			}
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// firstRun is the task of the first run that has fired.
func (b *bench) firstRun() (id ulid.ULID) {
	b.t.Helper()
	found := errors.New("found")
	err := b.log.Scan(b.t.Context(), 0, func(e *eventlog.Event) error {
		if e.Type != "schedule.fired" {
			return nil
		}
		var d schedule.Fired
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return err
		}
		id, _ = task.ParseID(d.Task)
		return found
	})
	if !errors.Is(err, found) {
		b.t.Fatal("nothing has fired")
	}
	return id
}

func TestFailedWorkflowsPauseASchedule(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := openDoing(t, log, flowing(), map[string]func(context.Context, Attempt) (Outcome, error){"B": permanently})
		b.flows(func(d *schedule.Definition) { d.Cron, d.PauseOnFailure = "* * * * *", 2 }, "a", "b: a", "on_end: a!ended b!ended")
		time.Sleep(5*time.Minute + time.Second)
		wantRuns(t, log, "fired 2000-01-01T00:01:00", "fired 2000-01-01T00:02:00", "paused")
		wantFold(t, b)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAWorkflowIsRunOnRequestAndBackfilled(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, flowing())
		b.flows(func(d *schedule.Definition) { d.Cron = "0 0 1 1 *" }, "a", "b: a")
		run := b.schedule(ScheduleCommand{Do: ScheduleRun, Name: "flows"}, nil)
		if got := b.want(run.Task.ID, task.Success); !got.IsWorkflow() || run.Task.LastSeq == 0 {
			t.Errorf("run: %+v", run.Task)
		}
		var times []schedule.Occurrence
		for year := range 100 {
			at := time.Date(1900+year, 1, 1, 0, 0, 0, 0, time.UTC)
			times = append(times, schedule.Occurrence{At: at, Due: at, Nominal: at.Format("2006-01-02T15:04:05")})
		}
		s, _ := b.s.o.Views.Schedule("flows")
		made, err := b.s.Backfill(t.Context(), "anonymous", "flows", s.LastSeq, times)
		if err != nil || len(made) != MostBackfilled/3 {
			t.Fatalf("%d workflows in one commit, %v", len(made), err)
		}
		synctest.Wait()
		for i := range made {
			if got := b.want(made[i].Task.ID, task.Success); got.SubmitSeq != made[i].Task.SubmitSeq {
				t.Errorf("backfilled: %+v", made[i].Task)
			}
		}
		wantWhole(t, log, 2)
		wantFold(t, b)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAWorkflowThatIsRefusedIsSkippedAndNothingOfItIsSubmitted(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		o := flowing()
		read := o.ReadWorkflow
		o.ReadWorkflow = func(body []byte, now task.Micros) (*task.Workflow, []task.FieldError) {
			w, bad := read(body, now)
			for i := range w.Tasks {
				w.Tasks[i].Queue = "Q"
			}
			return w, bad
		}
		b := open(t, log, o)
		b.queueEvent("queue.paused", []byte("{}"))
		b.limit(projection.QueueLimits{MaxDepth: 1})
		b.flows(func(d *schedule.Definition) { d.Cron = "* * * * *" }, "a", "b")
		time.Sleep(time.Minute)
		wantRuns(t, log, "skipped 2000-01-01T00:01:00 refused")
		wantWhole(t, log, 2)
		s, _ := b.s.o.Views.Schedule("flows")
		if why, err := log.Payload(t.Context(), s.LastSeq); !strings.Contains(string(why), "task b of the workflow: ") {
			t.Errorf("the reason is %s, %v", why, err)
		}
		b.schedule(ScheduleCommand{Do: ScheduleRun, Name: "flows"}, task.ErrInvalid)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
