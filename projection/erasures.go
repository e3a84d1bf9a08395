package projection

import (
	"context"
	"encoding/json"
	"fmt"

	"daybook/eventlog"
	"daybook/internal/sqlite"
	"daybook/projection/textindex"
	"daybook/task"
)

// ErasureStream is the one stream of its kind: it says how far what tasks have lost by task.erased was deleted.
const ErasureStream = "erasure:payloads"

// ErasureDone is the type of its events.
const ErasureDone = "erasure.done"

var erasureEvents = map[string]int{ErasureDone: 1}

// ErasureDoneData is the data of erasure.done.
type ErasureDoneData struct {
	To int64 `json:"to"` // the payloads of tasks whose task.erased is at this seq or before it are deleted
}

// erasures is the fold of the stream, and of task.erased.
type erasures struct {
	Asked   int64 `json:"asked,omitempty"` // seq of the latest task.erased
	Done    int64 `json:"done,omitempty"`
	Version int64 `json:"version,omitempty"`
}

func (f *erasures) apply(e *eventlog.Event) error {
	var d ErasureDoneData
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return fmt.Errorf("%w: %s: %w", task.ErrData, e.Type, err)
	}
	if e.Stream != ErasureStream || d.To <= f.Done || d.To >= e.Seq {
		return fmt.Errorf("%w: %s", task.ErrIllegal, e.Type)
	}
	f.Done, f.Version = d.To, e.Version
	return nil
}

func (f *erasures) version(string) int64 { return f.Version }

// Erasures returns the seq of the latest task.erased, 0 for none, and up to which of them the payloads are deleted.
func (v *Views) Erasures() (asked, done int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	f := foldIn[*erasures](v.streams)
	return f.Asked, f.Done
}

// erasedTask is a task that was erased, and may be in the text index.
type erasedTask struct {
	submitSeq int64
	erasedSeq int64 // it is not later than that
}

// unindex has the words of an erased task removed from the text index. mu is held.
func (v *Views) unindex(t *task.Task) {
	if v.keeper != nil {
		v.erased = append(v.erased, erasedTask{t.SubmitSeq, t.LastSeq})
	}
}

// unindexable returns tasks whose words can be removed from the text index: their payloads are deleted, so nobody adds them again.
func (v *Views) unindexable() (docs []textindex.Doc) {
	v.mu.Lock()
	defer v.mu.Unlock()
	done := foldIn[*erasures](v.streams).Done
	n := 0
	for n < min(len(v.erased), textBatch) && v.erased[n].erasedSeq <= done {
		docs = append(docs, textindex.Doc{Number: v.erased[n].submitSeq, Erased: true})
		n++
	}
	v.erased = append([]erasedTask(nil), v.erased[n:]...)
	return docs
}

// unindex removes the words of erased tasks from the text index, and returns of how many. Tasks that are in memory are not archived again
// for a while, so their former words would stay.
func (k *keeper) unindex(ctx context.Context) (int, error) {
	docs := k.v.unindexable()
	if len(docs) == 0 {
		return 0, nil
	}
	err := k.text.add(ctx, docs, k.indexed.Load())
	if err == nil {
		return len(docs), nil
	}
	if !sqlite.IsFull(err) && ctx.Err() == nil {
		k.text.fail(err) // it is rebuilt without them
		return 0, nil
	}
	k.v.mu.Lock()
	defer k.v.mu.Unlock()
	for _, d := range docs {
		k.v.erased = append(k.v.erased, erasedTask{submitSeq: d.Number})
	}
	return 0, err
}
