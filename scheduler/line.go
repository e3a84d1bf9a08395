package scheduler

import (
	"daybook/projection"
	"daybook/task"
)

// line is a heap of tasks in the ready order, as they stood when they were put there.
type line []placed

// placed is a task and the key it was inserted with.
type placed struct {
	key  task.ReadyKey
	node *node
}

func (p *placed) less(o *placed) bool { return p.key.Less(o.key) }

// isCurrent reports whether the task is still pending, and as it was when it got its place.
func (p *placed) isCurrent() bool {
	return p.node.task.Status == task.Pending && p.node.task.ReadyKey() == p.key
}

func (h *line) push(n *node) {
	s := append(*h, placed{n.task.ReadyKey(), n})
	*h = s
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if !s[i].less(&s[parent]) {
			return
		}
		s[i], s[parent] = s[parent], s[i]
		i = parent
	}
}

// pop takes the first away.
func (h *line) pop() {
	s := *h
	last := len(s) - 1
	s[0], s[last] = s[last], placed{}
	s = s[:last]
	*h = s
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if s[child].less(&s[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		s[i], s[least] = s[least], s[i]
		i = least
	}
}

// first returns the first task that is still as it was and may run, nil if there is none.
func (h *line) first(may func(*task.Task) bool) *task.Task {
	for len(*h) > 0 {
		if p := &(*h)[0]; p.isCurrent() && may(&p.node.task) {
			return &p.node.task
		}
		h.pop()
	}
	return nil
}

// storedLine goes through the ready tasks of the views once. Nothing may be applied to
// them before it is closed.
type storedLine struct {
	line *projection.Line // nil = not opened
	takers
}

// takers is who took tasks when a line was opened: when it is no more the same, whole groups may
// have to be passed over that were wanted, or the other way round.
type takers struct {
	local    slot // for tasks
	delivers slot // for deliveries
	offers   int  // that took tasks
	served   int  // that have since got all they take
	gates    int  // that have opened or closed since
}

// first returns the first task that the round has not touched and that may start, nil if there is none.
func (s *storedLine) first(rd *round) *task.Task {
	for {
		if s.line == nil {
			s.open(rd)
		}
		head := s.line.First()
		touched := head != nil && rd.find(head.ID) != nil
		if head != nil && !touched && rd.mayStart(head) {
			return head
		}
		if !touched && s.takers != rd.l.takers() { // nobody takes its group any more, or others are taken
			s.close()
			continue
		}
		if head == nil {
			return nil
		}
		s.line.Skip()
	}
}

// open goes to the front of the line, which is as the starts that are decided leave it.
func (s *storedLine) open(rd *round) {
	l := rd.l
	s.takers = l.takers()
	s.line = l.s.o.Views.OpenLine(l.anyTaker)
	if !l.s.o.Views.AnyKeyRules() && !l.s.o.Views.ByWeight() {
		return
	}
	for _, in := range [...]*round{l.appending, rd} {
		if in == nil {
			continue
		}
		for i := range in.starts {
			t := &in.starts[i].started
			s.line.Started(t, t.StartedAt)
		}
	}
}

// started notes that a task starts in the round.
func (s *storedLine) started(t *task.Task) {
	if s.line != nil {
		s.line.Started(t, t.StartedAt)
	}
}

// holdsKey reports whether its concurrency key holds a task of the views.
func (rd *round) holdsKey(t *task.Task) bool {
	if !rd.l.s.o.Views.HasKeyRules(t.Queue) {
		return false
	}
	if rd.stored.line == nil {
		rd.stored.open(rd)
	}
	return rd.stored.line.Holds(t)
}

// close forgets the place in the line: the next first starts again.
func (s *storedLine) close() { *s = storedLine{} }
