package task

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"
)

// machine carries out commands on one task and checks after each what must always hold.
type machine struct {
	t interface {
		Helper()
		Fatalf(string, ...any)
	}
	task    Task
	now     Micros
	open    bool // it has children that have not ended
	events  []Event
	refused map[int64]bool   // fences whose late result was refused
	steps   map[string]int64 // bytes of the steps that it has
	dec     Decoder
}

var machineID = ulid.ULID{1, 2, 3}

func newMachine(t interface {
	Helper()
	Fatalf(string, ...any)
}) *machine {
	return &machine{t: t, now: 1_795_521_600_000_000, refused: make(map[int64]bool), steps: make(map[string]int64)}
}

// do decides and applies a command.
func (m *machine) do(command Command) error {
	m.t.Helper()
	before := m.task
	events, err := Decide(&m.task, command, Now{Wall: m.now, At: m.now, OpenChildren: m.open})
	if diff := cmp.Diff(before, m.task); diff != "" {
		m.t.Fatalf("deciding %T changed the task:\n%s", command, diff)
	}
	m.checkRefusal(command, events, err)
	for i := range events {
		m.apply(&events[i])
	}
	return err
}

// checkRefusal: a refusal is typed, and only the first of a late result is written.
func (m *machine) checkRefusal(command Command, events []Event, err error) {
	m.t.Helper()
	if err == nil {
		return
	}
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Kind == nil || err.Error() == "" {
		m.t.Fatalf("%T refused with %v", command, err)
	}
	if refusal.Kind != ErrInvalid && refusal.Status != m.task.Status {
		m.t.Fatalf("%T refused as %s while %s", command, refusal.Status, m.task.Status)
	}
	for _, e := range events {
		if e.Type != EventLateResultRefused || !errors.Is(err, ErrStale) || m.refused[e.Data.Fence] {
			m.t.Fatalf("%T refused with %v, and %s written", command, err, e.Type)
		}
		m.refused[e.Data.Fence] = true
	}
}

func (m *machine) apply(e *Event) {
	m.t.Helper()
	before := m.task
	e.Seq = int64(len(m.events)) + 1
	if err := Apply(&m.task, machineID, e); err != nil {
		m.t.Fatalf("what was decided cannot follow: %v", err)
	}
	m.events = append(m.events, *e)
	m.checkStep(&before, e)
	m.countSteps(e)
	m.checkState()
	m.checkCodec(e)
}

// countSteps: the number of steps and of their bytes is that of those that were recorded and not forgotten.
func (m *machine) countSteps(e *Event) {
	m.t.Helper()
	switch e.Type {
	case EventStepRecorded:
		m.steps[e.Data.Step] = int64(len(e.Payload))
	case EventStepForgotten:
		delete(m.steps, e.Data.Step)
	}
	var bytes int64
	for _, n := range m.steps {
		bytes += n
	}
	if now := m.task.stepsNow(); now.Count != len(m.steps) || now.Bytes != bytes {
		m.t.Fatalf("%s: %+v of %v", e.Type, now, m.steps)
	}
}

// checkStep is what one event may change.
func (m *machine) checkStep(before *Task, e *Event) {
	m.t.Helper()
	now := &m.task
	fail := func(what string) {
		m.t.Helper()
		m.t.Fatalf("%s: %s\nbefore %+v\nafter  %+v", e.Type, what, *before, *now)
	}
	if next[before.Status][e.Type] != now.Status {
		fail("not in the table")
	}
	if now.Version != before.Version+1 || e.Version != now.Version {
		fail("versions have a gap")
	}
	if before.Status.Ended() && now.Status != before.Status && e.Type != EventRetried {
		fail("an end was left")
	}
	if before.Status.Ended() && now.Status == before.Status {
		kept := *now
		kept.Version, kept.LastSeq, kept.Erased = before.Version, before.LastSeq, before.Erased
		if e.Type == EventResubmitted || e.Type == EventLateResultRefused {
			kept.Links = before.Links
		}
		if e.Type == EventStepForgotten {
			kept.Steps = before.Steps
		}
		if e.Type == EventErased {
			if now.Subject() != "" || now.Notes != nil && now.Notes.Outcome != "" {
				fail("an erased task has a subject or an outcome")
			}
			kept.Notes = before.Notes
			if now.KinNow().Done != nil {
				fail("an erased task has what came of its work")
			}
			kept.setDone(before.KinNow().Done)
			if now.stepsNow().Wait.Step != "" {
				fail("an erased task has what it waited for")
			}
			kept.Steps = before.Steps
		}
		if cmp.Diff(*before, kept) != "" {
			fail("an end was changed")
		}
	}
	if done := before.KinNow().Done; e.Type == EventRetried && (now.Ending() == Success) != (e.Data.EndsAs == Success && done != nil) {
		fail("its own work is done again, or never")
	}
	if e.Type == EventRetried {
		m.checkWaitsOn(e, fail)
	}
	if now.LastFence < before.LastFence || e.Type == EventStarted && now.LastFence <= before.LastFence {
		fail("the fence did not grow")
	}
	if before.Fence() != 0 && now.Fence() != 0 && before.Fence() != now.Fence() {
		fail("the holder changed without letting go")
	}
	if e.Type == EventStarted != (now.Fence() != 0 && before.Fence() == 0) {
		fail("held without a start")
	}
	if now.Fence() != 0 && now.Fence() == before.Fence() && now.Progress < before.Progress {
		fail("progress went down within an attempt")
	}
	if now.Attempt < before.Attempt && e.Type != EventReleased && e.Type != EventSuspended && e.Data.Suspicion == 0 {
		fail("attempts went down")
	}
	if now.Status.Ended() && now.Suspect() || now.Status == Pending && now.Trusted {
		fail("it is suspect or trusted when that says nothing")
	}
	if now.RefusedFence() < before.RefusedFence() {
		fail("the refused fence went down")
	}
}

// checkWaitsOn: a task waits after the undo of a cancel if it did before the cancel, and is as it was then.
func (m *machine) checkWaitsOn(e *Event, fail func(string)) {
	m.t.Helper()
	var cancelled Task // when it was cancelled
	for before := range m.events[:len(m.events)-1] {
		switch one := &m.events[before]; {
		case one.Type == EventRetried:
			cancelled = Task{}
		case cancelled.Status == None && (one.Type == EventCancelled || one.Data.EndsAs == Cancelled):
			cancelled = m.at(before)
		case one.Type == EventErased:
			cancelled = Task{}
		}
	}
	now := m.task
	if w := cancelled.Waits(); e.Data.Waits != (now.Waits() != nil) || e.Data.Waits && cmp.Diff(*w, *now.Waits()) != "" {
		fail("it does not wait as it did")
	}
	if e.Data.Waits {
		now.Version, now.LastSeq, now.Priority, now.Links, now.Steps, now.Kin = cancelled.Version, cancelled.LastSeq, cancelled.Priority, cancelled.Links, cancelled.Steps, cancelled.Kin
		if diff := cmp.Diff(cancelled, now); diff != "" {
			fail("it is not as it was: " + diff)
		}
	}
}

// at is the task after so many of its events.
func (m *machine) at(n int) (t Task) {
	m.t.Helper()
	for _, e := range m.events[:n] {
		if err := Apply(&t, machineID, &e); err != nil {
			m.t.Fatalf("%v", err)
		}
	}
	return t
}

// checkState is what holds in every state.
func (m *machine) checkState() {
	m.t.Helper()
	t := &m.task
	fail := func(what string) { m.t.Helper(); m.t.Fatalf("%s: %+v", what, *t) }
	running := t.Status == Running
	switch {
	case running != (t.Fence() != 0):
		fail("running without a holder, or held while not running")
	case !running && (t.Holder != nil || t.CancelRequested):
		fail("traces of a holder")
	case running && (t.Holder.Boot != ulid.ULID{}) == (t.Holder.Worker != ""):
		fail("held by both kinds of worker, or by neither")
	case t.Status.Ended() != (t.CompletedAt != 0):
		fail("completed without an end, or an end without completion")
	case t.AttemptsLeft() < 0 || t.AttemptsLeft() > t.MaxAttempts:
		fail("more attempts than allowed")
	case t.Status == Pending && t.AttemptsLeft() <= 0 && !m.expiring() && t.Ending() == None:
		fail("waits without an attempt left")
	case t.Retrying && t.Status != Pending:
		fail("in backoff and not pending")
	case t.Progress < 0 || t.Progress > 10_000 || t.Status == Success && t.Progress != 10_000:
		fail("progress out of range")
	case t.RefusedFence() > t.LastFence:
		fail("a fence refused that never was")
	case t.Waits() != nil && (t.Status != Pending || t.Due(1<<62)):
		fail("suspended, and not pending, or due")
	case t.Ending() != None && (t.Status != Pending || t.Waits() != nil || t.Due(1<<62)):
		fail("ending, and not pending, or suspended, or due")
	case t.Remote() && !running:
		fail("remote and not running")
	}
}

// expiring: between task.lease_expired and the task.failed of the same entry.
func (m *machine) expiring() bool { return m.events[len(m.events)-1].Type == EventLeaseExpired }

// checkCodec: what a replay reads is what was decided.
func (m *machine) checkCodec(e *Event) {
	m.t.Helper()
	data := AppendData(nil, e.Type, &e.Data)
	var got Data
	if err := m.dec.Decode(&got, e.Type, e.Type.SchemaVersion(), data); err != nil {
		m.t.Fatalf("%v: %s", err, data)
	}
	if again := AppendData(nil, e.Type, &got); string(again) != string(data) {
		m.t.Fatalf("%s came back as %s", data, again)
	}
}

// replay folds what the codec made of the events and compares.
func (m *machine) replay() {
	m.t.Helper()
	var again Task
	for _, e := range m.events {
		data := AppendData(nil, e.Type, &e.Data)
		if err := m.dec.Decode(&e.Data, e.Type, e.Type.SchemaVersion(), data); err != nil {
			m.t.Fatalf("%v", err)
		}
		e.Payload, e.Actor = nil, ""
		if err := Apply(&again, machineID, &e); err != nil {
			m.t.Fatalf("%v", err)
		}
	}
	if diff := cmp.Diff(m.task, again); diff != "" {
		m.t.Fatalf("a replay gives another task:\n%s", diff)
	}
}

// step carries out the command that one byte and a number stand for.
func (m *machine) step(op byte, n uint64) {
	m.t.Helper()
	fence := m.task.LastFence
	if op&0x80 != 0 {
		fence = int64(n % 16) // perhaps a stale one, perhaps none
	}
	m.now += Micros(n % (10 * uint64(Second)))
	_ = m.do(m.command(op&0x7F, n, fence)) // do checks refusals
}

func (m *machine) command(op byte, n uint64, fence int64) Command {
	m.open = n%3 == 0
	switch op % 22 {
	case 20:
		return Finish{Error: []string{"", "child a is FAILED"}[n/3%2]}
	case 21:
		c := FailWait{Step: "none", Error: "child a is FAILED"}
		if w := m.task.Waits(); w != nil {
			c.Step = w.Step
		}
		return c
	case 18:
		c := Suspend{Fence: fence, Step: fmt.Sprint("w", len(m.events)), Kind: StepSleep + StepKind(n%4), Until: m.now + Micros(n%1000)}
		if c.Kind == StepSignal {
			c.Signals, c.All = []string{"a", "b"}[:n%2+1], n%4 == 0
		}
		return c
	case 19:
		c := Wake{Step: "none", Outcome: StepOutcome(n % 4), Value: []byte("null"), Approval: n%5 == 0}
		if w := m.task.Waits(); w != nil && n%7 != 0 {
			c.Step = w.Step
		}
		return c
	case 16:
		steps := make([]NewStep, n%3+1)
		for i := range steps {
			steps[i] = NewStep{Name: fmt.Sprint("s", len(m.events), ".", i), Value: []byte("12345678")[:n%8+1], Kind: StepKind(n%2) * StepChildren, Children: int(n % 2 * 5)}
		}
		return RecordSteps{Fence: fence, Build: "b", Steps: steps}
	case 17: // of a step that it has, or has not
		c := ForgetStep{Reason: "r", Changes: m.task.StepChanges() - int64(n%7)/6}
		for name, bytes := range m.steps {
			c.Name, c.Bytes = name, bytes
			return c
		}
		return Reprioritise{Priority: 1}
	}
	return machineCommand(op, n, fence, m.now)
}

func machineCommand(op byte, n uint64, fence int64, now Micros) Command {
	switch op % 16 {
	case 0:
		s := Submit{Type: "T", MaxAttempts: int(n%4) + 1, Priority: int(n % 101), RunAt: Micros(n%2) * (now + Second),
			Backoff: &Backoff{Kind: BackoffKind(n % 3), Base: Second, Max: 8 * Second, NoJitter: n%2 == 0}}
		if n%3 == 0 {
			s.Unique = &UniqueSubmit{Key: "k", For: Micros(n%2) * Second, Since: Micros(n%5) * Second, Behind: ulid.ULID{0, byte(n % 2)}}
		}
		return s
	case 1, 2, 3:
		return Start{Boot: ulid.ULID{9}}
	case 4:
		return Start{Worker: "w", LeaseSeconds: 30, TokenHash: [32]byte{byte(n) | 1}}
	case 5:
		return Progress{Fence: fence, Percent: float64(n%12_000)/100 - 10, Message: string(rune('a' + n%26))}
	case 6:
		return Succeed{Fence: fence, Result: []byte(`{}`)}
	case 7, 8:
		return Fail{Fence: fence, Code: CodeError + Code(n%4), Error: "e", Seed: n}
	case 9:
		if n%8 == 0 {
			return Cancel{Reason: "r", ReplacedBy: ulid.ULID{byte(n), 8}}
		}
		return Cancel{Reason: "r"}
	case 10:
		return Stop{Fence: fence}
	case 11:
		return Expire{Fence: fence, Crash: Crash(n % 3)}
	case 12:
		return Release{Fence: fence}
	case 13:
		if n%4 == 0 {
			return Resubmit{As: ulid.ULID{byte(n), 7}}
		}
		return Retry{Undo: n%2 == 1}
	case 14:
		return Snooze{Until: Micros(n)}
	default:
		if n%2 == 0 {
			return Erase{}
		}
		return Reprioritise{Priority: int(n%300) - 150}
	}
}

func FuzzMachine(f *testing.F) {
	// Each step is an op and eight bytes of a number.
	seed := func(ops ...byte) {
		var script []byte
		for i, op := range ops {
			script = append(script, op)
			script = binary.LittleEndian.AppendUint64(script, uint64(i)*1_000_003)
		}
		f.Add(script)
	}
	seed(0, 1, 5, 5, 6, 15, 13)
	seed(0, 1, 7, 1, 7, 1, 7, 13, 1, 6)
	seed(0, 1, 9, 5, 6, 10, 13, 9, 13, 14)
	seed(0, 1, 6, 20, 13, 1, 18, 21, 9, 20)
	seed(0, 4, 11, 0x86, 0x86, 4, 12, 1, 11, 11, 1, 9, 11)
	f.Fuzz(func(t *testing.T, script []byte) {
		m := newMachine(t)
		for len(script) >= 9 && len(m.events) < 500 {
			m.step(script[0], binary.LittleEndian.Uint64(script[1:9]))
			script = script[9:]
		}
		m.replay()
	})
}

func TestRandomCommandsKeepWhatMustHold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newMachine(rt)
		m.step(0, rapid.Uint64Max(100).Draw(rt, "submit"))
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			m.step(rapid.Byte().Draw(rt, "op"), rapid.Uint64().Draw(rt, "n"))
		}
		m.replay()
	})
}

// The commands are the same in each run, so that it is not a matter of luck which events they lead to.
func TestTheCommandsOfTheMachineLeadToEveryEvent(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	seen := make(map[EventType]bool)
	for range 1000 {
		m := newMachine(t)
		m.step(0, random.Uint64N(100))
		for range 60 {
			m.step(byte(random.Uint64()), random.Uint64())
		}
		for _, e := range m.events {
			seen[e.Type] = true
		}
	}
	for _, kind := range EventTypes() {
		if !seen[kind] {
			t.Errorf("no %s was ever decided", kind)
		}
	}
}
