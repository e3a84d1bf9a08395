package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/schedule"
	"daybook/task"
)

// runEvents are the events of the latest runs of a schedule, the latest first.
func (a *API) runEvents(ctx context.Context, s *projection.Schedule, most int) ([]*eventlog.Event, error) {
	var seqs []int64
	for _, run := range s.Runs {
		seqs = append(seqs, run.Seq)
	}
	slices.Sort(seqs)
	slices.Reverse(seqs)
	seqs = slices.Compact(seqs[:min(most, len(seqs))])
	if len(seqs) == 0 {
		return nil, nil
	}
	return a.Log.Events(ctx, seqs)
}

// writeRun writes what became of a nominal time.
func (a *API) writeRun(ctx context.Context, w *jsontext.Writer, e *eventlog.Event) error {
	var d struct {
		schedule.Skipped
		Jitter   int64  `json:"jitter"`
		Task     string `json:"task"`
		Backfill bool   `json:"backfill"`
	}
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return fmt.Errorf("read event %d: %w", e.Seq, err)
	}
	w.Object()
	w.Key("nominal").OptionalString(d.Nominal)
	w.Key("due").Time(d.Due + d.Jitter)
	w.Key("at").Time(e.At)
	w.Key("late_seconds").Seconds(d.Late)
	if e.Type == "schedule.fired" {
		w.Key("outcome").String("fired")
	} else {
		w.Key("outcome").String("skipped")
	}
	w.Key("why").OptionalString(d.Why)
	w.Key("detail")
	if e.HasPayload {
		detail, err := a.textOf(ctx, e.Seq, "error")
		if err != nil {
			return err
		}
		w.OptionalString(detail)
	} else {
		w.Null()
	}
	w.Key("task_id").OptionalString(d.Task)
	workflow, status := "", ""
	if id, ok := task.ParseID(d.Task); ok {
		if t, _, err := a.Views.Get(ctx, id); err == nil {
			if t.IsWorkflow() {
				workflow = d.Task
			}
			if e.Type == "schedule.fired" {
				status = t.Status.String()
			}
		}
	}
	w.Key("workflow_id").OptionalString(workflow)
	w.Key("status").OptionalString(status)
	w.Key("count").Int(int64(max(d.Count, 1)))
	w.Key("more").Bool(d.More)
	w.Key("last").OptionalString(d.Last)
	w.Key("backfill").Bool(d.Backfill)
	w.Key("seq").Int(e.Seq)
	w.EndObject()
	return nil
}

// textOf is one text of a payload, "" if it is gone.
func (a *API) textOf(ctx context.Context, seq int64, key string) (string, error) {
	body, err := a.Payloads.Get(ctx, seq)
	if errors.Is(err, eventlog.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var texts map[string]string
	_ = json.Unmarshal(body, &texts) // "" for what is none
	return texts[key], nil
}

// writeDefinition writes the fields of a schedule as a request has them.
func writeDefinition(w *jsontext.Writer, d *schedule.Definition, body []byte) {
	w.Key("name").String(d.Name)
	w.Key("cron").OptionalString(d.Cron)
	w.Key("every_seconds").OptionalSeconds(d.Every)
	w.Key("timezone").String(d.Timezone)
	w.Key("dst").Object()
	w.Key("gap").String(d.Gap)
	w.Key("overlap").String(d.Twice)
	w.EndObject()
	if d.TaskType == task.TypeWorkflow {
		w.Key("task").Null()
		w.Key("workflow").Raw(body)
	} else {
		w.Key("task").Raw(body)
		w.Key("workflow").Null()
	}
	w.Key("overlap").String(d.Overlap)
	w.Key("catch_up").String(d.CatchUp)
	w.Key("max_lateness_seconds").Seconds(d.MaxLateness)
	w.Key("jitter_seconds").OptionalSeconds(d.Jitter)
	w.Key("starts_at").OptionalTime(d.StartsAt)
	w.Key("ends_at").OptionalTime(d.EndsAt)
	w.Key("pause_on_failure")
	if d.PauseOnFailure == 0 {
		w.Null()
	} else {
		w.Int(int64(d.PauseOnFailure))
	}
}

func (a *API) writeSchedule(ctx context.Context, w *jsontext.Writer, s *projection.Schedule) error {
	body, err := a.Payloads.Get(ctx, s.DefinedSeq)
	if err != nil && !errors.Is(err, eventlog.ErrNotFound) { // it may have been erased
		return err
	}
	w.Object()
	writeDefinition(w, &s.Definition, body)
	var next []schedule.Occurrence
	words := ""
	if calendar, err := schedule.Parse(s.Spec()); err == nil {
		words = calendar.Words()
		if s.PausedAt == 0 {
			next = upcoming(calendar, max(s.Mark, task.MicrosOf(time.Now())).Time(), shownRuns)
		}
	}
	w.Key("in_words").String(words)
	writeTimes(w.Key("next_runs"), next)
	w.Key("last_run")
	latest, err := a.runEvents(ctx, s, 1)
	if err != nil {
		return err
	}
	if len(latest) == 0 {
		w.Null()
	} else if err := a.writeRun(ctx, w, latest[0]); err != nil {
		return err
	}
	w.Key("paused").Bool(s.PausedAt != 0)
	w.Key("paused_at").OptionalTime(int64(s.PausedAt))
	w.Key("paused_by").OptionalString(s.PausedBy)
	w.Key("paused_why").OptionalString(s.PausedWhy)
	reason := ""
	if s.PausedSeq != 0 {
		if reason, err = a.textOf(ctx, s.PausedSeq, "reason"); err != nil {
			return err
		}
	}
	w.Key("paused_reason").OptionalString(reason)
	w.Key("failures_in_row").Int(int64(s.Failures))
	w.Key("fired").Int(s.Fired)
	w.Key("skipped").Int(s.Skipped)
	w.Key("created_at").Time(int64(s.CreatedAt))
	w.Key("changed_at").Time(int64(s.ChangedAt))
	w.Key("stream").String(s.Stream())
	w.Key("declared_in").OptionalString(a.scheduleDeclaredIn(s.Name))
	w.EndObject()
	return nil
}

func writeTimes(w *jsontext.Writer, list []schedule.Occurrence) {
	w.Array()
	for _, o := range list {
		w.Item().Time(o.Due.UnixMicro())
	}
	w.EndArray()
}
