package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"daybook/client"
)

// oracle knows what the server has acknowledged, and so must never forget.
type oracle struct {
	mu      sync.Mutex
	tasks   []string          // ids, in the order of their acknowledgement
	has     map[string]*known // by id
	keys    map[string]string // idempotency key → id; "" = tried, not acknowledged
	cancels int
	repeats int
	wrong   []string // what was seen that cannot be

	awaited string        // the moment that moment is closed at; "" = none
	moment  chan struct{} // nil when nobody waits
}

// known is what was acknowledged about one task.
type known struct{ cancels, retries int }

func newOracle() *oracle { return &oracle{has: map[string]*known{}, keys: map[string]string{}} }

func (o *oracle) tried(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keys[key] = ""
}

func (o *oracle) acknowledged(key, id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.happened("submitted")
	if key != "" {
		if before := o.keys[key]; before != "" && before != id {
			o.wrong = append(o.wrong, fmt.Sprintf("key %s gave task %s and then %s", key, before, id))
		}
		o.keys[key] = id
	}
	if o.has[id] == nil {
		o.has[id] = &known{}
		o.tasks = append(o.tasks, id)
	} else if key == "" {
		o.wrong = append(o.wrong, fmt.Sprintf("task %s was given out twice", id))
	}
}

func (o *oracle) repeated() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.repeats++
}

// cancelled notes an acknowledged cancel; running says that the task was told to stop
// and has not yet ended.
func (o *oracle) cancelled(id string, running bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if running {
		o.happened("cancelling")
	}
	o.has[id].cancels++
	o.cancels++
}

func (o *oracle) retried(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.has[id].retries++
}

// awaitMoment waits for the next acknowledgement of a kind, not for long; "" is now.
func (o *oracle) awaitMoment(kind string) {
	if kind == "" {
		return
	}
	o.mu.Lock()
	moment := make(chan struct{})
	o.awaited, o.moment = kind, moment
	o.mu.Unlock()
	select {
	case <-moment:
	case <-time.After(time.Second):
	}
}

// happened ends awaitMoment; mu is held.
func (o *oracle) happened(kind string) {
	if o.moment != nil && o.awaited == kind {
		close(o.moment)
		o.moment = nil
	}
}

func (o *oracle) object(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wrong = append(o.wrong, fmt.Sprintf(format, args...))
}

// anyone is a recent task, "" when there is none.
func (o *oracle) anyone(random *rand.Rand) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.tasks) == 0 {
		return ""
	}
	recent := o.tasks[max(0, len(o.tasks)-30):]
	return recent[random.IntN(len(recent))]
}

// await waits until every task on the server has ended.
func (o *oracle) await(t *testing.T, server *client.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settleTime)
	defer cancel()
	open := client.Filter{Statuses: []client.Status{client.Pending, client.Running}, Limit: 1}
	page, err := server.ListPage(ctx, open)
	if err != nil {
		t.Fatal(err)
	}
	for page.Total > 0 {
		if _, err := server.Wait(ctx, page.Tasks[0].ID); err != nil {
			t.Errorf("%d tasks have not ended: %v", page.Total, err)
			return // what is lost is worth more to know
		}
		if page, err = server.ListPage(ctx, open); err != nil {
			t.Fatal(err)
		}
	}
}

// wholeLog is what the log says in the end.
type wholeLog struct {
	last   int64
	hashes []string           // by seq - 1
	tasks  map[string]*record // by id
	byKey  map[string][]string

	unique   map[string]*uniqueRecord   // by id
	byUnique map[string][]*uniqueRecord // by unique key
}

// record is the story of one task.
type record struct {
	types []string // of its events, in order
	last  client.Status
}

// readWholeLog reads the log and checks what must be true of any log.
func readWholeLog(t *testing.T, server *client.Client) *wholeLog {
	t.Helper()
	seen := &wholeLog{tasks: map[string]*record{}, byKey: map[string][]string{},
		unique: map[string]*uniqueRecord{}, byUnique: map[string][]*uniqueRecord{}}
	for e, err := range server.Log(t.Context(), client.LogQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq != seen.last+1 {
			t.Fatalf("event %d follows event %d", e.Seq, seen.last)
		}
		seen.last = e.Seq
		seen.hashes = append(seen.hashes, e.Hash)
		seen.add(t, &e)
	}
	return seen
}

var endings = map[string]client.Status{
	"task.succeeded": client.Success, "task.failed": client.Failed, "task.cancelled": client.Cancelled,
}

func (w *wholeLog) add(t *testing.T, e *client.Event) {
	t.Helper()
	const prefix = "task:"
	if len(e.Stream) < len(prefix) || e.Stream[:len(prefix)] != prefix {
		return
	}
	id := e.Stream[len(prefix):]
	r := w.tasks[id]
	if r == nil {
		r = &record{}
		w.tasks[id] = r
	}
	r.types = append(r.types, e.Type)
	if e.Version != int64(len(r.types)) {
		t.Errorf("task %s: version %d is its event number %d", id, e.Version, len(r.types))
	}
	if (e.Type == "task.submitted") != (e.Version == 1) {
		t.Errorf("task %s: %s has version %d", id, e.Type, e.Version)
	}
	if to, ok := endings[e.Type]; ok {
		if r.last != "" {
			t.Errorf("task %s ended twice: %v", id, r.types)
		}
		r.last = to
	}
	if e.Type == "task.retried" {
		r.last = ""
	}
	w.addUnique(t, id, e)
	var data struct {
		Key string `json:"idempotency_key"`
	}
	if e.Type == "task.submitted" && json.Unmarshal(e.Data, &data) == nil && data.Key != "" {
		w.byKey[data.Key] = append(w.byKey[data.Key], id)
	}
}

// compare looks for everything that was acknowledged.
func (o *oracle) compare(t *testing.T, server *client.Client, seen *wholeLog) {
	t.Helper()
	for _, wrong := range o.wrong {
		t.Error(wrong)
	}
	for _, id := range o.tasks {
		r := seen.tasks[id]
		if r == nil {
			t.Errorf("task %s was acknowledged and is not in the log", id)
			continue
		}
		o.compareTask(t, id, r)
	}
	for key, id := range o.keys {
		ids := seen.byKey[key]
		if len(ids) > 1 || id != "" && (len(ids) != 1 || ids[0] != id) {
			t.Errorf("key %s was acknowledged as task %q and is in the log as %v", key, id, ids)
		}
	}
	seen.checkReplaced(t)
	listed := 0
	for task, err := range server.List(t.Context(), client.Filter{Limit: 1000}) {
		if err != nil {
			t.Fatal(err)
		}
		listed++
		if r := seen.tasks[task.ID]; r == nil || r.last != task.Status {
			t.Errorf("task %s is listed as %s; the log says %+v", task.ID, task.Status, r)
		}
	}
	if listed != len(seen.tasks) {
		t.Errorf("%d tasks are listed, %d are in the log", listed, len(seen.tasks))
	}
}

func (o *oracle) compareTask(t *testing.T, id string, r *record) {
	t.Helper()
	count := map[string]int{}
	for _, name := range r.types {
		count[name]++
	}
	k := o.has[id]
	if r.last == "" {
		t.Errorf("task %s has not ended: %v", id, r.types)
	}
	if count["task.retried"] < k.retries {
		t.Errorf("task %s: %d retries were acknowledged, the log has %d", id, k.retries, count["task.retried"])
	}
	if k.cancels > 0 && count["task.cancelled"] == 0 {
		t.Errorf("task %s: a cancel was acknowledged, the log says %v", id, r.types)
	}
}

// follower follows the log from its beginning through all that happens to the server.
type follower struct {
	server *client.Client

	mu     sync.Mutex
	hashes []string // guarded by mu; by seq - 1
	err    error    // guarded by mu
}

func (f *follower) run(ctx context.Context) {
	for e, err := range f.server.Follow(ctx, client.FollowQuery{}) {
		f.mu.Lock()
		if err != nil {
			f.err = err
		} else {
			f.hashes = append(f.hashes, e.Hash)
		}
		f.mu.Unlock()
	}
}

// awaitHead waits until the event has come.
func (f *follower) awaitHead(t *testing.T, seq int64) {
	t.Helper()
	deadline := time.Now().Add(settleTime)
	for time.Now().Before(deadline) {
		f.mu.Lock()
		n, err := int64(len(f.hashes)), f.err
		f.mu.Unlock()
		if n >= seq || err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// compare looks for a gap, a repeat or an event that is no longer what it was.
func (f *follower) compare(t *testing.T, seen *wholeLog) {
	t.Helper()
	if f.err != nil && f.err != context.Canceled {
		t.Errorf("the follower ended: %v", f.err)
	}
	if len(f.hashes) < len(seen.hashes) {
		t.Errorf("%d events were followed, %d are in the log", len(f.hashes), len(seen.hashes))
		return
	}
	for i, hash := range seen.hashes {
		if f.hashes[i] != hash {
			t.Errorf("event %d of the stream is not event %d of the log", i+1, i+1)
			return
		}
	}
}
