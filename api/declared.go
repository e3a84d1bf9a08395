package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"daybook/intake"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

// actorConfig is the actor of what the configuration file declares.
const actorConfig = "config"

// Declared is what a configuration file declares.
type Declared struct {
	File      string                     // its name, without a folder
	Queues    map[string]json.RawMessage // by name: limits, as PATCH /api/queues/{name} takes them; what is left out is no limit
	Schedules map[string]json.RawMessage // by name: as PUT /api/schedules/{name} takes them
}

// TypesOf is the task types that a schedule submits, by their pointers in it: /task/task_type, /workflow/tasks/a/task_type.
func (d Declared) TypesOf(schedule string) map[string]string {
	type submit struct {
		Type string `json:"task_type"`
	}
	var s struct {
		Task     submit
		Workflow struct {
			Tasks map[string]submit
			OnEnd submit `json:"on_end"`
		}
	}
	types := map[string]string{}
	if json.Unmarshal(d.Schedules[schedule], &s) != nil {
		return types
	}
	add := func(pointer, name string) {
		if name != "" {
			types[pointer+"/task_type"] = name
		}
	}
	add("/task", s.Task.Type)
	add("/workflow/on_end", s.Workflow.OnEnd.Type)
	for name, one := range s.Workflow.Tasks {
		add("/workflow/tasks/"+jsontext.EscapePointer(name), one.Type)
	}
	return types
}

// Declaration is a Declared that has been read. Its zero value declares nothing.
type Declaration struct {
	file      string
	queues    map[string]projection.QueueLimits
	schedules map[string]*scheduleRequest
}

// ReadDeclared reads what is declared. It returns what is wrong, with pointers such as
// /queues/mail/concurrency.
func ReadDeclared(in *intake.Intake, d Declared) (*Declaration, []task.FieldError) {
	read := &Declaration{file: d.File, queues: map[string]projection.QueueLimits{}, schedules: map[string]*scheduleRequest{}}
	var bad []task.FieldError
	for _, name := range slices.Sorted(maps.Keys(d.Queues)) {
		limits, wrong := declaredQueue(name, d.Queues[name])
		bad = append(bad, under("/queues/"+jsontext.EscapePointer(name), wrong)...)
		read.queues[name] = limits
	}
	for _, name := range slices.Sorted(maps.Keys(d.Schedules)) {
		s, wrong := declaredSchedule(in, name, d.Schedules[name])
		bad = append(bad, under("/schedules/"+jsontext.EscapePointer(name), wrong)...)
		read.schedules[name] = s
	}
	if bad != nil {
		return nil, bad
	}
	return read, nil
}

func declaredQueue(name string, text []byte) (limits projection.QueueLimits, bad []task.FieldError) {
	if !task.NewName(name) {
		return limits, []task.FieldError{{Pointer: "", Detail: "has a name that " + task.NameRule}}
	}
	body, bad := declaredObject(text)
	if bad != nil {
		return limits, bad
	}
	changes, bad := readLimits(body)
	for _, change := range changes {
		change(&limits)
	}
	return limits, append(bad, checkLimits(limits)...)
}

func declaredSchedule(in *intake.Intake, name string, text []byte) (*scheduleRequest, []task.FieldError) {
	var bad []task.FieldError
	if (object{"", &bad}).scheduleName(jsontext.AppendString(nil, name)); bad != nil {
		return nil, bad
	}
	body, bad := declaredObject(text)
	if bad != nil {
		return nil, bad
	}
	s, err := readSchedule(in, body, name)
	if wrong, ok := errors.AsType[*problem](err); ok {
		return nil, wrong.Fields
	}
	return s, nil
}

// declaredObject is the canonical text of an object.
func declaredObject(text []byte) ([]byte, []task.FieldError) {
	body, err := jsontext.Canonical(nil, text, maxDepth+4)
	if err != nil || !jsontext.IsObject(body) {
		return nil, []task.FieldError{{Pointer: "", Detail: "must be a table"}}
	}
	return body, nil
}

// Protect refuses requests that change what is declared, from now on. Declare does it too.
func (a *API) Protect(d *Declaration) { a.declared.Store(d) }

// Declare makes the queues and schedules as they are declared, by the commands that requests use:
// what is so already writes nothing. From then on requests cannot change them. What was declared
// before, and is not any more, stays as it is. It waits until the scheduler runs. Errors: those of
// commands; it goes on with the rest.
func (a *API) Declare(ctx context.Context, d *Declaration) error {
	a.Protect(d)
	var all []error
	for _, name := range slices.Sorted(maps.Keys(d.queues)) {
		limits := d.queues[name]
		err := a.sched().Record(ctx, actorConfig, func() ([]scheduler.Other, error) {
			if a.Views.QueueState(name).Limits == limits {
				return nil, nil
			}
			return a.queueEvent(name, "queue.limits_set", projection.EncodeQueueLimits(limits), nil)
		})
		if err != nil {
			all = append(all, fmt.Errorf("queue %s: %w", name, err))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.schedules)) {
		s := d.schedules[name]
		_, err := a.sched().Schedule(ctx, actorConfig, s.command(scheduler.SchedulePut))
		if err != nil {
			all = append(all, fmt.Errorf("schedule %s: %w", name, err))
		}
	}
	return errors.Join(all...)
}

// queueDeclaredIn is the file that declares the limits of a queue, "" for none.
func (a *API) queueDeclaredIn(name string) string {
	if d := a.declared.Load(); d != nil {
		if _, ok := d.queues[name]; ok {
			return d.file
		}
	}
	return ""
}

// scheduleDeclaredIn is the file that declares a schedule, "" for none.
func (a *API) scheduleDeclaredIn(name string) string {
	if d := a.declared.Load(); d != nil && d.schedules[name] != nil {
		return d.file
	}
	return ""
}

// mayChange refuses a change of what a file declares; file "" = none does.
func mayChange(what, name, file string) error {
	if file == "" {
		return nil
	}
	return &problem{Status: http.StatusConflict, Kind: kindDeclared,
		Detail: fmt.Sprintf("The %s %s is declared in %s. Nothing was changed; change it there and send SIGHUP to the server.", what, name, file)}
}
