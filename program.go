package daybook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"daybook/api"
	"daybook/eventlog"
	"daybook/files"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// asked is what the program asks for. In a cluster the node that leads does it, for the programs of all nodes.
type asked struct {
	Submit []task.Submit `json:"submit,omitempty"`

	ID           ulid.ULID          `json:"id"` // of the task that one of these is for
	Cancel       *task.Cancel       `json:"cancel,omitempty"`
	Retry        *task.Retry        `json:"retry,omitempty"`
	Changes      *Changes           `json:"changes,omitempty"`
	Reprioritise *task.Reprioritise `json:"reprioritise,omitempty"`
	Snooze       *task.Snooze       `json:"snooze,omitempty"`
}

// ask does what the program asks for, or has the node that leads do it. An answer from there comes when this node shows it.
func (d *Daybook) ask(ctx context.Context, what asked) ([]scheduler.Submitted, error) {
	if err := d.ready(); err != nil {
		return nil, err
	}
	if d.node == nil {
		return d.decide(ctx, what)
	}
	if d.node.Leads() {
		done, err := d.decide(ctx, what)
		if !isOfNoLeader(err) {
			return done, err
		}
	}
	body, err := json.Marshal(what)
	if err != nil {
		return nil, fmt.Errorf("pass on to the node that leads: %w", err)
	}
	if len(body) > api.MaxPassed {
		return nil, fmt.Errorf("%w: the tasks are too large together to be passed on to the node that leads: submit fewer at once", eventlog.ErrInvalid)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+d.node.Name()+".node"+programPath, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("pass on to the node that leads: %w", err)
	}
	answer, err := inside{d.node.Own(program{d.api, d})}.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusServiceUnavailable {
		return nil, d.noLeader()
	}
	var a answered
	if err := json.NewDecoder(answer.Body).Decode(&a); err != nil || a.Error == nil && a.Done == nil {
		return nil, fmt.Errorf("%w: the node that leads gave no answer that this version can read: upgrade all nodes to the same version", eventlog.ErrUnknown)
	}
	if a.Error != nil {
		return nil, a.Error.err()
	}
	return a.Done, nil
}

// decide does what a program asks for, on this node.
func (d *Daybook) decide(ctx context.Context, what asked) ([]scheduler.Submitted, error) {
	var command task.Command
	switch {
	case what.Changes != nil:
		done, err := d.retryWith(ctx, what.ID, *what.Changes)
		return []scheduler.Submitted{done}, err
	case what.Cancel != nil:
		command = *what.Cancel
	case what.Retry != nil:
		command = *what.Retry
	case what.Reprioritise != nil:
		command = *what.Reprioritise
	case what.Snooze != nil:
		command = *what.Snooze
	default:
		return d.submit(ctx, what.Submit)
	}
	t, err := d.sched().Do(ctx, actorProgram, what.ID, command)
	return []scheduler.Submitted{{Task: given(t)}}, err
}

// noLeader is why nobody has decided what the program asks for.
func (d *Daybook) noLeader() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over == nil {
		return scheduler.ErrNotRunning
	}
	return scheduler.ErrLeadLost
}

// isOfNoLeader reports whether nothing happened because the node does not lead.
func isOfNoLeader(err error) bool {
	return errors.Is(err, scheduler.ErrLeadLost) || errors.Is(err, scheduler.ErrNotRunning)
}

// programPath is where nodes pass on what their programs ask for. Nobody else can call it.
const programPath = "/program"

// program is the API of a node with what programs ask for.
type program struct {
	*api.API
	d *Daybook
}

type ofNodeKey struct{}

// Within marks a request that a node sends for itself.
func (p program) Within(ctx context.Context, node string) context.Context {
	ctx = p.API.Within(ctx, node)
	if node != "" {
		ctx = context.WithValue(ctx, ofNodeKey{}, true)
	}
	return ctx
}

func (p program) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if own, _ := r.Context().Value(ofNodeKey{}).(bool); !own || r.URL.Path != programPath {
		p.API.ServeHTTP(w, r)
		return
	}
	var what asked
	err := json.NewDecoder(r.Body).Decode(&what)
	if err != nil {
		p.Refuse(w, r, fmt.Errorf("%w: %w", eventlog.ErrInvalid, err))
		return
	}
	done, err := p.d.decide(r.Context(), what)
	if err != nil {
		p.Refuse(w, r, err)
		return
	}
	_ = json.NewEncoder(w).Encode(answered{Done: done}) // who is gone needs no answer
}

// Refuse answers with an error, to a program so that it gets the same one.
func (p program) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.URL.Path != programPath || isOfNoLeader(err) { // then the node that asks tries again
		p.API.Refuse(w, r, err)
		return
	}
	_ = json.NewEncoder(w).Encode(answered{Error: passedOf(err)})
}

// answered is the answer to a program of another node.
type answered struct {
	Done  []scheduler.Submitted `json:"done,omitempty"`
	Error *passed               `json:"error,omitempty"`
}

// passed is an error on its way to another node.
type passed struct {
	Text    string         `json:"text"`
	Is      []string       `json:"is,omitempty"`
	Refusal *passedRefusal `json:"refusal,omitempty"`
	Index   *int           `json:"index,omitempty"` // of a scheduler.BatchError
}

type passedRefusal struct {
	Kind   string            `json:"kind"`
	Status task.Status       `json:"status"`
	Detail string            `json:"detail"`
	Fields []task.FieldError `json:"fields"`
	Other  ulid.ULID         `json:"other"`
}

// known are the errors that a program may look for.
var known = map[string]error{
	"task.invalid": task.ErrInvalid, "task.exists": task.ErrExists, "task.not-found": task.ErrNotFound, "task.not-pending": task.ErrNotPending,
	"task.ended": task.ErrEnded, "task.not-ended": task.ErrNotEnded, "task.succeeded": task.ErrSucceeded, "task.erased": task.ErrErased,
	"task.stopping": task.ErrStopping, "task.key-reused": task.ErrKeyReused, "task.queue-full": task.ErrQueueFull,
	"task.not-unique": task.ErrNotUnique, "task.key-busy": task.ErrKeyBusy, "task.dependency": task.ErrDependency, "task.too-many-types": task.ErrTooManyTypes,
	"scheduler.busy": scheduler.ErrBusy, "scheduler.stopped": scheduler.ErrStopped, "scheduler.not-running": scheduler.ErrNotRunning,
	"scheduler.lead-lost": scheduler.ErrLeadLost, "scheduler.read-only": scheduler.ErrReadOnly,
	"projection.not-found": projection.ErrNotFound, "projection.rebuilding": projection.ErrRebuilding,
	"eventlog.invalid": eventlog.ErrInvalid, "eventlog.full": eventlog.ErrFull, "eventlog.moved": eventlog.ErrMoved, "eventlog.damaged": eventlog.ErrDamaged,
	"eventlog.unknown": eventlog.ErrUnknown, "eventlog.unavailable": eventlog.ErrUnavailable, "eventlog.closed": eventlog.ErrClosed,
	"files.not-found": files.ErrNotFound, "files.damaged": files.ErrDamaged,
}

// passedOf makes an error ready to be passed.
func passedOf(err error) *passed {
	p := &passed{Text: err.Error()}
	var batch *scheduler.BatchError
	if errors.As(err, &batch) {
		p.Index = &batch.Index
	}
	var refusal *task.Refusal
	if errors.As(err, &refusal) {
		p.Refusal = &passedRefusal{Status: refusal.Status, Detail: refusal.Detail, Fields: refusal.Fields, Other: refusal.Other}
	}
	for name, one := range known {
		if !errors.Is(err, one) {
			continue
		}
		p.Is = append(p.Is, name)
		if refusal != nil && refusal.Kind == one { //nolint:errorlint // it is one of them, or wraps none
			p.Refusal.Kind = name
		}
	}
	return p
}

// err is the error as it was.
func (p *passed) err() error {
	var err error
	if r := p.Refusal; r != nil && known[r.Kind] != nil {
		err = &task.Refusal{Kind: known[r.Kind], Status: r.Status, Detail: r.Detail, Fields: r.Fields, Other: r.Other}
	} else {
		other := &passedError{text: p.Text}
		for _, name := range p.Is {
			if one := known[name]; one != nil {
				other.is = append(other.is, one)
			}
		}
		err = other
	}
	if p.Index != nil {
		err = &scheduler.BatchError{Index: *p.Index, Err: err}
	}
	return err
}

// passedError is an error of another node.
type passedError struct {
	text string
	is   []error
}

func (e *passedError) Error() string { return e.text }

// Unwrap gives what it is to errors.Is.
func (e *passedError) Unwrap() []error { return e.is }
