package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/task"
)

// approvals answers GET /api/approvals: the tasks that wait for a person, those that wait longest first.
func (a *API) approvals(p *reply, r *http.Request) error {
	q, err := queryOf(r, "after", "limit")
	if err != nil {
		return err
	}
	after := q.integer("after", 0, 0, 1<<62)
	limit := int(q.integer("limit", 100, 1, projection.MaxLimit))
	if err := q.err(); err != nil {
		return err
	}
	if err := q.checkLink(p, "/api/approvals", "after", longestSeq, "ask for fewer"); err != nil {
		return err
	}
	buffer := borrow()
	defer giveBack(buffer)
	w := (*jsontext.Writer)(buffer)
	w.Array()
	for n := 0; ; {
		tasks, seq := a.Views.Approvals(after, limit)
		p.shows(seq)
		for i := range tasks {
			t := &tasks[i]
			after = t.Waits().Seq
			if p.caller.limited() && !p.caller.token.Allows(t.Type, t.Queue) {
				continue
			}
			if n == limit {
				break
			}
			if err := a.writeApproval(r.Context(), w.Item(), t); err != nil {
				return err
			}
			if n++; n == limit && (i+1 < len(tasks) || len(tasks) == limit) {
				p.Header()["Link"] = []string{q.next(p, "/api/approvals", "after", itoa(after))}
			}
		}
		if n == limit || len(tasks) < limit {
			break
		}
	}
	w.EndArray()
	return p.send(typeJSON, *w)
}

// asked is what is asked of a person.
type asked struct {
	title  []byte // a JSON string
	fields []byte // a JSON Schema; nil = any object
}

// askedBy reads what a suspended task asks. What was damaged is left out.
func (a *API) askedBy(ctx context.Context, t *task.Task) (what asked, err error) {
	body, err := a.Payloads.Get(ctx, t.Waits().Seq)
	if errors.Is(err, eventlog.ErrDamaged) || errors.Is(err, eventlog.ErrErased) {
		return asked{}, nil
	}
	for key, value := range jsontext.Members(body) {
		switch string(key) {
		case "title":
			what.title = bytes.Clone(value)
		case "fields":
			what.fields = bytes.Clone(value)
		}
	}
	return what, err
}

func (a *API) writeApproval(ctx context.Context, w *jsontext.Writer, t *task.Task) error {
	what, err := a.askedBy(ctx, t)
	if err != nil {
		return err
	}
	wait := t.Waits()
	w.Object()
	writeID(w.Key("task_id"), t.ID)
	w.Key("task_type").String(t.Type)
	w.Key("queue").String(t.Queue)
	w.Key("subject").OptionalString(t.Subject())
	w.Key("step").String(wait.Step)
	w.Key("role").String(wait.From)
	w.Key("title").Raw(what.title)
	w.Key("fields").Raw(what.fields)
	w.Key("since").Time(int64(wait.Since))
	w.Key("until").OptionalTime(int64(wait.Until))
	w.EndObject()
	return nil
}

// answerApproval answers POST /api/tasks/{id}/approvals/{step}.
func (a *API) answerApproval(p *reply, r *http.Request) error {
	text, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	id, err := a.taskID(p, r)
	if err != nil {
		return err
	}
	t, _, err := a.Views.Get(r.Context(), id)
	if err != nil {
		return err
	}
	wait := t.Waits()
	if wait == nil || wait.Step != p.step || wait.Kind != task.StepApproval {
		return &task.Refusal{Kind: task.ErrNotWaiting, Status: t.Status}
	}
	if token := p.caller.token; token != nil && !token.Role.Includes(projection.Role(wait.From)) {
		return forbidden("This approval needs the role " + wait.From + ", and the token " + token.Name + " has the role " + string(token.Role) +
			". Use a token that has it, or ask somebody who has one.")
	}
	what, err := a.askedBy(r.Context(), &t)
	if err != nil {
		return err
	}
	value, bad := a.readAnswer(text, what.fields, p.caller.actor())
	if bad != nil {
		return invalids(bad)
	}
	after, err := a.sched().AnswerApproval(r.Context(), p.caller.actor(), id, p.step, value)
	if err != nil {
		return err
	}
	return a.sendTask(p, r, &after, after.LastSeq)
}

// readAnswer makes the value of the step out of the answer of a person.
func (a *API) readAnswer(text, fields []byte, by string) (value []byte, bad []task.FieldError) {
	var approve, said bool
	var answer []byte
	var reason string
	o := object{"", &bad}
	o.each(text, func(o object, key string, value []byte) bool {
		switch key {
		case "approve":
			approve, said = o.yes(value), true
		case "answer":
			if !jsontext.IsNull(value) {
				if answer = bytes.Clone(value); !jsontext.IsObject(value) {
					o.wrong("must be a JSON object")
				}
			}
		case "reason":
			if !jsontext.IsNull(value) {
				reason = o.plainText(value, 0, maxStepReason)
			}
		default:
			return false
		}
		return true
	})
	if !said && bad == nil {
		object{"/approve", &bad}.wrong("must be given: true or false")
	}
	if bad == nil && approve && fields != nil { // who refuses need not fill in the form
		if answer == nil {
			answer = []byte("{}")
		}
		answer, bad = a.Intake.Types.CheckAnswer(fields, answer)
	}
	if len(answer) > task.MaxStepValue {
		object{"/answer", &bad}.wrong("must have at most 256 KiB")
	}
	if bad != nil {
		return nil, bad
	}
	var w jsontext.Writer
	w.Object()
	w.Key("approved").Bool(approve)
	w.Key("answer").Raw(answer)
	w.Key("reason").OptionalString(reason)
	w.Key("by").String(by)
	w.EndObject()
	return w, nil
}
