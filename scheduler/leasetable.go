package scheduler

import (
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"time"

	"daybook/internal/priority"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// lease is a task in the hands of a worker: a remote attempt. Its token is known to the
// worker alone; the log and the table have the SHA-256 of it.
type lease struct {
	id       ulid.ULID
	fence    int64
	stream   string // of the task
	taskType string
	worker   string
	length   time.Duration // that a beat extends it by, unless the beat says other
	hash     [32]byte
	token    string // "" after a restart of the server

	// Guarded by leaseTable.mu.
	deadline  time.Time     // on the monotonic clock
	timeout   time.Time     // when the timeout of the attempt ends it; zero = never
	cancelled bool          // its task is to stop
	active    bool          // the worker has reported progress of it: it has started
	suspect   bool          // its task may have killed a worker before
	unheard   bool          // it is from before the start of the server, and no beat has named it since
	reported  time.Time     // when its latest progress became an event
	waiting   *list.Element // its progress that waits to be written; nil = none
	place     int32         // in leaseTable.byEnd; 0 = it is not there
}

// ends is when the lease ends unless somebody does something.
func (l *lease) ends() time.Time {
	if !l.timeout.IsZero() && l.timeout.Before(l.deadline) {
		return l.timeout
	}
	return l.deadline
}

// Before orders leases by their ends.
func (l *lease) Before(other *lease) bool { return l.ends().Before(other.ends()) }
func (l *lease) Place() *int32            { return &l.place }

// tokenPrefix lets people and scanners of secrets recognise a token of a lease.
const tokenPrefix = "dbl_"

// newToken is the token of a lease: the id of its task, and 128 random bits.
func newToken(id ulid.ULID) (token string, hash [32]byte) {
	var b [32]byte
	copy(b[:16], id[:])
	rand.Read(b[16:]) // never fails
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
	return token, hashOf(token)
}

// hashOf is the hash of a token.
func hashOf(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// taskOfToken returns the id of the task that a token was made for; false for what is no token.
func taskOfToken(token string) (id ulid.ULID, ok bool) {
	text, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok || len(text) != base64.RawURLEncoding.EncodedLen(32) {
		return ulid.ULID{}, false
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return ulid.ULID{}, false
	}
	return ulid.ULID(b[:16]), true
}

// worker is what is known of a process that leases tasks.
type worker struct {
	Worker
	leases map[*lease]bool
	called bool  // since the start of the server
	moved  int64 // leaseTable.moves when it last changed
	polls  polls
}

// leaseTable is who holds what. Any goroutine may use it.
type leaseTable struct {
	mu      sync.Mutex
	byHash  map[[32]byte]*lease
	byTask  map[ulid.ULID]*lease
	workers map[string]*worker
	byEnd   priority.Queue[*lease] // by their ends
	moves   int64                  // changes of workers
	gone    []goneWorker           // the latest that were forgotten
	lost    int64                  // moves when the latest one was forgotten that is not in gone any more

	progress waitingReports
	quiet    func(worker string) bool // it is to get no more work; set before the table is used
}

func newLeaseTable(quiet func(worker string) bool) *leaseTable {
	return &leaseTable{byHash: make(map[[32]byte]*lease), byTask: make(map[ulid.ULID]*lease), workers: make(map[string]*worker),
		quiet: quiet}
}

// worker returns the entry of a worker, which is made if there is none. mu must be held.
func (t *leaseTable) worker(name string, now time.Time) *worker {
	w := t.workers[name]
	if w == nil {
		w = &worker{Worker: Worker{Name: name, Since: now}, leases: make(map[*lease]bool)}
		t.workers[name] = w
	}
	w.LastSeen = now
	t.move(w)
	return w
}

// add puts a lease into the table.
func (t *leaseTable) add(l *lease, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.workers[l.worker]
	if w == nil { // it was forgotten
		w = t.worker(l.worker, now)
	}
	t.put(l, w)
}

// put puts the lease of a worker into the table. mu must be held.
func (t *leaseTable) put(l *lease, w *worker) {
	t.byHash[l.hash], t.byTask[l.id] = l, l
	w.leases[l] = true
	t.move(w)
	t.byEnd.Put(l)
}

// remove takes a lease out of the table, which no longer knows its token.
func (t *leaseTable) remove(l *lease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(l)
}

func (t *leaseTable) drop(l *lease) {
	if t.byHash[l.hash] != l {
		return
	}
	delete(t.byHash, l.hash)
	t.progress.remove(l)
	if t.byTask[l.id] == l {
		delete(t.byTask, l.id)
	}
	if w := t.workers[l.worker]; w != nil {
		delete(w.leases, l)
		t.move(w)
	}
	t.byEnd.Remove(l)
}

// find returns the lease of a token, nil if the token holds no task.
func (t *leaseTable) find(token string) *lease {
	hash := hashOf(token)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byHash[hash]
}

// of returns the lease of a task, nil if no worker holds it.
func (t *leaseTable) of(id ulid.ULID) *lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byTask[id]
}

// cancel notes that the task is to stop: its worker is told by the next answer.
func (t *leaseTable) cancel(id ulid.ULID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.byTask[id]; l != nil {
		l.cancelled = true
	}
}

// extend moves the end of a lease. mu must be held.
func (t *leaseTable) extend(l *lease, until time.Time) {
	l.deadline, l.unheard = until, false
	if l.place != 0 {
		t.byEnd.Put(l)
	}
}

// next is when the first lease ends; zero without any.
func (t *leaseTable) next() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byEnd.Len() == 0 {
		return time.Time{}
	}
	return t.byEnd.First().ends()
}

// grace gives every lease its whole length again: the server was not there to hear a beat.
func (t *leaseTable) grace(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.byHash {
		l.deadline = now.Add(l.length)
	}
	t.byEnd.Reorder()
}

// lapsed is a lease that has ended by itself, and why.
type lapsed struct {
	lease   *lease
	timeout bool // the attempt ran longer than its timeout; else its worker is silent
	idle    bool // the worker had not started it: it is given back at no cost
	crash   task.Crash
}

// command is what ends the attempt.
func (l *lapsed) command() task.Command {
	switch {
	case l.timeout:
		return task.Fail{Fence: l.lease.fence, Code: task.CodeTimeout, Error: "it ran longer than its timeout"}
	case l.idle:
		return task.Release{Fence: l.lease.fence}
	}
	return task.Expire{Fence: l.lease.fence, Crash: l.crash}
}

// lapse takes out the leases that have ended by now. Those of one worker end together; what is
// charged for the death of a worker is only what it may have died of:
//
//   - what it held alone, or the only suspect among what it held;
//   - nobody, if there were several: those that had started, or all if that is not known,
//     become suspects.
func (t *leaseTable) lapse(now time.Time) (list []lapsed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	silent := make(map[string][]*lease)
	called := func(l *lease) bool { w := t.workers[l.worker]; return w != nil && w.called }
	for t.byEnd.Len() > 0 && !t.byEnd.First().ends().After(now) {
		l := t.byEnd.First()
		timeout := l.deadline.After(now)
		t.drop(l)
		if timeout {
			list = append(list, lapsed{lease: l, timeout: true})
			continue
		}
		if l.unheard && called(l) { // its worker lives and does not have it: the answer with it was lost
			list = append(list, lapsed{lease: l, idle: true})
			continue
		}
		silent[l.worker] = append(silent[l.worker], l)
	}
	for _, leases := range silent {
		list = append(list, blame(leases)...)
	}
	return list
}

// blame says what each of the leases of a dead worker is charged for.
func blame(leases []*lease) (list []lapsed) {
	var active, suspects int
	for _, l := range leases {
		if l.active {
			active++
		}
		if l.suspect {
			suspects++
		}
	}
	for _, l := range leases {
		end := lapsed{lease: l}
		switch started := l.active || active == 0; {
		case len(leases) == 1, started && active == 1, l.suspect && suspects == 1:
			end.crash = task.CrashAlone
		case started && suspects != 1:
			end.crash = task.CrashTogether
		default:
			end.idle = true
		}
		list = append(list, end)
	}
	return list
}

// load is how many tasks a worker holds, and how many of them are suspects.
func (t *leaseTable) load(name string) (held, suspects int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.workers[name]
	if w == nil {
		return 0, 0
	}
	for l := range w.leases {
		if l.suspect {
			suspects++
		}
	}
	return len(w.leases), suspects
}

const (
	// aliveFor is how long after its latest word a worker without a lease counts as alive.
	aliveFor = 90 * time.Second
	// rememberedFor is how long a worker that is gone is listed.
	rememberedFor = 10 * time.Minute
)

// forget drops workers that have been silent for long. mu must be held.
func (t *leaseTable) forget(now time.Time) {
	for name, w := range t.workers {
		if len(w.leases) == 0 && now.Sub(w.LastSeen) > rememberedFor {
			delete(t.workers, name)
			t.noteGone(name)
		}
	}
}

// offers reports whether a worker that is alive runs tasks of that type and queue. held is how many tasks these workers hold, 0 if one of them holds none: it has room.
func (t *leaseTable) offers(taskType, queue string, now time.Time) (held int, some bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	idle := false
	for _, w := range t.workers {
		if now.Sub(w.LastSeen) <= aliveFor && !t.quiet(w.Name) && slices.Contains(w.Types, taskType) &&
			(w.Queues == nil || slices.Contains(w.Queues, queue)) {
			held, some, idle = held+len(w.leases), true, idle || len(w.leases) == 0
		}
	}
	if idle {
		held = 0
	}
	return held, some
}
