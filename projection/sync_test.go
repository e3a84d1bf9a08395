package projection

import (
	"errors"
	"testing"

	"daybook/task"
)

// syncing is a log that notes how far it was synced.
type syncing struct {
	growing
	synced *int64
	err    *error
}

func (s syncing) Sync() error {
	if *s.err == nil {
		*s.synced = s.Head().Seq
	}
	return *s.err
}

// After a power cut the log must have what the file shows.
func TestTheLogIsSyncedBeforeTheViewFileIsWritten(t *testing.T) {
	l := newLedger(t)
	var synced int64
	var broken error
	v := openKept(t, syncing{growing{l: l}, &synced, &broken}, t.TempDir(), 0)
	t.Cleanup(func() {
		if err := v.keeper.abandon(); err != nil {
			t.Error(err)
		}
	})
	for range 3 {
		from := len(l.events)
		l.submit(task.Submit{Type: "SLEEP"})
		apply(t, v, l.events[from:])
		checkpointNow(t, v)
		state, err := v.keeper.file.State()
		if err != nil {
			t.Fatal(err)
		}
		if head := int64(len(l.events)); state.Seq != head || synced < state.Seq {
			t.Errorf("the file shows event %d of %d, and the log is synced up to event %d", state.Seq, head, synced)
		}
	}
	shown := synced
	from := len(l.events)
	l.submit(task.Submit{Type: "SLEEP"})
	apply(t, v, l.events[from:])
	broken = errors.New("the disk does not answer")
	if err := v.keeper.checkpoint(); !errors.Is(err, broken) {
		t.Errorf("a log that cannot be synced: %v", err)
	}
	if state, err := v.keeper.file.State(); err != nil || state.Seq != shown {
		t.Errorf("the file shows event %d, want %d: %v", state.Seq, shown, err)
	}
}
