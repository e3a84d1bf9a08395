package scheduler

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// anyUnique is one of a few unique keys, held in one of the ways there are; nil for most.
func anyUnique(r *rand.Rand) *task.UniqueSubmit {
	if r.IntN(3) > 0 {
		return nil
	}
	u := &task.UniqueSubmit{Key: fmt.Sprint("u", r.IntN(3)), OnConflict: task.OnConflict(r.IntN(3))}
	if r.IntN(3) == 0 {
		u.For = task.Micros(1+r.IntN(3)) * task.Second
	}
	if u.OnConflict == task.ConflictReplace && r.IntN(2) == 0 {
		u.MaxDelay = task.Second
	}
	return u
}

// uniqueLog is what the log says of tasks that are unique, up to an event.
type uniqueLog struct {
	t     *testing.T
	what  string
	tasks map[ulid.ULID]*task.Task
	held  map[task.Claim][]ulid.ULID // tasks that were submitted with the key
	ended map[ulid.ULID]int64        // the seq of the latest end of each

	replaced, behind, retried int // how often that was seen
}

// checkUnique checks after every event of the log that of the tasks that hold a unique key and
// have not ended one at most may run, and that the other, if there is one, waits for it.
func checkUnique(t *testing.T, seed uint64, log eventlog.Log) *uniqueLog {
	t.Helper()
	what := fmt.Sprint("seed ", seed)
	u := &uniqueLog{t: t, what: what, tasks: map[ulid.ULID]*task.Task{}, held: map[task.Claim][]ulid.ULID{}, ended: map[ulid.ULID]int64{}}
	var decoder task.Decoder
	err := log.Scan(t.Context(), 0, func(raw *eventlog.Event) error {
		kind, ok := task.ParseEventType(raw.Type)
		if !ok {
			return nil
		}
		id, _ := task.ParseStream(raw.Stream)
		e := task.Event{Seq: raw.Seq, At: task.Micros(raw.At), Version: raw.Version, Type: kind}
		if err := decoder.Decode(&e.Data, kind, raw.V, raw.Data); err != nil {
			return err
		}
		return u.add(id, &e)
	})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for id, s := range u.tasks {
		if s.Links != nil && s.Links.ReplacedBy != (ulid.ULID{}) {
			u.checkReplaced(id, s)
		}
	}
	return u
}

func (u *uniqueLog) add(id ulid.ULID, e *task.Event) error {
	s := u.tasks[id]
	if s == nil {
		s = new(task.Task)
		u.tasks[id] = s
	}
	if err := task.Apply(s, id, e); err != nil {
		return err
	}
	if s.Status.Ended() {
		u.ended[id] = e.Seq
	}
	claim, ok := s.Claims()
	switch {
	case !ok:
		return nil
	case e.Type == task.EventSubmitted:
		u.held[claim] = append(u.held[claim], id)
	case e.Type == task.EventRetried:
		u.retried++
	case e.Type == task.EventCancelled && e.Data.ReplacedBy != (ulid.ULID{}):
		u.replaced++
	}
	u.check(claim, e)
	return nil
}

// check is checkUnique for one key.
func (u *uniqueLog) check(claim task.Claim, e *task.Event) {
	u.t.Helper()
	var free, waits []string
	for _, id := range u.held[claim] {
		s := u.tasks[id]
		if s.Status.Ended() || !s.Holds(e.At) {
			continue
		}
		// One that has ended, and whose time is over, does not count when it is sent round again.
		if first := u.tasks[s.Behind()]; first != nil && !first.Status.Ended() && u.ended[s.Behind()] < s.SubmitSeq {
			waits = append(waits, s.Name())
			if u.behind++; s.Status == task.Running {
				u.t.Errorf("%s: at event %d %s runs beside %s, which it waits for", u.what, e.Seq, s.Name(), first.Name())
			}
			continue
		}
		free = append(free, s.Name())
	}
	if len(free) > 1 || len(waits) > 1 {
		u.t.Errorf("%s: at event %d, %s, %v hold one unique key, and %v wait behind another task", u.what, e.Seq, e.Type, free, waits)
	}
}

// checkReplaced checks that what a task was replaced by is there, and later, under the same key.
func (u *uniqueLog) checkReplaced(id ulid.ULID, s *task.Task) {
	u.t.Helper()
	by := u.tasks[s.Links.ReplacedBy]
	if by == nil || by.Links == nil || by.Links.Unique.Key != s.Links.Unique.Key || by.Type != s.Type || by.SubmitSeq < s.SubmitSeq {
		u.t.Errorf("%s: %s was replaced by %s: %+v", u.what, id, s.Links.ReplacedBy, by)
	}
}
