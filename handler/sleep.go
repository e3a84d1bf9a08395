package handler

import (
	"context"
	_ "embed" // the schemas
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"daybook/task"
)

// Sleeper is the type SLEEP: it waits, then returns the result of its parameters.
type Sleeper struct {
	random func() float64
}

// NewSleep returns the type. random returns a number in [0, 1), for fail_rate; several goroutines
// call it.
func NewSleep(random func() float64) *Sleeper { return &Sleeper{random} }

//go:embed sleep.parameters.json
var sleepParametersSchema []byte

//go:embed sleep.result.json
var sleepResultSchema []byte

// sleepNothing is {} with the defaults. Such a task does nothing, without decoding.
const sleepNothing = `{"fail_rate":0,"seconds":0}`

// sleepTick is the time between two reports.
const sleepTick = 250 * time.Millisecond

type sleepParameters struct {
	Seconds  float64         `json:"seconds"`
	FailRate float64         `json:"fail_rate"`
	Result   json.RawMessage `json:"result"`
}

// Spec describes the type.
func (s *Sleeper) Spec() task.TypeSpec {
	return task.TypeSpec{
		Name:             "SLEEP",
		Title:            "Sleep",
		Description:      "Waits, then succeeds or fails. For trying things and for load tests.",
		ParametersSchema: sleepParametersSchema,
		ResultSchema:     sleepResultSchema,
	}
}

// Subject is how long it sleeps, "" when that is no time.
func (s *Sleeper) Subject(parameters json.RawMessage, _ map[string]string) string {
	if string(parameters) == sleepNothing {
		return ""
	}
	var p sleepParameters
	if json.Unmarshal(parameters, &p) != nil || p.Seconds == 0 {
		return ""
	}
	return strconv.FormatFloat(p.Seconds, 'f', -1, 64) + " s"
}

// Run waits. Errors: ctx's, or the failure drawn by fail_rate.
func (s *Sleeper) Run(ctx context.Context, call Call) (any, error) {
	if string(call.Parameters) == sleepNothing {
		return nil, ctx.Err()
	}
	var p sleepParameters
	if err := json.Unmarshal(call.Parameters, &p); err != nil {
		return nil, Permanent(fmt.Errorf("read the parameters: %w", err))
	}
	if err := sleep(ctx, p.Seconds, call.Report); err != nil {
		return nil, err
	}
	if p.FailRate > 0 && s.random() < p.FailRate {
		return nil, fmt.Errorf("failed on purpose: fail_rate is %v", p.FailRate)
	}
	if p.Result == nil || string(p.Result) == "null" {
		return nil, nil
	}
	return p.Result, nil
}

// sleep waits for that many seconds and reports at most four times a second.
func sleep(ctx context.Context, seconds float64, report func(float64, string)) error {
	whole := time.Duration(seconds * float64(time.Second))
	if whole <= 0 {
		return ctx.Err()
	}
	start := time.Now()
	end := time.NewTimer(whole)
	defer end.Stop()
	tick := time.NewTicker(sleepTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end.C:
			return nil
		case <-tick.C:
			slept := time.Since(start)
			if slept < whole {
				report(100*float64(slept)/float64(whole), short(slept)+" of "+short(whole)+" s")
			}
		}
	}
}

// short formats a duration in seconds, with tenths below 10 s.
func short(d time.Duration) string {
	if d >= 10*time.Second {
		return strconv.FormatFloat(d.Round(time.Second).Seconds(), 'f', -1, 64)
	}
	return strconv.FormatFloat(d.Round(100*time.Millisecond).Seconds(), 'f', -1, 64)
}
