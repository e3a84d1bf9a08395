package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"daybook/client"
)

// submitUnique submits a task with one of a few unique keys, which all loaders have in common.
func (l *loader) submitUnique(ctx context.Context) error {
	s := l.task()
	s.Unique = &client.Unique{Key: fmt.Sprint("u", l.random.IntN(3)),
		OnConflict: []string{"return", "replace", "reject"}[l.random.IntN(3)], ForSeconds: []float64{0, 0, 0.5}[l.random.IntN(3)]}
	done, err := l.server.Submit(ctx, s)
	switch {
	case client.StatusOf(err) == 409 && s.Unique.OnConflict == "reject":
		return nil
	case err == nil && !done.Returned:
		l.oracle.acknowledged("", done.ID)
	}
	return err
}

// uniqueRecord is what the log says of a task with a unique key.
type uniqueRecord struct {
	task       *record
	id         string
	until      time.Time // zero = the key is held while the task is live
	behind     string
	submitted  int64 // seq
	ended      int64 // seq of its latest end
	replacedBy string
}

// holds says whether the task is live and holds its key.
func (u *uniqueRecord) holds(at time.Time) bool {
	return u.task.last == "" && (u.until.IsZero() || at.Before(u.until))
}

// addUnique checks after each event that of the live tasks that hold a key one at most may
// run, and one at most waits for another one.
func (w *wholeLog) addUnique(t *testing.T, id string, e *client.Event) {
	t.Helper()
	var data struct {
		Key        string `json:"unique_key"`
		For        int64  `json:"unique_for"` // microseconds
		Behind     string `json:"unique_behind"`
		ReplacedBy string `json:"replaced_by"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		t.Fatal(err)
	}
	if e.Type == "task.submitted" && data.Key != "" {
		u := &uniqueRecord{task: w.tasks[id], id: id, behind: data.Behind, submitted: e.Seq}
		if data.For > 0 {
			u.until = e.At.Add(time.Duration(data.For) * time.Microsecond)
		}
		w.unique[id] = u
		w.byUnique[data.Key] = append(w.byUnique[data.Key], u)
		w.checkUnique(t, data.Key, e)
	}
	if u := w.unique[id]; u != nil && endings[e.Type] != "" {
		u.ended, u.replacedBy = e.Seq, data.ReplacedBy
	}
	if w.unique[id] != nil && e.Type == "task.retried" {
		for key, list := range w.byUnique {
			if slices.Contains(list, w.unique[id]) {
				w.checkUnique(t, key, e)
			}
		}
	}
}

func (w *wholeLog) checkUnique(t *testing.T, key string, e *client.Event) {
	t.Helper()
	var free, waits []string
	for _, u := range w.byUnique[key] {
		if !u.holds(e.At) {
			continue
		}
		if first := w.unique[u.behind]; first != nil && first.task.last == "" && first.ended < u.submitted {
			waits = append(waits, u.id)
		} else {
			free = append(free, u.id)
		}
	}
	if len(free) > 1 || len(waits) > 1 {
		t.Errorf("at event %d, %s, %v hold the unique key %s, and %v wait behind another task", e.Seq, e.Type, free, key, waits)
	}
}

// checkReplaced checks that each task that was replaced was cancelled for another one.
func (w *wholeLog) checkReplaced(t *testing.T) {
	t.Helper()
	replaced := 0
	for id, u := range w.unique {
		if u.replacedBy == "" {
			continue
		}
		replaced++
		if by := w.unique[u.replacedBy]; by == nil || by.submitted < u.submitted {
			t.Errorf("%s was replaced by %s: %+v", id, u.replacedBy, by)
		}
	}
	t.Logf("%d unique tasks, %d were replaced", len(w.unique), replaced)
}
