package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"time"

	"daybook/internal/durable"
)

// Steps implements durable.Run: they came with the lease.
func (a *attempt) Steps(context.Context) (map[string]durable.Step, error) { return a.steps, nil }

// Record implements durable.Run.
func (a *attempt) Record(ctx context.Context, name string, value []byte) (step durable.Step, err error) {
	err = a.persist(ctx, http.MethodPut, pathOf("/api/leases/"+a.token+"/steps/", name, ""), text(value), &step)
	var p *Problem
	if errors.As(err, &p) && p.Step != nil { // another one was first
		return *p.Step, nil
	}
	return step, err
}

// suspension is the body of a call that suspends a task.
type suspension struct {
	Step     string     `json:"step"`
	Until    *time.Time `json:"until,omitempty"`
	Events   []string   `json:"events,omitempty"`
	Match    string     `json:"match,omitempty"`
	Approval *approval  `json:"approval,omitempty"`
	Children string     `json:"children,omitempty"`
	Timeout  float64    `json:"timeout_seconds,omitempty"`
}

type approval struct {
	Role   string          `json:"role,omitempty"`
	Title  string          `json:"title"`
	Fields json.RawMessage `json:"fields,omitempty"`
}

// Suspend implements durable.Run.
func (a *attempt) Suspend(ctx context.Context, w durable.Wait) (durable.Step, error) {
	body := suspension{Step: w.Step, Events: w.Events, Timeout: w.Timeout.Seconds()}
	switch {
	case w.Approval != nil:
		body.Approval = &approval{w.Approval.Role, w.Approval.Title, w.Approval.Fields}
	case w.ChildrenOf != "":
		body.Children = w.ChildrenOf
	case len(w.Events) == 0:
		until := w.Until.UTC().Truncate(time.Microsecond)
		body.Until = &until
	case w.All:
		body.Match = "all"
	}
	var answer struct {
		Suspended bool
		Step      durable.Step
	}
	err := a.persist(ctx, http.MethodPost, "/api/leases/"+a.token+"/suspend", body, &answer)
	if err == nil && !answer.Suspended {
		return answer.Step, nil
	}
	var p *Problem
	if err != nil && !(errors.As(err, &p) && strings.HasSuffix(p.Type, "#stale-lease")) { // that may be the second try of one that has suspended it
		return durable.Step{}, err
	}
	a.mu.Lock()
	a.suspended = true // whoever has the task now, nothing more is to be reported
	a.mu.Unlock()
	return durable.Step{}, durable.ErrSuspended
}

// Children implements durable.Run.
func (a *attempt) Children(ctx context.Context, step string, f durable.Family, detached bool) error {
	body := struct {
		Step      string                   `json:"step"`
		Tasks     map[string]durable.Child `json:"tasks"`
		OnFailure string                   `json:"on_failure,omitempty"`
		Join      string                   `json:"join,omitempty"`
		Detached  bool                     `json:"detached,omitempty"`
	}{step, f.Tasks, f.OnFailure, "", detached}
	if f.Any {
		body.Join = "any"
	}
	err := a.persist(ctx, http.MethodPost, "/api/leases/"+a.token+"/children", body, nil)
	var p *Problem
	if errors.As(err, &p) && p.Step != nil { // an earlier attempt has asked for others, and these are there
		return nil
	}
	return err
}

// persist makes a call about the lease until it is answered, or the attempt is over. It does no harm to make it twice.
func (a *attempt) persist(ctx context.Context, method, path string, body, out any) error {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, longestCallPause) {
		_, err := a.run.client.do(ctx, call{method: method, path: path, body: body, again: true}, out)
		var p *Problem
		if err == nil || errors.As(err, &p) && p.Status < 500 && p.Status != http.StatusTooManyRequests {
			if p != nil && p.Status/100 == 4 && p.Status != http.StatusConflict {
				err = Permanent(err)
			}
			return err
		}
		wait := time.Duration((0.5 + mathrand.Float64()/2) * float64(pause))
		if p != nil {
			wait = max(wait, p.RetryAfter)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-a.ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: %w", context.Cause(a.ctx), err)
		}
	}
}

// isSuspended reports whether the attempt has suspended its task: its lease has ended.
func (a *attempt) isSuspended() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.suspended
}
