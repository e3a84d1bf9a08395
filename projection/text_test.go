package projection

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/projection/textindex"
	"daybook/projection/viewfile"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
)

func TestEachTaskIsIndexedWithItsOwnTextsAndWithoutWhatWasErased(t *testing.T) {
	log := eventlogtest.NewMemory()
	for i := range 8 {
		e := &eventlog.Event{Stream: "task:a", Version: int64(i + 1), Type: "task.submitted", V: 1, Actor: "a", Data: []byte("{}")}
		if i != 6 {
			e.Payload = fmt.Append(nil, i+1)
		}
		if r := log.Append(t.Context(), []eventlog.Entry{{Events: []*eventlog.Event{e}}})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if err := log.ErasePayloads(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	rows := []viewfile.Row{
		{Task: task.Task{SubmitSeq: 2, ResultSeq: 4}},
		{Task: task.Task{SubmitSeq: 1, ErrorSeq: 3, MessageSeq: 8}},
		{Task: task.Task{SubmitSeq: 5, ResultSeq: 7}},
	}
	k := &keeper{log: log}
	docs, err := k.addDocs(t.Context(), []textindex.Doc{{Number: 9}}, rows)
	if err != nil {
		t.Fatal(err)
	}
	got := map[int64][]string{}
	for _, d := range docs {
		got[d.Number] = nil
		for _, text := range d.Texts {
			got[d.Number] = append(got[d.Number], string(text))
		}
	}
	if diff := cmp.Diff(map[int64][]string{2: {"2", "4"}, 1: {"1", "3", "8"}, 5: nil, 9: nil}, got); diff != "" {
		t.Error(diff)
	}

	mine := errors.New("mine")
	k.log = brokenPayloads{log, mine}
	if _, err := k.addDocs(t.Context(), nil, rows); !errors.Is(err, mine) {
		t.Errorf("a log that cannot be read: %v", err)
	}
}

// brokenPayloads is a log whose payloads end with an error.
type brokenPayloads struct {
	eventlog.Log
	err error
}

func (b brokenPayloads) Payloads(context.Context, []int64, func(int, []byte, error) error) error {
	return b.err
}
