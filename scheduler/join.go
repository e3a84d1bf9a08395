package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// A task that waits for its children goes on with what became of each. That is read outside of the loop, which then decides whether it
// is still so.

// Limits of the value of a join.
const (
	maxJoinResult  = 64 << 10 // bytes of one result or error
	maxJoinResults = 1 << 20  // of all together
	maxJoinRead    = 32 << 20 // that are read to find those
)

// joined is the part of a request that ends a wait for children.
type joined struct {
	changes int64 // of the family when it was read
	err     error // it could not be read
}

// join begins to read what became of the children that a task waits for, unless that goes on already.
func (l *loop) join(id ulid.ULID, w *task.Wait, changes int64) {
	if l.joining[id] {
		return
	}
	l.joining[id] = true
	l.joins.Go(func() {
		ctx, stop := context.WithCancel(context.Background())
		defer context.AfterFunc(l.ending, stop)()
		defer stop()
		value, outcome, err := l.s.joinValue(ctx, id, w.From)
		if err != nil {
			l.s.o.Logger.Error("a task cannot go on with the results of its children; it is tried again", "task", id.String(), "error", err)
			select {
			case <-time.After(fullProbe):
			case <-l.ending.Done():
			}
		}
		r := &request{actor: ActorScheduler, id: id, joined: &joined{changes, err}, done: make(chan answer, 1),
			command: task.Wake{Step: w.Step, Outcome: outcome, Value: value}}
		for l.ending.Err() == nil && l.s.enqueue(l.ending, r) != nil {
		}
	})
}

// endJoin decides a request that ends a wait for children.
func (l *loop) endJoin(rd *round, r *request) {
	delete(l.joining, r.id)
	if !l.isJoined(rd, r) || l.appendOwn(rd, rd.get(r.id), r.command) == 0 {
		poke(l.s.nudge) // it is due as before, if it still waits
	}
}

// isJoined reports whether the task waits for its children as when they were read.
func (l *loop) isJoined(rd *round, r *request) bool {
	state := rd.get(r.id)
	if r.joined.err != nil || state == nil || state.Waits() == nil || rd.openChildren(r.id) != l.s.o.Views.OpenChildren(r.id) {
		return false
	}
	settled, failed, changes := l.s.o.Views.Settled(r.id, state.Waits().From)
	return settled && !failed && changes == r.joined.changes
}

// joinValue is what became of the children of a step of a task, or of all if it is "": a JSON object by their names.
func (s *Scheduler) joinValue(ctx context.Context, parent ulid.ULID, step string) ([]byte, task.StepOutcome, error) {
	var children []task.Task
	err := s.o.Views.Children(ctx, parent, func(t *task.Task) {
		if t.IsMinded() && (step == "" || t.Kin.Step == step) {
			children = append(children, *t)
		}
	})
	if err != nil {
		return nil, 0, err
	}
	texts, err := s.readEnds(ctx, children)
	if err != nil {
		return nil, 0, err
	}
	var w jsontext.Writer
	w.Object()
	outcome, taken := task.StepCancelled, make(map[string]bool, len(children))
	for i := range children {
		t := &children[i]
		if t.Status != task.Cancelled {
			outcome = task.StepFired
		}
		name := t.Kin.Name
		if taken[name] { // of another step
			name = t.Kin.Step + "/" + name
		}
		taken[name] = true
		w.Key(name).Object()
		w.Key("id").String(t.Name())
		w.Key("status").String(t.Status.String())
		switch {
		case t.Erased && t.Status == task.Success:
			w.Key("result_data").Null()
			w.Key("erased").Bool(true)
		case t.Erased:
			w.Key("error_message").Null()
			w.Key("erased").Bool(true)
		case texts[i] == nil && (t.ResultSeq != 0 || t.ErrorSeq != 0):
			w.Key("result_truncated").Bool(true)
		case texts[i] != nil && t.Status == task.Success:
			w.Key("result_data").Raw(texts[i])
		case texts[i] != nil:
			w.Key("error_message").Raw(texts[i])
		}
		w.EndObject()
	}
	w.EndObject()
	if len(children) == 0 {
		outcome = task.StepFired
	}
	return w, outcome, nil
}

// endsPage is how many results are read at a time.
const endsPage = 200

// readEnds reads the results and errors of tasks: JSON values, nil for those that have none or for which there is no room.
func (s *Scheduler) readEnds(ctx context.Context, tasks []task.Task) ([][]byte, error) {
	texts := make([][]byte, len(tasks))
	var seqs []int64
	var places []int
	room, left := maxJoinResults, maxJoinRead
	for i := range tasks {
		t := &tasks[i]
		seq := t.ResultSeq
		if t.Status != task.Success {
			seq = t.ErrorSeq
		}
		if seq != 0 && !t.Erased { // its payload may not be deleted yet
			seqs, places = append(seqs, seq), append(places, i)
		}
		if len(seqs) < endsPage && i+1 < len(tasks) {
			continue
		}
		err := s.o.Payloads.GetMany(ctx, seqs, func(k int, body []byte, err error) error {
			if errors.Is(err, eventlog.ErrErased) || errors.Is(err, eventlog.ErrNotFound) || errors.Is(err, eventlog.ErrDamaged) {
				return nil
			}
			if left -= len(body); tasks[places[k]].Status != task.Success {
				body = errorIn(body)
			}
			if len(body) <= min(maxJoinResult, room) {
				texts[places[k]], room = body, room-len(body)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read the results of children: %w", err)
		}
		if seqs, places = seqs[:0], places[:0]; left <= 0 || room == 0 {
			break
		}
	}
	return texts, nil
}

// errorIn is the text of an error in the payload of a failure, as JSON.
func errorIn(body []byte) []byte {
	for key, value := range jsontext.Members(body) {
		if string(key) == "error" {
			return value
		}
	}
	return nil
}
