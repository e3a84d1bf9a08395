package scheduler

import (
	"cmp"
	"fmt"
	"slices"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// A submit with a concurrency key and on_conflict meets the tasks of its queue that have the key and have not
// ended: those of the views, and those that rounds on their way to the disk have made. What becomes of them is
// decided here, where commands are decided one after the other. See docs/adr/0037.

const (
	// reasonKeyReplaced is the reason of a cancel.
	reasonKeyReplaced = "replaced by a newer task with the same concurrency key"
	// mostReplaced is how many tasks one submit cancels at most.
	mostReplaced = 1000
)

// keyHolders are the tasks of a concurrency key that have not ended.
type keyHolders struct {
	live  []ulid.ULID
	needs []int // the entries of the round that say so
}

// keyHolders finds the tasks of the queue with the key that have not ended, as the round leaves them so far, and
// that are wanted: at most that many.
func (rd *round) keyHolders(queue, key string, most int, wanted func(*task.Task) bool) (h keyHolders) {
	seen := map[ulid.ULID]bool{}
	look := func(s *task.Task) bool {
		if seen[s.ID] {
			return true
		}
		seen[s.ID] = true
		if over := rd.find(s.ID); over != nil {
			s = &over.task
		}
		if n := rd.tasks[s.ID]; n != nil && n.entry > 0 {
			h.needs = append(h.needs, n.entry-1)
		}
		if !s.Status.Ended() && wanted(s) {
			h.live = append(h.live, s.ID)
		}
		return len(h.live) < most
	}
	for o := &rd.overlay; o != nil; o = o.below {
		for _, n := range o.mates[mateKey{queue, key}] {
			if !look(&n.task) {
				return h
			}
		}
	}
	rd.l.s.o.Views.FindLiveByKey(queue, key, look)
	return h
}

// resolveKey decides what becomes of submit i of the batch, which is c, and of the tasks with its concurrency key.
func (rd *round) resolveKey(b *batch, i int, c *task.Submit) error {
	queue := cmp.Or(c.Queue, task.DefaultQueue)
	for k := range b.r.submits[:i] {
		if other := &b.r.submits[k]; other.ConcurrencyKey == c.ConcurrencyKey && cmp.Or(other.Queue, task.DefaultQueue) == queue {
			return &task.Refusal{Kind: task.ErrInvalid, Fields: []task.FieldError{{Pointer: "/on_conflict", Detail: fmt.Sprintf(
				"must be wait, because submit %d of the same batch has the same concurrency_key; leave one of them out, or submit them one after the other", k)}}}
		}
	}
	if c.OnKeyConflict == task.KeyConflictReject {
		most := max(rd.l.s.o.Views.QueueState(queue).Limits.KeyConcurrency, 1)
		h := rd.keyHolders(queue, c.ConcurrencyKey, most, func(*task.Task) bool { return true })
		b.news[i].needs = append(b.news[i].needs, h.needs...)
		if len(h.live) < most {
			return nil
		}
		return keyHeldBy(h.live)
	}
	h := rd.keyHolders(queue, c.ConcurrencyKey, mostReplaced+1, func(s *task.Task) bool {
		return s.Status == task.Pending || c.OnKeyConflict == task.KeyConflictCancelRunning && !s.CancelRequested
	})
	if len(h.live) > mostReplaced {
		return &task.Refusal{Kind: task.ErrKeyBusy, Detail: fmt.Sprintf(
			"more than %d tasks of the key would be cancelled; cancel them first, or submit with on_conflict wait", mostReplaced)}
	}
	b.news[i].needs = append(b.news[i].needs, h.needs...)
	for _, id := range h.live {
		if !slices.Contains(b.news[i].cancels, id) {
			b.news[i].keyCancels = append(b.news[i].keyCancels, id)
		}
	}
	return nil
}

// keyHeldBy refuses a submit because of the tasks that have its key.
func keyHeldBy(live []ulid.ULID) *task.Refusal {
	oldest := slices.MinFunc(live, ulid.ULID.Compare)
	return &task.Refusal{Kind: task.ErrKeyBusy, Other: oldest, Detail: fmt.Sprintf(
		"%s has not ended; wait until it has, use another key, or submit with on_conflict wait, replace_waiting or cancel_running", oldest)}
}

// replaceOfKey cancels, in the latest entry, what submit i of the batch does not wait for.
func (rd *round) replaceOfKey(b *batch, i int) {
	for _, id := range b.news[i].keyCancels {
		state := rd.get(id)
		cancel := task.Cancel{Reason: reasonKeyReplaced}
		if state.Status == task.Pending {
			cancel.ReplacedBy = b.news[i].id
		}
		decided, refusal := rd.decideOn(state, cancel)
		if refusal != nil {
			panic("scheduler: a task that has not ended cannot be cancelled: " + refusal.Error())
		}
		rd.add(rd.own(id, state), id, decided)
		rd.size++
	}
}

// mateKey names a concurrency key of a queue.
type mateKey struct{ queue, key string }

// noteMate notes a task that has come to share a concurrency key.
func (o *overlay) noteMate(n *node) {
	if n.task.ConcurrencyKey == "" {
		return
	}
	if o.mates == nil {
		o.mates = make(map[mateKey][]*node)
	}
	key := mateKey{n.task.Queue, n.task.ConcurrencyKey}
	o.mates[key] = append(o.mates[key], n)
}
