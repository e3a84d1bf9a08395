package projection

import (
	"encoding/json"
	"fmt"

	"daybook/eventlog"
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
