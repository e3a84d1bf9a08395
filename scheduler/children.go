package scheduler

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// NewChildren are children that an attempt makes in a step, in one commit.
type NewChildren struct {
	Step      string // see task.ValidStepName; the task has no other step of the name
	Names     []string
	Submits   []task.Submit // by the names; of their Kin only Detached is looked at
	OnFailure task.OnChildFailure
	Any       bool     // one success is enough
	Request   [32]byte // SHA-256 of what asks for them: the same step is to ask for the same
}

// childrenAsked is the part of a request that is about children.
type childrenAsked struct {
	*NewChildren
	value []byte // of the step
}

// MakeChildren makes children of the task that the token holds. If the step has made them before, it returns those, as they stand. Errors: ErrNoLease,
// *OtherValueError (the step is there and was asked for something else), *BatchError for one of the submits, a *task.Refusal with task.ErrStopping for a task that is
// being cancelled or with task.ErrInvalid for too many children or generations, and those of commands.
func (s *Scheduler) MakeChildren(ctx context.Context, actor, token string, c *NewChildren) ([]Submitted, error) {
	l := s.leases.find(token)
	if l == nil {
		return nil, ErrNoLease
	}
	build := s.leases.heard(l, time.Now())
	made, err := s.makeChildren(ctx, &request{actor: actor, id: l.id, lease: l, command: task.RecordSteps{Fence: l.fence, Build: build}}, c)
	if errors.Is(err, task.ErrStale) {
		err = ErrNoLease
	}
	return made, err
}

// makeChildren makes children of a local attempt.
func (a *attempt) makeChildren(ctx context.Context, c *NewChildren) ([]Submitted, error) {
	return a.s.makeChildren(ctx, &request{actor: ActorScheduler, id: a.id, command: task.RecordSteps{Fence: a.fence, Build: a.s.o.Version}}, c)
}

func (s *Scheduler) makeChildren(ctx context.Context, r *request, c *NewChildren) ([]Submitted, error) {
	for i := range c.Submits {
		if bad := s.wrongChild(&c.Submits[i]); bad != nil {
			return nil, &BatchError{i, &task.Refusal{Kind: task.ErrInvalid, Fields: bad}}
		}
	}
	r.submits, r.children = c.Submits, &childrenAsked{c, c.stepValue()}
	r.steps = &stepsAsked{found: make([]foundStep, 1)}
	var a answer
	err := s.askOfSteps(ctx, r, &a)
	if err != nil || !r.steps.found[0].before {
		return a.tasks, err
	}
	asked := []task.NewStep{{Name: c.Step, Value: r.children.value}}
	if err := s.compareSteps(ctx, r.id, asked, make([]Step, 1), []int{0}); err != nil {
		return nil, err
	}
	made := make([]Submitted, len(c.Names))
	for i, name := range c.Names {
		if made[i].Task, err = s.now(ctx, task.ChildID(r.id, c.Step, name)); err != nil {
			return nil, fmt.Errorf("look for the child %s: %w", name, err)
		}
		made[i].Replayed = true
	}
	return made, nil
}

// wrongChild is what is wrong with the submit of a child, nil for nothing.
func (s *Scheduler) wrongChild(c *task.Submit) []task.FieldError {
	switch {
	case !s.o.Runner.Knows(c.Type):
		return []task.FieldError{{Pointer: "/task_type", Detail: "must be a known task type"}}
	case c.IdempotencyKey != "":
		return []task.FieldError{{Pointer: "/idempotency_key", Detail: "must not be given: a child is made once, by its name"}}
	case c.Unique != nil:
		return []task.FieldError{{Pointer: "/unique", Detail: "must not be given: a child is made once, by its name. A concurrency_key keeps tasks from running at the same time"}}
	}
	return nil
}

// stepValue is the value of the step that makes the children.
func (c *NewChildren) stepValue() []byte {
	join := "all"
	if c.Any {
		join = "any"
	}
	var w jsontext.Writer
	w.Object()
	w.Key("count").Int(int64(len(c.Names)))
	w.Key("join").String(join)
	w.Key("on_failure").String(c.OnFailure.String())
	w.Key("sha256").String(hex.EncodeToString(c.Request[:]))
	w.EndObject()
	return w
}

// makeChildren decides a request for children: their submits and the step of the parent are one entry.
func (l *loop) makeChildren(rd *round, r *request, parent *task.Task, set *stepSet) {
	if event, touched := rd.stepEvent(stepName{r.id, r.children.Step}); touched {
		r.steps.found[0].before = event != nil
	} else {
		_, r.steps.found[0].before = set.names[r.children.Step]
	}
	var refusal error
	switch {
	case r.steps.found[0].before:
	case parent.CancelRequested:
		refusal = &task.Refusal{Kind: task.ErrStopping, Status: parent.Status, Detail: "stop the attempt; no children were made"}
	default:
		refusal = l.mayHaveChildren(parent, len(r.children.Names))
	}
	if refusal != nil || r.steps.found[0].before {
		rd.size++
		rd.reply(r, answer{err: refusal})
		return
	}
	b := &batch{r: r, news: make([]newTask, len(r.submits)), answers: make([]Submitted, len(r.submits))}
	made, err := rd.decideChildren(b, parent)
	if err == nil {
		err = l.closeChildren(rd, b, parent, made)
	}
	if err != nil {
		rd.size++
		rd.reply(r, answer{err: err})
	}
}

// mayHaveChildren refuses more children or generations than there may be.
func (l *loop) mayHaveChildren(parent *task.Task, n int) error {
	k := parent.KinNow()
	tooMany := func(detail string) error {
		return &task.Refusal{Kind: task.ErrInvalid, Fields: []task.FieldError{{Pointer: "/tasks", Detail: detail}}}
	}
	switch {
	case k.Depth >= task.MaxGenerations:
		return tooMany(fmt.Sprintf("would be generation %d below a task without a parent; there are at most %d. Submit them as tasks of their own", k.Depth+1, task.MaxGenerations))
	case n > task.MaxStepChildren:
		return tooMany(fmt.Sprintf("has %d members; a step makes at most %d children. Make them in several steps", n, task.MaxStepChildren))
	case k.Children+n > task.MaxChildren:
		return tooMany(fmt.Sprintf("has %d members; the task has made %d of at most %d children. Let children make children, or submit tasks of their own", n, k.Children, task.MaxChildren))
	}
	return nil
}

// decideChildren decides the submits of children, and returns how many of them are new: if a step was forgotten, its children
// may be there.
func (rd *round) decideChildren(b *batch, parent *task.Task) (made int, err error) {
	c := b.r.children
	above := parent.KinNow()
	mayExist := parent.Steps != nil && parent.Steps.Changes != int64(parent.Steps.Count)
	for i := range b.r.submits {
		own := &b.r.submits[i]
		id := task.ChildID(parent.ID, c.Step, c.Names[i])
		if mayExist {
			rd.l.views.missing = nil
			before := rd.get(id)
			if rd.l.views.missing != nil {
				return 0, rd.l.views.missing
			}
			if before != nil {
				b.answers[i] = Submitted{Task: *before, Replayed: true}
				continue
			}
		}
		own.Kin = &task.Kin{Parent: parent.ID, Step: c.Step, Name: c.Names[i], Workflow: above.Workflow, Depth: above.Depth + 1,
			Detached: own.Kin != nil && own.Kin.Detached, OnFailure: c.OnFailure, Any: c.Any}
		if refusal := rd.decideSubmit(b, i); refusal != nil {
			return 0, &BatchError{i, refusal}
		}
		made++
	}
	return made, nil
}

// closeChildren puts the children and the step of their parent into the round.
func (l *loop) closeChildren(rd *round, b *batch, parent *task.Task, made int) error {
	r := b.r
	command := r.command.(task.RecordSteps)
	command.Steps = []task.NewStep{{Name: r.children.Step, Value: r.children.value, Kind: task.StepChildren, Children: made}}
	decided, refusal := rd.decideOn(parent, command)
	if refusal != nil {
		return refusal
	}
	rd.begin(r.actor, false, func(err error) { b.answer(rd, err) })
	rd.add(rd.own(r.id, parent), r.id, decided)
	for i := range b.news {
		if b.news[i].decided != nil {
			rd.addNew(b, i)
		}
	}
	rd.size += made + 1
	return nil
}

// idOf is the id of a new task: that of a child follows from its parent, its step and its name.
func (rd *round) idOf(c *task.Submit) ulid.ULID {
	if k := c.Kin; k != nil && k.Step != "" {
		return task.ChildID(k.Parent, k.Step, k.Name)
	}
	return rd.l.ids.next(rd.now)
}

// Hash is the Request of children whose submits were asked for as these bodies, in canonical JSON: the same for two spellings of one request.
func (c *NewChildren) Hash(detached bool, bodies [][]byte) (sum [32]byte) {
	order := make([]int, len(c.Names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(c.Names[a], c.Names[b]) })
	h := sha256.New()
	fmt.Fprint(h, c.OnFailure, c.Any, detached)
	for _, i := range order {
		h.Write([]byte("\n" + c.Names[i] + "\n"))
		h.Write(jsontext.AppendRFC8785(nil, bodies[i]))
	}
	h.Sum(sum[:0])
	return sum
}
