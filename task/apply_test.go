package task

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestApplyTakesWhatIsInTheTableAndNothingElse(t *testing.T) {
	legal := make(map[Status]map[EventType]Status)
	for _, tr := range Transitions() {
		if legal[tr.From] == nil {
			legal[tr.From] = make(map[EventType]Status)
		}
		if _, twice := legal[tr.From][tr.Type]; twice {
			t.Errorf("%s while %s is in the table twice", tr.Type, tr.From)
		}
		legal[tr.From][tr.Type] = tr.To
	}
	for status := None; status < statusCount; status++ {
		for _, kind := range EventTypes() {
			m := at(t, status)
			if status == Pending && kind == EventStepRecorded { // of a suspended task alone
				m = at(t, Running)
				_ = m.do(Suspend{Fence: m.task.Fence(), Step: "s", Kind: StepApproval})
			}
			before := m.task
			e := Event{Type: kind, Version: before.Version + 1, At: m.now, Data: Data{Fence: before.Fence(), Attempt: 1, Step: "s"}}
			err := Apply(&m.task, machineID, &e)
			to, ok := legal[status][kind]
			switch {
			case ok && (err != nil || m.task.Status != to):
				t.Errorf("%s while %s: %v, %s", kind, status, err, m.task.Status)
			case !ok && !errors.Is(err, ErrIllegal):
				t.Errorf("%s while %s: %v", kind, status, err)
			case !ok && cmp.Diff(before, m.task) != "":
				t.Errorf("%s while %s was refused and changed the task", kind, status)
			}
		}
	}
}

func TestApplyRefusesAnotherVersionAndAnotherFence(t *testing.T) {
	for _, version := range []int64{0, 2, 4} {
		m := at(t, Running)
		if err := Apply(&m.task, machineID, &Event{Type: EventCancelRequested, Version: version}); !errors.Is(err, ErrIllegal) {
			t.Errorf("version %d after 2: %v", version, err)
		}
	}
	for _, kind := range []EventType{EventProgressed, EventSucceeded, EventAttemptFailed, EventFailed, EventCancelled, EventLeaseExpired, EventReleased} {
		for _, fence := range []int64{0, 1, 3} {
			m := at(t, Running)
			if err := Apply(&m.task, machineID, &Event{Type: kind, Version: 3, Data: Data{Fence: fence}}); !errors.Is(err, ErrIllegal) {
				t.Errorf("%s with fence %d: %v", kind, fence, err)
			}
		}
	}
}

func TestAStreamNamesItsTask(t *testing.T) {
	if id, ok := ParseStream(StreamOf(machineID)); !ok || id != machineID {
		t.Errorf("%s gave %s", StreamOf(machineID), id)
	}
	for _, stream := range []string{"", "task:", "server:" + machineID.String(), "task:" + machineID.String() + "0", "task:0" + machineID.String()[:24] + "u"} {
		if id, ok := ParseStream(stream); ok {
			t.Errorf("%q gave %s", stream, id)
		}
	}
}
