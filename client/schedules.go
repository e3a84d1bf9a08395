package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Schedule says when a task is submitted again and again. Exactly one of Cron and EverySeconds is set.
type Schedule struct {
	Name               string  `json:"name"`
	Cron               string  `json:"cron,omitempty"` // 5 fields, or 6 with seconds first
	EverySeconds       float64 `json:"every_seconds,omitempty"`
	Timezone           string  `json:"timezone,omitempty"` // an IANA name; "" = UTC
	DST                *DST    `json:"dst,omitempty"`
	Task               *Submit `json:"task,omitempty"`
	Overlap            string  `json:"overlap,omitempty"`              // skip, allow, buffer_one, cancel_other; "" = skip
	CatchUp            string  `json:"catch_up,omitempty"`             // one, none, all; "" = one
	MaxLatenessSeconds float64 `json:"max_lateness_seconds,omitempty"` // 0 = 3600
	JitterSeconds      float64 `json:"jitter_seconds,omitempty"`
	PauseOnFailure     int     `json:"pause_on_failure,omitempty"` // failed tasks in a row; 0 = never
}

// DST says what daylight saving time does to a cron expression.
type DST struct {
	Gap     string `json:"gap,omitempty"`     // a local time that is left out: shift, skip; "" = shift
	Overlap string `json:"overlap,omitempty"` // a local time that comes twice: first, both; "" = first
}

// ScheduleState is a schedule as it is now.
type ScheduleState struct {
	Name     string             `json:"name"`
	InWords  string             `json:"in_words"`
	Timezone string             `json:"timezone"`
	NextRuns []time.Time        `json:"next_runs"` // the next 5; none while it is paused
	LastRun  *ScheduleRun       `json:"last_run"`
	Paused   bool               `json:"paused"`
	Reason   *string            `json:"paused_reason"`
	Fired    int64              `json:"fired"`
	Skipped  int64              `json:"skipped"`
	Declared *string            `json:"declared_in"` // the configuration file that has it; nil = none
	Workflow *ScheduledWorkflow `json:"workflow"`    // nil = it submits tasks
	Raw      json.RawMessage    `json:"-"`           // all of it, as the server sent it
}

// ScheduledWorkflow is the workflow that a schedule submits. All of it is in Raw.
type ScheduledWorkflow struct {
	Name string `json:"name"`
}

// UnmarshalJSON keeps the text too.
func (s *ScheduleState) UnmarshalJSON(text []byte) error {
	type plain ScheduleState
	if err := json.Unmarshal(text, (*plain)(s)); err != nil {
		return err
	}
	s.Raw = append(json.RawMessage(nil), text...)
	return nil
}

// ScheduleRun is what became of one time of a schedule.
type ScheduleRun struct {
	Nominal     *string   `json:"nominal"` // on a clock in the zone; nil if somebody asked for the run
	Due         time.Time `json:"due"`
	At          time.Time `json:"at"` // when it was decided
	LateSeconds float64   `json:"late_seconds"`
	Outcome     string    `json:"outcome"` // fired or skipped
	Why         *string   `json:"why"`     // it was skipped
	TaskID      *string   `json:"task_id"`
	WorkflowID  *string   `json:"workflow_id"` // the same if it submitted a workflow
	Status      *Status   `json:"status"`      // of the task, as it is now
	Count       int64     `json:"count"`       // how many runs in a row were skipped
}

// Schedules lists the schedules by name.
func (c *Client) Schedules(ctx context.Context) (list []ScheduleState, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/api/schedules"}, &list)
	return list, err
}

// PutSchedule makes a schedule, or replaces the one of that name. The same again changes nothing.
func (c *Client) PutSchedule(ctx context.Context, s Schedule) (state ScheduleState, err error) {
	_, err = c.do(ctx, call{method: http.MethodPut, path: schedulePath(s.Name, ""), body: s}, &state)
	return state, err
}

// DeleteSchedule deletes a schedule. Its tasks stay.
func (c *Client) DeleteSchedule(ctx context.Context, name string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: schedulePath(name, "")}, nil)
	return err
}

// PauseSchedule keeps a schedule from firing. reason is for people; "" = none.
func (c *Client) PauseSchedule(ctx context.Context, name, reason string) (state ScheduleState, err error) {
	body := map[string]string{}
	if reason != "" {
		body["reason"] = reason
	}
	_, err = c.do(ctx, call{method: http.MethodPost, path: schedulePath(name, "/pause"), body: body}, &state)
	return state, err
}

// ResumeSchedule lets a schedule fire again.
func (c *Client) ResumeSchedule(ctx context.Context, name string) (state ScheduleState, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: schedulePath(name, "/resume")}, &state)
	return state, err
}

// RunSchedule submits the task or workflow of a schedule now, and returns the task, or that of the workflow. Its times stay as they are.
func (c *Client) RunSchedule(ctx context.Context, name string) (t Task, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: schedulePath(name, "/run")}, &t)
	return t, err
}

// Backfill is what a backfill has submitted, or would submit.
type Backfill struct {
	DryRun    bool           `json:"dry_run"`
	Submitted int64          `json:"submitted"`
	LeftOut   int64          `json:"left_out"` // times that have fired, or that the schedule is still to decide
	Times     []BackfillTime `json:"times"`
}

// BackfillTime is one time of a backfill.
type BackfillTime struct {
	Nominal string    `json:"nominal"` // on a clock in the zone
	Due     time.Time `json:"due"`
	TaskID  *string   `json:"task_id"` // nil in a dry run
}

// BackfillSchedule submits the task or workflow of a schedule for its times from one moment to another, without that, at most
// 10,000, each nominal time once. In a dry run it only lists them. After an error, the same again goes on.
func (c *Client) BackfillSchedule(ctx context.Context, name string, from, to time.Time, dryRun bool) (b Backfill, err error) {
	body := map[string]any{"from": from.UTC(), "to": to.UTC(), "dry_run": dryRun}
	_, err = c.do(ctx, call{method: http.MethodPost, path: schedulePath(name, "/backfill"), body: body}, &b)
	return b, err
}

// ScheduleRuns lists what became of the latest times of a schedule.
func (c *Client) ScheduleRuns(ctx context.Context, name string) (runs []ScheduleRun, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: schedulePath(name, "/runs")}, &runs)
	return runs, err
}

// PreviewSchedule returns when a schedule would be due, count times, and that in words. Nothing is kept.
func (c *Client) PreviewSchedule(ctx context.Context, cron, timezone string, count int) (words string, times []time.Time, err error) {
	var answer struct {
		InWords  string      `json:"in_words"`
		NextRuns []time.Time `json:"next_runs"`
	}
	body := map[string]any{"cron": cron, "count": count}
	if timezone != "" {
		body["timezone"] = timezone
	}
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/api/schedules/preview", body: body, again: true}, &answer)
	return answer.InWords, answer.NextRuns, err
}

func schedulePath(name, call string) string { return pathOf("/api/schedules/", name, call) }
