package projection

import (
	"daybook/task"
)

// KeyRules are the limits of a queue that apply to each concurrency key. The zero value is none.
type KeyRules struct {
	Concurrency int     // attempts of a key at one time; 0 = no limit
	Rate        float64 // starts of a key a second; 0 = no limit
	Burst       int     // starts of a key that may come at once; 0 = 1
	Fair        bool    // keys take turns
}

// KeyRules returns those of the limits that apply to each key.
func (l QueueLimits) KeyRules() KeyRules {
	return KeyRules{l.KeyConcurrency, l.KeyRate, l.KeyBurst, l.FairKeys}
}

func (r KeyRules) pace() Pace { return Pace{r.Rate, r.Burst} }

// Pace is a rate of starts with a burst.
type Pace struct {
	Rate  float64 // starts a second, in the long run
	Burst int     // starts that may come at once; 0 = 1
}

// Interval is the distance between two starts at the rate.
func (p Pace) Interval() task.Micros {
	if p.Rate <= 0 {
		return 0
	}
	return max(task.Micros(float64(task.Second)/p.Rate), 1)
}

// StartsAt returns when the next start is allowed, for a theoretical arrival time due: the burst
// may come before it.
func (p Pace) StartsAt(due task.Micros) task.Micros {
	return due - task.Micros(max(p.Burst, 1)-1)*p.Interval()
}

// Start returns the theoretical arrival time after a start at that time.
func (p Pace) Start(due, at task.Micros) task.Micros { return max(due, at) + p.Interval() }

// keyRulesOf are the rules of a queue for keys. In that of workflows one workflow of a key runs at one time, unless its limits say otherwise.
func (v *Views) keyRulesOf(queue string) KeyRules {
	rules := foldIn[*queueStates](v.streams).States[queue].Limits.KeyRules()
	if queue == task.QueueWorkflow && v.keyedWorkflows && rules.Concurrency == 0 {
		rules.Concurrency = 1
	}
	return rules
}

// limitWorkflows lets one workflow of a key run at one time, once there is one with a key.
func (v *Views) limitWorkflows(rec *record) {
	if !v.keyedWorkflows && rec.task.IsWorkflow() && rec.task.ConcurrencyKey != "" {
		v.keyedWorkflows = true
		v.setKeyRules(task.QueueWorkflow, v.keyRulesOf(task.QueueWorkflow))
	}
}

// setKeyRules gives a queue other rules for keys. What was known of its keys is forgotten, and the tasks
// that it has are put in their places anew.
func (v *Views) setKeyRules(queue string, rules KeyRules) {
	o := &v.order
	old := o.keyed.byName[queue]
	if old == nil && rules == (KeyRules{}) || old != nil && old.rules == rules {
		return
	}
	var recs []*record
	for _, tree := range o.ready.trees {
		if tree == nil || v.counts.names[tree.group].queue != queue {
			continue
		}
		recs = tree.records(recs)
		o.ready.turns.Remove(&tree.turn)
		o.ready.trees[tree.group] = nil
		o.ready.count -= tree.len()
	}
	if old != nil {
		o.ready.turns.Remove(&old.turn)
		for _, k := range old.keys {
			o.keyed.forget(k)
		}
		delete(o.keyed.byName, queue)
	}
	if rules != (KeyRules{}) {
		o.keyed.add(queue, rules)
	}
	for _, rec := range o.running {
		if rec.task.Queue == queue {
			o.run(rec)
		}
	}
	for _, rec := range recs {
		o.addReady(rec.key())
	}
}

// add takes in a queue with rules for keys, of which no task is known.
func (s *keyQueues) add(name string, rules KeyRules) *keyQueue {
	q := &keyQueue{name: name, rules: rules, keys: make(map[string]*key)}
	q.turn.queue = q
	s.byName[name] = q
	return q
}

// records appends the records of all tasks of the group.
func (tree *readyTree) records(recs []*record) []*record {
	if tree.lanes != nil {
		tree.lanes.tasks.Scan(func(t laneTask) bool { recs = append(recs, t.rec); return true })
		return recs
	}
	tree.tasks.Scan(func(key dueKey) bool { recs = append(recs, key.rec); return true })
	return recs
}

func (tree *readyTree) len() int {
	if tree.lanes != nil {
		return tree.lanes.tasks.Len()
	}
	return tree.tasks.Len()
}

// run notes that a task of the record runs, in its key.
func (o *order) run(rec *record) {
	q := o.keyed.byName[rec.task.Queue]
	if q == nil {
		return
	}
	k := q.of(rec.task.ConcurrencyKey)
	rec.task.ConcurrencyKey = k.name
	k.running = append(k.running, rec)
	o.arrange(k)
}

// stopRunning notes that it does not run any more.
func (o *order) stopRunning(rec *record) {
	q := o.keyed.byName[rec.task.Queue]
	if q == nil {
		return
	}
	k := q.keys[rec.task.ConcurrencyKey]
	for i, other := range k.running {
		if other == rec {
			last := len(k.running) - 1
			k.running[i], k.running[last] = k.running[last], nil
			k.running = k.running[:last]
			break
		}
	}
	q.list(k)
	o.arrange(k)
}
