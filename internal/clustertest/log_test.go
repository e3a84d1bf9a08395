//go:build linux

package clustertest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// wholeLog is what the log of a node says.
type wholeLog struct {
	hashes []string            // by seq - 1
	tasks  map[string]*record  // by id
	keys   map[string][]string // idempotency key → ids
	leases map[string]string   // token_hash → id
	terms  int64
}

// record is the story of one task.
type record struct {
	types []string // of its events, in order
	ended bool
}

// count is how many events of these types, with | between, the task has.
func (r *record) count(types string) (n int) {
	for _, name := range r.types {
		if slices.Contains(strings.Split(types, "|"), name) {
			n++
		}
	}
	return n
}

// event is one line of GET /api/log.
type event struct {
	Seq, Version int64
	At           time.Time
	Stream, Type string
	Hash         string
	Data         struct {
		Term int64
		Key  string `json:"idempotency_key"`
		Hash string `json:"token_hash"`
	}
}

// readLog reads the log as a node has it, and checks what must be true of any log.
func readLog(t *testing.T, n *node) *wholeLog {
	t.Helper()
	answer, err := get(n, "/api/log?format=ndjson", patience)
	if err != nil || answer.status != http.StatusOK {
		t.Fatalf("read the log of node %s: %v, %+v", n.name, err, answer)
	}
	log := &wholeLog{tasks: map[string]*record{}, keys: map[string][]string{}, leases: map[string]string{}}
	var before event
	for line := range bytes.Lines(answer.body) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("node %s, after event %d: %v", n.name, before.Seq, err)
		}
		if e.Seq != before.Seq+1 {
			t.Fatalf("node %s: event %d follows event %d", n.name, e.Seq, before.Seq)
		}
		if e.At.Before(before.At) {
			t.Errorf("node %s: event %d is at %s, the one before at %s", n.name, e.Seq, e.At, before.At)
		}
		log.hashes = append(log.hashes, e.Hash)
		log.add(t, &e)
		before = e
	}
	return log
}

func (l *wholeLog) add(t *testing.T, e *event) {
	t.Helper()
	if e.Type == "server.led" {
		if e.Data.Term != l.terms+1 {
			t.Errorf("event %d: term %d follows term %d", e.Seq, e.Data.Term, l.terms)
		}
		l.terms = e.Data.Term
	}
	id, ok := strings.CutPrefix(e.Stream, "task:")
	if !ok {
		return
	}
	r := l.tasks[id]
	if r == nil {
		r = &record{}
		l.tasks[id] = r
	}
	r.types = append(r.types, e.Type)
	if e.Version != int64(len(r.types)) || (e.Type == "task.submitted") != (e.Version == 1) {
		t.Errorf("task %s: its event %d is %s of version %d", id, len(r.types), e.Type, e.Version)
	}
	switch e.Type {
	case "task.succeeded", "task.failed", "task.cancelled":
		if r.ended {
			t.Errorf("task %s ended twice: %v", id, r.types)
		}
		r.ended = true
	case "task.started":
		if e.Data.Hash != "" {
			l.leases[e.Data.Hash] = id
		}
	case "task.retried":
		r.ended = false
	case "task.submitted":
		if e.Data.Key != "" {
			l.keys[e.Data.Key] = append(l.keys[e.Data.Key], id)
		}
	}
}

// sameLogs reads the logs of all nodes, which must be one history, and returns it.
func (c *cluster) sameLogs() *wholeLog {
	c.t.Helper()
	var longest *wholeLog
	logs := map[string]*wholeLog{}
	for _, name := range names {
		logs[name] = readLog(c.t, c.nodes[name])
		if longest == nil || len(logs[name].hashes) > len(longest.hashes) {
			longest = logs[name]
		}
	}
	for _, name := range names {
		for i, hash := range logs[name].hashes {
			if longest.hashes[i] != hash {
				c.t.Errorf("event %d of node %s is not that of the others", i+1, name)
				break
			}
		}
	}
	return longest
}
