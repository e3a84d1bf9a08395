package projection

import (
	"daybook/projection/viewfile"
	"daybook/task"
)

// What the events have charged keys with is in the view file: see docs/adr/0037. All else about keys follows from
// the limits of the queues and from the tasks.

// changedKeys returns what is to be written of the keys that have changed, and those keys. Later
// changes are noted anew.
func (s *keyQueues) changedKeys() ([]viewfile.Key, []*key) {
	changed := s.dirty
	s.dirty = nil
	rows := make([]viewfile.Key, len(changed))
	for i, k := range changed {
		k.noted = false
		rows[i] = viewfile.Key{Queue: k.queue.name, Key: k.name, Due: k.due, Finish: k.finish, Gone: k.gone}
	}
	return rows, changed
}

// saveVirtual notes the virtual times of queues where the view file keeps them.
func (v *Views) saveVirtual() {
	states := foldIn[*queueStates](v.streams).States
	for name, q := range v.order.keyed.byName {
		s, some := states[name]
		if !some {
			continue // the queue of workflows has a rule that nobody has set
		}
		s.Virtual, s.VirtualAt = q.virtual, q.at
		states[name] = s
	}
}

// loadKeys takes in the rules for keys that the queues have, and what the file says of keys. No task is loaded yet.
func (v *Views) loadKeys(file *viewfile.File) error {
	foldIn[*queueStates](v.streams).countWeights()
	for name, s := range foldIn[*queueStates](v.streams).States {
		if rules := s.Limits.KeyRules(); rules != (KeyRules{}) {
			q := v.order.keyed.add(name, rules)
			q.virtual, q.at = s.Virtual, s.VirtualAt
		}
	}
	return file.Keys(func(saved viewfile.Key) {
		q := v.order.keyed.byName[saved.Queue]
		if q == nil {
			return
		}
		k := q.of(saved.Key)
		k.due, k.finish = saved.Due, saved.Finish
		if q.rules.Rate > 0 {
			v.order.keyed.park(k, 0)
		}
	})
}

// charged folds what the start of a task costs its key.
func (v *Views) charged(t *task.Task, at task.Micros) {
	queues := foldIn[*queueStates](v.streams)
	queues.started(t, at)
	queues.charge(t)
	v.order.started(t, at)
}

// attemptEnded folds how long an attempt ran that was charged.
func (v *Views) attemptEnded(t *task.Task, charge, ran task.Micros) {
	if charge == 0 {
		return
	}
	queues := foldIn[*queueStates](v.streams)
	queues.ran(t, ran)
	queues.correct(t, ran-charge)
	v.order.stopped(t, ran-charge)
}
