package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// A bulk does one thing with many tasks. It is a stream of events; what it has still to do follows from them, so a bulk goes on after a
// restart and when another node leads. A goroutine, bulkRunner, finds the tasks a page at a time and asks the loop to change them; the
// loop decides each on the state that it has then. See docs/adr/0063.

// Errors of what is asked of bulks. Nothing happened.
var (
	ErrNoBulk       = errors.New("there is no such bulk")
	ErrTooManyBulks = errors.New("as many bulks run as may")
	ErrBulkEnded    = errors.New("the bulk has ended")
)

// bulkMoved: another event of the bulk came first.
var errBulkMoved = errors.New("the bulk has gone on")

// BulkOrder is a bulk to start. Its values have been checked.
type BulkOrder struct {
	projection.BulkStarted
	Filter []byte // JSON of its projection.Selection; nil for an undo
	ByID   bool   // the selection names its tasks one by one
	Reason string // "" = none
}

// bulkPayload is the payload of bulk.started.
type bulkPayload struct {
	Filter json.RawMessage `json:"filter,omitempty"`
	Reason string          `json:"reason,omitempty"`
}

// StartBulk starts a bulk and returns it when its start is on disk. It goes on by itself. Errors: ErrTooManyBulks, and those of commands.
func (s *Scheduler) StartBulk(ctx context.Context, actor string, order BulkOrder) (*projection.Bulk, error) {
	id := newIDSource().next(s.o.Wall()).String()
	data, err := json.Marshal(order.BulkStarted)
	if err != nil {
		return nil, err // not for plain data
	}
	payload, err := json.Marshal(bulkPayload{order.Filter, order.Reason})
	if err != nil {
		return nil, err // the same
	}
	err = s.Record(ctx, actor, func() ([]Other, error) {
		if len(s.o.Views.RunningBulks()) >= projection.MaxBulks {
			return nil, ErrTooManyBulks
		}
		if len(payload) == len("{}") {
			payload = nil
		}
		return []Other{{Stream: "bulk:" + id, Type: projection.BulkStartedType, V: order.version(), Data: data, Payload: payload}}, nil
	})
	if err != nil {
		return nil, err
	}
	poke(s.bulkNudge)
	b, _ := s.o.Views.Bulk(id)
	return b, nil
}

// version is that of the event that starts the bulk.
func (o *BulkOrder) version() int {
	if o.ByID {
		return 2
	}
	return 1
}

// StopBulk ends a bulk before it is done. What it has changed stays. Errors: ErrNoBulk, ErrBulkEnded, and those of commands.
func (s *Scheduler) StopBulk(ctx context.Context, actor, id, reason string) error {
	return s.Record(ctx, actor, func() ([]Other, error) {
		b, _ := s.o.Views.Bulk(id)
		switch {
		case b == nil:
			return nil, ErrNoBulk
		case !b.Running():
			return nil, ErrBulkEnded
		}
		return []Other{{Stream: b.Stream(), Type: projection.BulkEndedType, V: 1, Payload: textPayload("reason", reason),
			Data: bulkEnded(b, projection.BulkStopped)}}, nil
	})
}

// bulkEnded is the data of the end of a bulk.
func bulkEnded(b *projection.Bulk, how projection.BulkOutcome) []byte {
	data, _ := json.Marshal(projection.BulkEnded{Outcome: how, Changed: b.Changed, Skipped: b.Skipped}) // plain data can be marshalled
	return data
}

// BulkReason returns the filter of a bulk as JSON, nil for none, and its reason. Errors: those of payloads.
func (s *Scheduler) BulkReason(ctx context.Context, b *projection.Bulk) (filter []byte, reason string, err error) {
	return BulkReason(ctx, s.o.Payloads.Get, b)
}

// BulkReason is Scheduler.BulkReason for who has no scheduler; get returns the payload of an event.
func BulkReason(ctx context.Context, get func(context.Context, int64) ([]byte, error), b *projection.Bulk) (filter []byte, reason string, err error) {
	body, err := get(ctx, b.StartedSeq)
	if errors.Is(err, eventlog.ErrNotFound) { // it has none
		return nil, "", nil
	}
	var p bulkPayload
	if err == nil {
		err = json.Unmarshal(body, &p)
	}
	return p.Filter, p.Reason, err
}

// Reasons for which a bulk skips a task. The names are part of the log and of the API.
const (
	SkipEnded      = "already_ended"
	SkipNotEnded   = "not_ended"
	SkipSucceeded  = "succeeded"
	SkipNotPending = "not_pending"
	SkipSuspended  = "suspended"
	SkipErased     = "erased"
	SkipNotUnique  = "unique_key_taken"
	SkipParent     = "parent_ended"      // a child is retried with its parent
	SkipDependency = "dependency_failed" // what it depends on must be retried first
	SkipSame       = "nothing_to_change"
	SkipChanged    = "changed_since" // by somebody else
	SkipStopping   = "still_stopping"
	skipOther      = "refused"
)

// skipReasons is why a task is skipped whose command is refused.
var skipReasons = []struct {
	kind error
	why  string
}{
	{task.ErrEnded, SkipEnded}, {task.ErrNotEnded, SkipNotEnded}, {task.ErrSucceeded, SkipSucceeded}, {task.ErrNotPending, SkipNotPending},
	{task.ErrSuspended, SkipSuspended}, {task.ErrErased, SkipErased}, {task.ErrNotUnique, SkipNotUnique}, {task.ErrParentEnded, SkipParent}, {task.ErrDependency, SkipDependency},
}

func skipReason(refusal error) string {
	for _, r := range skipReasons {
		if errors.Is(refusal, r.kind) {
			return r.why
		}
	}
	return skipOther
}

// BulkFor is the tasks that an action is for, by status, and why it skips those of the others.
func BulkFor(action projection.BulkAction) (statuses []task.Status, others map[string][]task.Status) {
	live, ended := []task.Status{task.Pending, task.Running}, []task.Status{task.Success, task.Failed, task.Cancelled}
	switch action {
	case projection.BulkCancel, projection.BulkReprioritise:
		return live, map[string][]task.Status{SkipEnded: ended}
	case projection.BulkErase:
		return ended, map[string][]task.Status{SkipNotEnded: live}
	case projection.BulkRetry:
		return ended[1:], map[string][]task.Status{SkipSucceeded: ended[:1], SkipNotEnded: live}
	default:
		return live[:1], map[string][]task.Status{SkipNotPending: append(live[1:2:2], ended...)}
	}
}

// bulkChunk is the part of a request that changes some tasks of a bulk.
type bulkChunk struct {
	bulk  string
	after int64 // the version of the bulk that it follows
	items []bulkItem
	do    func(*task.Task) task.Command       // for all items but those with a command
	next  func(done int) projection.BulkPlace // where the bulk goes on when so many items are done; at len(items) if last is false
	last  bool                                // these are the last ones
	most  time.Duration                       // how long deciding may take; it ends early then, but does one item at least

	preview bool                   // nothing is appended
	done    int                    // of a preview: how many items were decided
	applied projection.BulkApplied // of a preview
}

// bulkItem is one task of a chunk.
type bulkItem struct {
	id      ulid.ULID
	version int64        // only if it is still that; 0 = any
	command task.Command // nil = that of the chunk
	skip    string       // it is skipped for that reason; "" = it is not
}

// decideBulk decides a chunk of a bulk: the changes of its tasks and the event that says so, all or none.
func (l *loop) decideBulk(rd *round, r *request) {
	if r.bulk.preview {
		l.previewBulk(rd, r)
		return
	}
	if l.othersUnderWay(rd) {
		l.backlog.again = append(l.backlog.again, input{request: r})
		return
	}
	c := r.bulk
	b, _ := l.s.o.Views.Bulk(c.bulk)
	if b == nil || !b.Running() || b.Version != c.after {
		rd.reply(r, answer{err: errBulkMoved})
		return
	}
	l.views.missing = nil
	if len(c.items) > 0 && c.items[0].skip == "" && rd.get(c.items[0].id) == nil && l.views.missing != nil {
		rd.reply(r, answer{err: l.views.missing})
		return
	}
	rd.begin(r.actor, false, func(err error) {
		if err != nil {
			l.requestDropped(r, err)
			return
		}
		r.done <- answer{}
	})
	w := bulkWork{rd: rd, c: c, until: time.Now().Add(c.most)}
	done := w.items()
	w.applied.Next = c.next(done)
	whole := *b
	whole.Changed, whole.Skipped = b.Changed+w.applied.Changed, projection.AddSkipped(b.Skipped, w.applied.Skipped)
	if c.last && done == len(c.items) {
		rest := unseen(&whole)
		w.applied.Skipped, whole.Skipped = projection.AddSkipped(w.applied.Skipped, rest), projection.AddSkipped(whole.Skipped, rest)
	}
	data, _ := json.Marshal(w.applied) // plain data can be marshalled
	event := &eventlog.Event{Stream: b.Stream(), Version: b.Version + 1, Type: projection.BulkAppliedType, V: 1, Data: data}
	if len(w.changes) > 0 {
		event.Payload, _ = json.Marshal(bulkChanges{w.changes}) // the same
		event.HasPayload = true
	}
	rd.addOther(event)
	if c.last && done == len(c.items) {
		rd.addOther(&eventlog.Event{Stream: b.Stream(), Version: b.Version + 2, Type: projection.BulkEndedType, V: 1,
			Data: bulkEnded(&whole, projection.BulkDone)})
	}
	rd.size += int(w.applied.Changed) + 1
}

// unseen is what has to be added to the counts of a bulk that is done, so that all tasks that matched when it began are changed or skipped.
// Some match no more when it comes to them; others were counted as skipped at its begin, and match when it comes to them.
func unseen(b *projection.Bulk) map[string]int64 {
	rest := b.Matched - b.Changed
	for _, n := range b.Skipped {
		rest -= n
	}
	if rest >= 0 {
		return map[string]int64{SkipChanged: rest}
	}
	counts := make(map[string]int64)
	_, others := BulkFor(b.Action)
	for _, why := range slices.Sorted(maps.Keys(others)) {
		n := min(-rest, b.Skipped[why])
		counts[why], rest = -n, rest+n
	}
	return counts
}

// bulkChanges is the payload of bulk.applied.
type bulkChanges struct {
	Tasks []projection.BulkChange `json:"tasks"`
}

// bulkWork is a chunk while it is decided.
type bulkWork struct {
	rd      *round
	c       *bulkChunk
	until   time.Time
	applied projection.BulkApplied
	changes []projection.BulkChange
}

// items decides the items, and returns how many are done: all, or fewer if time is up or the views cannot be read for now.
func (w *bulkWork) items() int {
	for i := range w.c.items {
		if i > 0 && time.Now().After(w.until) {
			return i
		}
		if !w.item(&w.c.items[i]) {
			return i
		}
	}
	return len(w.c.items)
}

// item decides one task. It returns false if the task cannot be read for now.
func (w *bulkWork) item(at *bulkItem) bool {
	rd := w.rd
	if at.skip != "" {
		w.skip(at.skip)
		return true
	}
	rd.l.views.missing = nil
	before := rd.get(at.id)
	if rd.l.views.missing != nil {
		return false
	}
	command := at.command
	if before != nil && command == nil {
		command = w.c.do(before)
	}
	if before == nil || command == nil || at.version != 0 && before.Version != at.version {
		w.skip(SkipChanged)
		return true
	}
	decided, refusal := rd.decideOn(before, command)
	var needs []int
	var with []*task.Task
	retry, again := command.(task.Retry)
	if again && refusal == nil {
		if needs, with, refusal = rd.mayRetry(before); rd.l.views.missing != nil {
			return false
		}
	}
	if refusal != nil || len(decided) == 0 {
		w.skip(whySkipped(command, refusal))
		return true
	}
	if w.c.preview {
		w.applied.Changed++
		return true
	}
	change := projection.BulkChange{ID: at.id.String(), Version: decided[len(decided)-1].Version, Before: replacedBy(command, before)}
	n := rd.own(at.id, before)
	for _, need := range needs {
		if need != len(rd.entries)-1 { // the chunk is one entry
			rd.needs = append(rd.needs, need)
		}
	}
	rd.add(n, at.id, decided)
	rd.retryWith(with, retry)
	w.applied.Changed++
	w.changes = append(w.changes, change)
	return true
}

func whySkipped(command task.Command, refusal error) string {
	if refusal != nil {
		return skipReason(refusal)
	}
	if _, erase := command.(task.Erase); erase {
		return SkipErased
	}
	return SkipSame
}

func (w *bulkWork) skip(why string) {
	w.applied.Skipped = projection.AddSkipped(w.applied.Skipped, map[string]int64{why: 1})
}

// replacedBy is what a command replaces in a task, as BulkChange has it.
func replacedBy(c task.Command, before *task.Task) int64 {
	switch c.(type) {
	case task.Reprioritise:
		return int64(before.Priority)
	case task.Move:
		return int64(before.RunAt)
	}
	return 0
}
