package projection

import "daybook/task"

// turn is the place of a group that has ready tasks, or of a queue with rules for keys that has some which may
// start, among all such.
type turn struct {
	first task.ReadyKey // none of its tasks comes before it
	at    int           // in turns, from 1; 0 = it is not there
	tree  *readyTree    // of a group
	queue *keyQueue     // of a queue with rules for keys
}

// turns is a heap with the least first task on top. A walk looks at as much of it as it needs.
type turns []*turn

// set puts the turn where it belongs, with that first task.
func (h *turns) set(t *turn, first task.ReadyKey) {
	if t.at == 0 {
		*h = append(*h, t)
		t.at = len(*h)
	} else if t.first == first {
		return
	}
	t.first = first
	h.up(t.at - 1)
	h.down(t.at - 1)
}

// drop takes the turn out, if it is there.
func (h *turns) drop(t *turn) {
	if t.at == 0 {
		return
	}
	i, last := t.at-1, len(*h)-1
	(*h).swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	t.at = 0
	if i < last {
		h.up(i)
		h.down(i)
	}
}

func (h turns) less(i, k int) bool { return h[i].first.Less(h[k].first) }

func (h turns) swap(i, k int) {
	h[i], h[k] = h[k], h[i]
	h[i].at, h[k].at = i+1, k+1
}

func (h turns) up(i int) {
	for i > 0 && h.less(i, (i-1)/2) {
		h.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (h turns) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}
