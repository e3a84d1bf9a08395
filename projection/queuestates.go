package projection

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"daybook/eventlog"
	"daybook/task"
)

// queueEvents are the events of the stream of a queue, "queue:NAME".
var queueEvents = map[string]int{
	"queue.paused":     1,
	"queue.resumed":    1,
	"queue.limits_set": 1,
}

// QueueState is what was decided about a queue. The zero value is a queue about which nothing was.
type QueueState struct {
	Version  int64       `json:"version"` // events of its stream
	Paused   bool        `json:"paused,omitzero"`
	PausedBy string      `json:"paused_by,omitzero"` // the actor
	PausedAt task.Micros `json:"paused_at,omitzero"`
	Reason   int64       `json:"reason,omitzero"` // seq of the event whose payload is {"reason":…}; 0 = none
	Limits   QueueLimits `json:"limits,omitzero"`
	// Due is when the next start would be due if starts came at the even distances of Limits.Rate: the
	// theoretical arrival time of GCRA (ITU-T I.371). It moves with each start while there is a rate.
	Due task.Micros `json:"due,omitzero"`
	// Virtual is the virtual time among the keys of the queue, see ADR 37.
	Virtual   task.Micros `json:"virtual,omitzero"`
	VirtualAt task.Micros `json:"virtual_at,omitzero"` // up to when it has moved on by itself
}

// QueueLimits are the limits of a queue; 0 = none.
type QueueLimits struct {
	Concurrency int     `json:"concurrency,omitzero"`     // attempts at one time
	Rate        float64 `json:"rate_per_second,omitzero"` // starts a second, in the long run
	Burst       int     `json:"burst,omitzero"`           // starts that may come at once; 0 = 1
	MaxDepth    int     `json:"max_depth,omitzero"`       // pending tasks; beyond it submits are refused

	KeyConcurrency int     `json:"key_concurrency,omitzero"`     // attempts with one concurrency key at one time
	KeyRate        float64 `json:"key_rate_per_second,omitzero"` // starts a second with one key, in the long run
	KeyBurst       int     `json:"key_burst,omitzero"`           // starts with one key that may come at once; 0 = 1
	FairKeys       bool    `json:"fair_keys,omitzero"`           // keys take turns by run time
	Weight         int     `json:"weight,omitzero"`              // share of run time among queues; 0 = DefaultWeight
}

// Pace is how fast tasks of the queue may start.
func (l QueueLimits) Pace() Pace { return Pace{l.Rate, l.Burst} }

// queueStates is the fold of the streams of queues. Queues about which nothing was decided are not in it.
type queueStates struct {
	States map[string]QueueState `json:"states,omitempty"`
	// Runs is how long an attempt of a type runs, for the types of starts that were charged: a moving
	// average.
	Runs    map[string]task.Micros `json:"runs,omitempty"`
	Weights weights                `json:"weights,omitzero"`

	moves          int64 // how often it changed; for who keeps what follows from it
	weightedQueues int   // queues with a weight
}

func (q *queueStates) apply(e *eventlog.Event) error {
	_, name, _ := strings.Cut(e.Stream, ":")
	if q.States == nil {
		q.States = make(map[string]QueueState)
	}
	q.moves++
	s := q.States[name]
	s.Version++
	switch e.Type {
	case "queue.paused":
		s.Paused, s.PausedBy, s.PausedAt, s.Reason = true, strings.Clone(e.Actor), task.Micros(e.At), 0
		if e.HasPayload {
			s.Reason = e.Seq
		}
	case "queue.resumed":
		s.Paused, s.PausedBy, s.PausedAt, s.Reason = false, "", 0, 0
	case "queue.limits_set":
		rules := s.Limits.KeyRules()
		s.Limits = QueueLimits{}
		if err := json.Unmarshal(e.Data, &s.Limits); err != nil {
			return fmt.Errorf("%w: %s: %w", task.ErrData, e.Type, err)
		}
		s.Due = 0
		if rules != s.Limits.KeyRules() {
			s.Virtual, s.VirtualAt = 0, 0
		}
	}
	q.States[strings.Clone(name)] = s
	q.countWeights()
	return nil
}

// started notes the start of a task, for the rate of its queue.
func (q *queueStates) started(t *task.Task, at task.Micros) {
	s, ok := q.States[t.Queue]
	if !ok || s.Limits.Rate == 0 {
		return
	}
	s.Due = s.Limits.Pace().Start(s.Due, at)
	q.States[t.Queue] = s
}

const (
	// firstRun is how long an attempt is expected to run before one of its type has ended.
	firstRun = task.Second / 10
	// runWeight: one attempt counts for as much as this in the moving average of its type.
	runWeight = 8
)

// ran notes how long an attempt ran that was charged.
func (q *queueStates) ran(t *task.Task, ran task.Micros) {
	if q.Runs == nil {
		q.Runs = make(map[string]task.Micros)
	}
	before, known := q.Runs[t.Type]
	if known {
		ran = before + (ran-before)/runWeight
	}
	q.Runs[strings.Clone(t.Type)] = max(ran, 1)
}

// ByWeight reports whether queues take turns by weight. It is for the goroutine that writes.
func (v *Views) ByWeight() bool { return foldIn[*queueStates](v.streams).weighted() }

// StartsFromViews reports whether tasks of the queue start from the views alone, not in the round that makes
// them ready. It is for the goroutine that writes.
func (v *Views) StartsFromViews(queue string) bool { return v.HasKeyRules(queue) || v.ByWeight() }

// Charge is what a start of the task is charged with: how long an attempt of its type is expected to run.
// 0 = nothing, for no rule counts it. It is for the goroutine that writes.
func (v *Views) Charge(t *task.Task) task.Micros {
	q := v.order.keyed.byName[t.Queue]
	if (q == nil || !q.rules.Fair) && !v.ByWeight() {
		return 0
	}
	if run := foldIn[*queueStates](v.streams).Runs[t.Type]; run > 0 {
		return run
	}
	return firstRun
}

func (q *queueStates) version(stream string) int64 {
	_, name, _ := strings.Cut(stream, ":")
	return q.States[name].Version
}

// QueueState returns what was decided about a queue.
func (v *Views) QueueState(name string) QueueState {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return foldIn[*queueStates](v.streams).States[name]
}

// QueueStates returns what was decided about queues, by name, and a number that
// changes whenever it does, but not with each start.
func (v *Views) QueueStates() (map[string]QueueState, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	q := foldIn[*queueStates](v.streams)
	return maps.Clone(q.States), q.moves
}

// QueueMoves is that number. For the goroutine that writes.
func (v *Views) QueueMoves() int64 { return foldIn[*queueStates](v.streams).moves }

// QueueDepth is how many tasks of a queue are pending, and how many run.
func (v *Views) QueueDepth(name string) (pending, running int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	u := v.counts.queues.byName[name]
	if u == nil {
		return 0, 0
	}
	for _, g := range u.groups {
		pending += v.counts.n[g*statusSpan+uint32(task.Pending)]
		running += v.counts.n[g*statusSpan+uint32(task.Running)]
	}
	return pending, running
}

// QueueNames lists the queues that have tasks which have not ended, and those about which something
// was decided, in alphabetical order.
func (v *Views) QueueNames() []string {
	names := v.LiveQueues()
	v.mu.RLock()
	names = slices.AppendSeq(names, maps.Keys(foldIn[*queueStates](v.streams).States))
	v.mu.RUnlock()
	slices.Sort(names)
	return slices.Compact(names)
}

// EncodeQueueLimits returns the data of queue.limits_set.
func EncodeQueueLimits(l QueueLimits) []byte {
	data, err := json.Marshal(l)
	if err != nil {
		panic("projection: limits are not plain data: " + err.Error())
	}
	return data
}

// QueueReady is how many tasks of a queue are ready, and since when the one is that has been so for
// longest; 0 = none is.
func (v *Views) QueueReady(name string) (ready int64, oldest task.Micros) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	u := v.counts.queues.byName[name]
	if u == nil {
		return 0, 0
	}
	for _, g := range u.groups {
		n, since := v.order.ready.group(g)
		ready += int64(n)
		if since != 0 && (oldest == 0 || since < oldest) {
			oldest = since
		}
	}
	return ready, oldest
}
