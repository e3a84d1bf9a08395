package scheduler

import (
	"iter"

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
	next func() (*task.Task, bool)
	stop func()
	head *task.Task // nil: not asked for yet, or no more
	done bool
	takers
}

// takers is who took tasks when a line was opened: when it is no more the same, whole groups may
// have to be passed over that were wanted, or the other way round.
type takers struct {
	local  bool
	offers int // that took tasks
	served int // that have since got all they take
	gates  int // that have opened or closed since
}

// first returns the first task that the round has not touched and that may start, nil if there is none.
func (s *storedLine) first(rd *round) *task.Task {
	l := rd.l
	for {
		if s.next == nil {
			s.takers = l.takers()
			s.next, s.stop = iter.Pull(l.s.o.Views.Ready(l.anyTaker))
		}
		touched := s.head != nil && rd.find(s.head.ID) != nil
		if s.head != nil && !touched && rd.mayStart(s.head) {
			return s.head
		}
		if !touched && s.takers != l.takers() { // nobody takes its group any more, or others are taken
			s.close()
			continue
		}
		if s.done {
			return nil
		}
		var more bool
		if s.head, more = s.next(); !more {
			s.head, s.done = nil, true
		}
	}
}

// close forgets the place in the line: the next first starts again.
func (s *storedLine) close() {
	if s.stop != nil {
		s.stop()
	}
	*s = storedLine{}
}
