package projection

import (
	"maps"

	"daybook/task"
)

// DefaultWeight is the weight of a queue that has none, once another queue has one.
const DefaultWeight = 100

// weights is how queues take turns, while one of them has a weight: by start-time fair queuing, as keys do
// in a queue, but with a share for each. It is part of the fold of queues.
type weights struct {
	Virtual  task.Micros            `json:"virtual,omitzero"`
	Finishes map[string]task.Micros `json:"finishes,omitempty"` // by queue: the virtual time at which what it was charged with ends
}

// mostFinishes is how many queues are remembered before those are forgotten that are not ahead.
const mostFinishes = 2 * MaxQueues

// weighted reports whether a queue has a weight.
func (q *queueStates) weighted() bool { return q.weightedQueues > 0 }

// countWeights counts the queues that have a weight.
func (q *queueStates) countWeights() {
	q.weightedQueues = 0
	for _, s := range q.States {
		if s.Limits.Weight > 0 {
			q.weightedQueues++
		}
	}
	if q.weightedQueues == 0 {
		q.Weights = weights{}
	}
}

// share is what a run time counts for in a queue.
func (q *queueStates) share(queue string, run task.Micros) task.Micros {
	weight := q.States[queue].Limits.Weight
	if weight == 0 {
		weight = DefaultWeight
	}
	return run * DefaultWeight / task.Micros(weight)
}

// charge charges the queue with the start of a task.
func (q *queueStates) charge(t *task.Task) {
	if !q.weighted() || t.Held().Charge == 0 {
		return
	}
	w := &q.Weights
	if w.Finishes == nil {
		w.Finishes = make(map[string]task.Micros)
	}
	w.Virtual = max(w.Virtual, w.Finishes[t.Queue])
	w.Finishes[t.Queue] = w.Virtual + q.share(t.Queue, t.Held().Charge)
	if len(w.Finishes) > mostFinishes {
		maps.DeleteFunc(w.Finishes, func(_ string, finish task.Micros) bool { return finish <= w.Virtual })
	}
}

// correct corrects what the queue was charged with, now that it is known how long the task ran.
func (q *queueStates) correct(t *task.Task, correction task.Micros) {
	if !q.weighted() {
		return
	}
	w := &q.Weights
	if w.Finishes == nil {
		w.Finishes = make(map[string]task.Micros)
	}
	w.Finishes[t.Queue] = max(w.Virtual, w.Finishes[t.Queue]) + q.share(t.Queue, correction)
}

// queueTurns is how far the queues are ahead, with the starts that are decided.
type queueTurns struct {
	states   *queueStates
	virtual  task.Micros
	finishes map[string]task.Micros // of queues that start tasks; the others are as in states
}

// finish returns the virtual time at which what the queue was charged with ends.
func (t *queueTurns) finish(queue string) task.Micros {
	if finish, ok := t.finishes[queue]; ok {
		return finish
	}
	return t.states.Weights.Finishes[queue]
}

// ahead returns the same where the queue is ahead of the virtual time, else 0.
func (t *queueTurns) ahead(queue string) task.Micros {
	if finish := t.finish(queue); finish > t.states.Weights.Virtual {
		return finish
	}
	return 0
}

// start charges a queue with a start that is decided.
func (t *queueTurns) start(s *task.Task) {
	if t.finishes == nil {
		t.finishes, t.virtual = make(map[string]task.Micros), t.states.Weights.Virtual
	}
	t.virtual = max(t.virtual, t.finish(s.Queue))
	t.finishes[s.Queue] = t.virtual + t.states.share(s.Queue, s.Held().Charge)
}
