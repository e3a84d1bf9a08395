package scheduler

import (
	"fmt"

	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// A submit with a unique key meets the tasks that hold the key: those of the views, those that
// rounds on their way to the disk have made, and those of its own batch. What becomes of it
// is decided here, where commands are decided one after the other: so of two that come at the
// same time the second sees the first. See docs/adr/0026.

// reasonReplaced is the reason of a cancel.
const reasonReplaced = "replaced by a newer task with the same unique key"

// claim notes that the task has come to hold its unique key in this turn, if it has one.
func (t *turn) claim(n *node) {
	claim, ok := n.task.Claims()
	if !ok {
		return
	}
	if t.claims == nil {
		t.claims = make(map[task.Claim][]*node)
	}
	t.claims[claim] = append(t.claims[claim], n)
}

// holders are the tasks that hold a unique key.
type holders struct {
	pending []*task.Task
	running *task.Task // the latest, nil if none runs
	latest  *task.Task // of those that have not ended, nil if all have
	ended   *task.Task // the one that holds the key longest; looked for only if latest is nil
	needs   []int      // the entries of the turn that say so: what is decided by it builds on them
}

func (h *holders) add(s *task.Task) {
	newer := func(than *task.Task) bool { return than == nil || than.ID.Compare(s.ID) < 0 }
	if s.Status == task.Pending {
		h.pending = append(h.pending, s)
	} else if newer(h.running) {
		h.running = s
	}
	if newer(h.latest) {
		h.latest = s
	}
}

// holders finds the tasks that hold the claim as the turn leaves them so far.
func (t *turn) holders(claim task.Claim) (h holders, err error) {
	seen := map[ulid.ULID]bool{}
	look := func(s *task.Task) {
		if seen[s.ID] {
			return
		}
		seen[s.ID] = true
		if over := t.over(s.ID); over != nil {
			s = &over.task
		}
		if n := t.overlay[s.ID]; n != nil && n.entry > 0 {
			h.needs = append(h.needs, n.entry-1)
		}
		switch {
		case !s.Holds(t.wall):
		case !s.Status.Ended():
			h.add(s)
		case h.ended == nil || h.ended.Links.Unique.Until() < s.Links.Unique.Until():
			h.ended = s
		}
	}
	for over := t; over != nil; over = over.under {
		for _, n := range over.claims[claim] {
			look(&n.task)
		}
	}
	t.l.s.o.Views.FindLiveClaims(claim, t.wall, look)
	if h.latest != nil {
		return h, nil
	}
	t.l.untold = nil
	if s := t.l.stored(t.l.s.o.Views.FindEndedClaim(claim, t.wall)); s != nil {
		look(s)
	}
	return h, t.l.untold // not known: it may be held
}

// meet decides what becomes of submit i of the batch, which is c, by who holds its unique
// key. Nobody: c is left as it is.
func (t *turn) meet(b *batch, i int, c *task.Submit) error {
	claim := task.ClaimOf(c.Type, c.Unique.Key)
	k, twin := b.claims[claim]
	if b.claims == nil {
		b.claims = make(map[task.Claim]int)
	}
	if twin {
		return t.meetTwin(b, i, k, claim, c)
	}
	h, err := t.holders(claim)
	if err != nil {
		return err
	}
	b.news[i].needs = h.needs
	holder := h.latest
	if holder == nil && h.ended != nil && h.ended.ID != c.RetryOf {
		holder = h.ended
	}
	switch {
	case holder == nil:
	case c.Unique.OnConflict == task.ConflictReturn:
		b.answers[i] = Submitted{Task: *holder, Returned: true}
		return nil
	case c.Unique.OnConflict == task.ConflictReject:
		return heldBy(holder, adviceFor(c))
	}
	for _, s := range h.pending {
		c.Unique.Follow(&s.Links.Unique)
		b.news[i].cancels = append(b.news[i].cancels, s.ID)
	}
	if h.running != nil {
		c.Unique.Behind = h.running.ID
	}
	b.claims[claim] = i
	return nil
}

// meetTwin is meet for a submit whose key was taken by submit k of the same batch.
func (t *turn) meetTwin(b *batch, i, k int, claim task.Claim, c *task.Submit) error {
	switch c.Unique.OnConflict {
	case task.ConflictReturn:
		b.answers[i].Returned, b.news[i].sameAs = true, &b.answers[k]
		return nil
	case task.ConflictReject:
		return &task.Refusal{Kind: task.ErrNotUnique, Detail: fmt.Sprintf(
			"submit %d of the same batch takes it; leave one of them out, use another key, or submit with on_conflict return or replace", k)}
	}
	first := &b.news[k].decided[0]
	since := first.Data.UniqueSince
	if since == 0 {
		since = t.wall
	}
	c.Unique.Since, c.Unique.Behind = since, first.Data.UniqueBehind
	b.news[i].cancels = []ulid.ULID{b.news[k].id}
	b.claims[claim] = i
	return nil
}

// replace cancels, in the latest entry, what submit i of the batch replaces.
func (t *turn) replace(b *batch, i int) {
	for _, id := range b.news[i].cancels {
		state := t.peek(id)
		decided, refusal := t.decideOn(state, task.Cancel{Reason: reasonReplaced, ReplacedBy: b.news[i].id})
		if refusal != nil {
			panic("scheduler: a pending task cannot be replaced: " + refusal.Error())
		}
		t.add(t.own(id, state), id, decided)
		t.size++
	}
	b.answers[i].Replaced = b.news[i].cancels
}

// heldByAnother refuses to send an ended task round again when another has its unique key. A
// retry builds on the entries that it returns.
func (t *turn) heldByAnother(s *task.Task) (needs []int, refusal error) {
	claim, ok := s.Claims()
	if u := s.Links; !ok || u.Unique.For > 0 && !s.Holds(t.wall) {
		return nil, nil // it does not come to hold a key by that
	}
	h, err := t.holders(claim)
	if err != nil || h.latest == nil {
		return h.needs, err
	}
	return nil, heldBy(h.latest, "wait until it has ended, or cancel it first")
}

func heldBy(holder *task.Task, advice string) *task.Refusal {
	return &task.Refusal{Kind: task.ErrNotUnique, Other: holder.ID, Detail: fmt.Sprintf("%s is %s; %s", holder.Name(), holder.Status, advice)}
}

// adviceFor says what to do when another task holds the key of the submit. A retry has the key
// of the old task, and cannot have another one.
func adviceFor(c *task.Submit) string {
	if c.RetryOf != (ulid.ULID{}) {
		return "wait until the key is free, or submit a new task with another key"
	}
	return "wait until the key is free, use another key, or submit with on_conflict return or replace"
}

// isBehind reports whether the task waits for one that ran under its unique key when it was
// submitted. That one has ended only when its end is on disk.
func (t *turn) isBehind(s *task.Task) bool {
	id := s.Behind()
	if id == (ulid.ULID{}) {
		return false
	}
	if n := t.over(id); n != nil && !n.task.Status.Ended() {
		return true
	}
	return t.l.s.o.Views.Live(id)
}

// mayRetryAs refuses what is no task that may be retried as another one; zero is none.
func (t *turn) mayRetryAs(id ulid.ULID) error {
	if id == (ulid.ULID{}) {
		return nil
	}
	t.l.untold = nil
	state := t.peek(id)
	if t.l.untold != nil {
		return t.l.untold
	}
	if state == nil {
		return projection.ErrNotFound
	}
	_, refusal := t.decideOn(state, task.Resubmit{})
	return refusal
}

// retryAs notes, in the latest entry, that a task was retried as another one.
func (t *turn) retryAs(id, as ulid.ULID) {
	if id == (ulid.ULID{}) {
		return
	}
	state := t.peek(id)
	decided, refusal := t.decideOn(state, task.Resubmit{As: as})
	if refusal != nil {
		panic("scheduler: a task cannot be retried as another one: " + refusal.Error())
	}
	t.add(t.own(id, state), id, decided)
	t.size++
}
