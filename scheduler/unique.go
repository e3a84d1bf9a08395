package scheduler

import (
	"fmt"

	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// A submit with a unique key meets the tasks that hold the key: those of the views, those that
// rounds on their way to the disk have made, and those of the same batch. What becomes of it
// is decided here, where commands are decided one after the other: so of two that come at the
// same time the second sees the first. See docs/adr/0026.

// reasonReplaced is the reason of a cancel.
const reasonReplaced = "replaced by a newer task with the same unique key"

// holders are the tasks that hold a unique key.
type holders struct {
	pending []*task.Task
	running *task.Task // the latest, nil if none runs
	latest  *task.Task // of those that have not ended, nil if all have
	ended   *task.Task // the one that holds the key longest; looked for only if latest is nil
	needs   []int      // the entries of the round that say so: what is decided by it builds on them
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

// holders finds the tasks that hold the claim as the round leaves them so far.
func (rd *round) holders(claim task.Claim) (h holders, err error) {
	seen := map[ulid.ULID]bool{}
	look := func(s *task.Task) {
		if seen[s.ID] {
			return
		}
		seen[s.ID] = true
		if over := rd.find(s.ID); over != nil {
			s = &over.task
		}
		if n := rd.tasks[s.ID]; n != nil && n.entry > 0 {
			h.needs = append(h.needs, n.entry-1)
		}
		switch {
		case !s.Holds(rd.wall):
		case !s.Status.Ended():
			h.add(s)
		case h.ended == nil || h.ended.Links.Unique.Until() < s.Links.Unique.Until():
			h.ended = s
		}
	}
	for o := &rd.overlay; o != nil; o = o.below {
		for _, n := range o.claims[claim] {
			look(&n.task)
		}
	}
	rd.l.s.o.Views.FindLiveClaims(claim, rd.wall, look)
	if h.latest != nil {
		return h, nil
	}
	rd.l.views.missing = nil
	if s := rd.l.views.read(rd.l.s.o.Views.FindEndedClaim(claim, rd.wall)); s != nil {
		look(s)
	}
	return h, rd.l.views.missing // not known: it may be held
}

// resolveUnique decides what becomes of submit i of the batch, which is c, by who holds its unique
// key. Nobody: c is left as it is.
func (rd *round) resolveUnique(b *batch, i int, c *task.Submit) error {
	claim := task.ClaimOf(c.Type, c.Unique.Key)
	k, twin := b.claims[claim]
	if b.claims == nil {
		b.claims = make(map[task.Claim]int)
	}
	if twin {
		return rd.resolveUniqueInBatch(b, i, k, claim, c)
	}
	h, err := rd.holders(claim)
	if err != nil {
		return err
	}
	b.news[i].needs = append(b.news[i].needs, h.needs...)
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

// resolveUniqueInBatch is resolveUnique for a submit whose key was taken by submit k of the same batch.
func (rd *round) resolveUniqueInBatch(b *batch, i, k int, claim task.Claim, c *task.Submit) error {
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
		since = rd.wall
	}
	c.Unique.Since, c.Unique.Behind = since, first.Data.UniqueBehind
	b.news[i].cancels = []ulid.ULID{b.news[k].id}
	b.claims[claim] = i
	return nil
}

// replace cancels, in the latest entry, what submit i of the batch replaces.
func (rd *round) replace(b *batch, i int) {
	for _, id := range b.news[i].cancels {
		state := rd.get(id)
		decided, refusal := rd.decideOn(state, task.Cancel{Reason: reasonReplaced, ReplacedBy: b.news[i].id})
		if refusal != nil {
			panic("scheduler: a pending task cannot be replaced: " + refusal.Error())
		}
		rd.add(rd.own(id, state), id, decided)
		rd.size++
	}
	b.answers[i].Replaced = b.news[i].cancels
}

// heldByAnother refuses to retry an ended task when another has its unique key. A
// retry builds on the entries that it returns.
func (rd *round) heldByAnother(s *task.Task) (needs []int, refusal error) {
	claim, ok := s.Claims()
	if u := s.Links; !ok || u.Unique.For > 0 && !s.Holds(rd.wall) {
		return nil, nil // it does not come to hold a key by that
	}
	h, err := rd.holders(claim)
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

// mayRetryAs refuses what is no task that may be retried as another one; zero is none.
func (rd *round) mayRetryAs(id ulid.ULID) error {
	if id == (ulid.ULID{}) {
		return nil
	}
	rd.l.views.missing = nil
	state := rd.get(id)
	if rd.l.views.missing != nil {
		return rd.l.views.missing
	}
	if state == nil {
		return projection.ErrNotFound
	}
	_, refusal := rd.decideOn(state, task.Resubmit{})
	return refusal
}

// retryAs notes, in the latest entry, that a task was retried as another one.
func (rd *round) retryAs(id, as ulid.ULID) {
	if id == (ulid.ULID{}) {
		return
	}
	state := rd.get(id)
	decided, refusal := rd.decideOn(state, task.Resubmit{As: as})
	if refusal != nil {
		panic("scheduler: a task cannot be retried as another one: " + refusal.Error())
	}
	rd.add(rd.own(id, state), id, decided)
	rd.size++
}
