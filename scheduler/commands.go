package scheduler

import (
	"cmp"
	"slices"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// BatchError is the refusal of one submit of several.
type BatchError struct {
	Index int
	Err   error
}

func (e *BatchError) Error() string { return e.Err.Error() }

// Unwrap gives the refusal to errors.Is.
func (e *BatchError) Unwrap() error { return e.Err }

// command decides one request from outside.
func (l *loop) command(rd *round, r *request) {
	if r.offer != nil {
		l.offer(r.offer)
		return
	}
	if r.joined != nil {
		l.endJoin(rd, r)
		return
	}
	if err := l.s.damage(); err != nil {
		r.done <- answer{err: err}
		return
	}
	if _, cancel := r.command.(task.Cancel); l.full() && !cancel && r.lease == nil {
		r.done <- answer{err: eventlog.ErrFull}
		return
	}
	if r.visit != nil && r.lease == nil {
		l.visited(rd, r)
		return
	}
	l.decide(rd, r)
}

// decide decides what the request asks for.
func (l *loop) decide(rd *round, r *request) {
	if r.recurs != nil {
		l.changeSchedule(rd, r)
		return
	}
	if r.steps != nil {
		l.decideSteps(rd, r)
		return
	}
	if r.submits != nil {
		l.submit(rd, r)
		return
	}
	if r.flow != nil {
		l.decideFlow(rd, r)
		return
	}
	if r.others != nil {
		l.record(rd, r)
		return
	}
	if r.signal != nil {
		l.sendSignal(rd, r)
		return
	}
	if r.bulk != nil {
		l.decideBulk(rd, r)
		return
	}
	if r.lease != nil {
		l.report(rd, r)
		return
	}
	l.do(rd, r)
}

// do decides a command on one task.
func (l *loop) do(rd *round, r *request) {
	l.views.missing = nil
	before := rd.get(r.id)
	if l.views.missing != nil {
		rd.reply(r, answer{err: l.views.missing})
		return
	}
	if before == nil {
		rd.reply(r, answer{err: projection.ErrNotFound})
		return
	}
	if r.expect != 0 && before.Version != r.expect {
		rd.reply(r, answer{err: ErrChangedSince})
		return
	}
	if retry, again := r.command.(task.Retry); again && before.IsWorkflow() {
		r.flow = &flowAsked{retry: &WorkflowRetry{Reason: retry.Reason, key: retry.Key}}
		l.decideFlow(rd, r)
		return
	}
	decided, refusal := rd.decideOn(before, r.command)
	var needs []int
	var with []*task.Task
	retry, again := r.command.(task.Retry)
	if again && refusal == nil {
		needs, with, refusal = rd.mayRetry(before)
	}
	rd.size += max(len(decided), 1)
	if refusal != nil || len(decided) == 0 {
		rd.reply(r, answer{err: refusal, tasks: []Submitted{{Task: *before}}})
		return
	}
	n := rd.own(r.id, before)
	_, cancel := r.command.(task.Cancel)
	last := &decided[len(decided)-1]
	var state task.Task
	rd.begin(r.actor, cancel && !n.ordinary, func(err error) {
		if err != nil {
			l.requestDropped(r, err)
			return
		}
		state.LastSeq = last.Seq
		r.done <- answer{tasks: []Submitted{{Task: state}}}
	})
	rd.needs = append(rd.needs, needs...)
	rd.add(n, r.id, decided)
	state = n.task
	rd.retryWith(with, retry)
}

// reply answers a request that appends nothing, once the events that the answer depends on are on disk.
func (rd *round) reply(r *request, a answer) {
	rd.replies = append(rd.replies, func(err error) {
		if err != nil {
			rd.l.requestDropped(r, err)
			return
		}
		r.done <- a
	})
}

// requestDropped handles a request whose decision was not appended: it is decided again, or gets the error.
func (l *loop) requestDropped(r *request, err error) {
	if decideAgain(err) {
		l.backlog.again = append(l.backlog.again, input{request: r})
		return
	}
	r.done <- answer{err: err}
}

// batch is a request of submits while it is decided. Its slices go by the index of the
// submit.
type batch struct {
	r       *request
	news    []newTask
	answers []Submitted
	keys    map[string]int     // the first submit of each new key
	claims  map[task.Claim]int // the latest submit that holds a unique key
	queued  map[string]int64   // new tasks by queue, of those that have a limit of depth
}

// newTask is what one submit leads to.
type newTask struct {
	id      ulid.ULID
	decided []task.Event // nil for one that gives an old task
	sameAs  *Submitted   // for one that gives the task of a submit of the same batch: its answer
	cancels []ulid.ULID  // the pending tasks that it replaces
	needs   []int        // the entries of the round that say who holds its unique key or its concurrency key, and have what it depends on

	keyCancels []ulid.ULID // the tasks of its concurrency key that it does not wait for
}

// submit decides a batch of submits, all or none.
func (l *loop) submit(rd *round, r *request) {
	n := len(r.submits)
	b := &batch{r: r, news: make([]newTask, n), answers: make([]Submitted, n)}
	for i := range r.submits {
		refusal := rd.decideSubmit(b, i)
		if refusal != nil {
			rd.size++
			rd.reply(r, answer{err: &BatchError{i, refusal}})
			return
		}
	}
	l.closeSubmit(rd, b)
}

// decideSubmit decides submit i of the batch.
func (rd *round) decideSubmit(b *batch, i int) error {
	if err := rd.replay(b, i); err != nil || b.answers[i].old() {
		return err
	}
	c := &b.r.submits[i]
	if err := rd.mayRetryAs(c.RetryOf); err != nil {
		return err
	}
	if err := rd.findDependencies(b, i); err != nil {
		return err
	}
	b.news[i].id = rd.idOf(c)
	if c.Unique != nil {
		own, unique := *c, *c.Unique // it may be decided again
		c, own.Unique = &own, &unique
		if err := rd.resolveUnique(b, i, c); err != nil || b.answers[i].old() {
			return err
		}
	}
	if c.OnKeyConflict != task.KeyConflictWait && c.ConcurrencyKey != "" {
		if err := rd.resolveKey(b, i, c); err != nil {
			return err
		}
	}
	if err := rd.l.admit(b.r.submits[:i], c.Queue); err != nil {
		return err
	}
	if err := rd.l.admitDepth(rd, b, cmp.Or(c.Queue, task.DefaultQueue)); err != nil {
		return err
	}
	if c.Timeout == 0 {
		c.Timeout = task.SpanOf(rd.l.s.o.DefaultTimeout)
	}
	var refusal error
	b.news[i].decided, refusal = rd.decideOn(nil, c)
	return refusal
}

// admit refuses another queue while projection.MaxQueues have tasks that have not ended: each is
// counted, shown and sent. batch is what was admitted with it and is not in a round yet.
func (l *loop) admit(batch []task.Submit, queue string) error {
	queue = cmp.Or(queue, task.DefaultQueue)
	if l.knownQueues == nil || !l.knownQueues[queue] && len(l.knownQueues) >= projection.MaxQueues {
		l.knownQueues = l.liveQueues(batch)
	}
	if !l.knownQueues[queue] && len(l.knownQueues) >= projection.MaxQueues {
		return &task.Refusal{Kind: task.ErrInvalid, Fields: []task.FieldError{{Pointer: "/queue",
			Detail: "must be one of the 1,000 queues that have pending or running tasks: there can be no more. Try again when one of them is empty; tags tell tasks of a queue apart"}}}
	}
	l.knownQueues[queue] = true
	return nil
}

// liveQueues are those that have tasks that have not ended, as far as is decided.
func (l *loop) liveQueues(batch []task.Submit) map[string]bool {
	live := make(map[string]bool)
	for _, name := range l.s.o.Views.LiveQueues() {
		live[name] = true
	}
	for _, rd := range []*round{l.appending, l.opened} {
		if rd == nil {
			continue
		}
		for _, n := range rd.tasks {
			if !n.task.Status.Ended() {
				live[n.task.Queue] = true
			}
		}
	}
	for i := range batch {
		live[cmp.Or(batch[i].Queue, task.DefaultQueue)] = true
	}
	return live
}

// replay answers submit i of the batch if its key was used before: for the same request
// with the task, else with a refusal.
func (rd *round) replay(b *batch, i int) error {
	c := &b.r.submits[i]
	if c.IdempotencyKey == "" {
		return nil
	}
	var hash [32]byte
	rd.l.views.missing = nil
	first := rd.byKey(c.IdempotencyKey)
	if rd.l.views.missing != nil {
		return rd.l.views.missing // it may be the key of a task
	}
	if first != nil {
		hash = first.RequestHash()
		b.answers[i] = Submitted{Task: *first, Replayed: true}
	} else if k, ok := b.keys[c.IdempotencyKey]; ok {
		hash = b.r.submits[k].RequestHash
		b.answers[i].Replayed, b.news[i].sameAs = true, &b.answers[k]
	} else {
		if b.keys == nil {
			b.keys = make(map[string]int)
		}
		b.keys[c.IdempotencyKey] = i
		return nil
	}
	if hash != c.RequestHash && !slices.Contains(c.OlderHashes, hash) {
		return &task.Refusal{Kind: task.ErrKeyReused, Detail: "use another key, or send the same request again"}
	}
	return nil
}

// closeSubmit puts a batch that nothing speaks against into the round.
func (l *loop) closeSubmit(rd *round, b *batch) {
	old := true
	for i := range b.news {
		old = old && b.answers[i].old()
	}
	if old {
		b.share()
		rd.size++
		rd.reply(b.r, answer{tasks: b.answers})
		return
	}
	rd.begin(b.r.actor, false, func(err error) { b.answer(rd, err) })
	for i := range b.news {
		if b.news[i].decided == nil {
			if first := rd.tasks[b.answers[i].Task.ID]; first != nil { // the answer depends on it
				rd.needs = append(rd.needs, first.entry-1)
			}
			continue
		}
		rd.addNew(b, i)
	}
	rd.size += len(b.news)
}

// addNew adds the new task of submit i of the batch to the latest entry.
func (rd *round) addNew(b *batch, i int) {
	one := &b.news[i]
	rd.needs = append(rd.needs, one.needs...)
	rd.replace(b, i)
	rd.replaceOfKey(b, i)
	n := rd.ownNew(one.id)
	rd.add(n, one.id, one.decided)
	rd.retryAs(b.r.submits[i].RetryOf, n.task.ID)
	b.answers[i].Task = n.task
	rd.noteKey(n)
	if b.queued[n.task.Queue] > 0 {
		rd.count(n.task.Queue, 0, 1)
	}
}

// share gives submits the task of the submit of the same batch that they are the same as.
func (b *batch) share() {
	for i := range b.news {
		if first := b.news[i].sameAs; first != nil {
			b.answers[i].Task = first.Task
		}
	}
}

// answer answers the request once its outcome is known.
func (b *batch) answer(rd *round, err error) {
	if err != nil {
		rd.l.requestDropped(b.r, err)
		return
	}
	for i := range b.answers {
		switch n := &b.news[i]; {
		case n.decided != nil:
			b.answers[i].Task.SubmitSeq = n.decided[0].Seq
			b.answers[i].Task.LastSeq = n.decided[0].Seq
		case n.sameAs != nil:
			b.answers[i].Task = n.sameAs.Task
		case !rd.exact: // it may have been submitted in this very round, with another seq
			if now := rd.l.views.read(rd.l.s.o.Views.Find(b.answers[i].Task.ID)); now != nil {
				b.answers[i].Task = *now
			}
		}
	}
	b.r.done <- answer{tasks: b.answers}
}
