package task

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
)

// at returns a machine with a task that was led to the status.
func at(t *testing.T, status Status, more ...Command) *machine {
	t.Helper()
	m := newMachine(t)
	path := map[Status][]Command{
		None:      {},
		Pending:   {Submit{Type: "T"}},
		Running:   {Submit{Type: "T"}, Start{Boot: ulid.ULID{9}}},
		Success:   {Submit{Type: "T"}, Start{Boot: ulid.ULID{9}}, Succeed{Fence: 2}},
		Failed:    {Submit{Type: "T"}, Start{Boot: ulid.ULID{9}}, Fail{Fence: 2, Code: CodePermanent}},
		Cancelled: {Submit{Type: "T"}, Start{Boot: ulid.ULID{9}}, Cancel{}, Stop{Fence: 2}},
	}
	for _, command := range append(path[status], more...) {
		if err := m.do(command); err != nil {
			t.Fatalf("%T: %v", command, err)
		}
	}
	if m.task.Status != status && len(more) == 0 {
		t.Fatalf("led to %s, want %s", m.task.Status, status)
	}
	return m
}

// everyCommand asks each question there is, in a form that is right where it is allowed.
var everyCommand = map[string]Command{
	"submit":       Submit{Type: "T"},
	"start":        Start{Boot: ulid.ULID{9}},
	"progress":     Progress{Fence: 2, Percent: 50},
	"succeed":      Succeed{Fence: 2},
	"fail":         Fail{Fence: 2, Code: CodeError},
	"cancel":       Cancel{},
	"stop":         Stop{Fence: 2},
	"expire":       Expire{Fence: 2},
	"release":      Release{Fence: 2},
	"retry":        Retry{},
	"snooze":       Snooze{Until: 2 * Second},
	"reprioritise": Reprioritise{Priority: 5},
	"erase":        Erase{},
}

func TestEveryCommandIsAllowedOrRefusedForOneReasonInEachState(t *testing.T) {
	refusals := map[Status]map[string]error{
		None: {
			"start": ErrNotFound, "progress": ErrNotFound, "succeed": ErrNotFound, "fail": ErrNotFound, "cancel": ErrNotFound,
			"stop": ErrNotFound, "expire": ErrNotFound, "release": ErrNotFound, "retry": ErrNotFound, "snooze": ErrNotFound,
			"reprioritise": ErrNotFound, "erase": ErrNotFound,
		},
		Pending: {
			"submit": ErrExists, "progress": ErrStale, "succeed": ErrStale, "fail": ErrStale, "stop": ErrStale, "expire": ErrStale,
			"release": ErrStale, "retry": ErrNotEnded, "erase": ErrNotEnded,
		},
		Running: {
			"submit": ErrExists, "start": ErrNotPending, "stop": ErrNotStopping, "retry": ErrNotEnded, "snooze": ErrNotPending,
			"erase": ErrNotEnded,
		},
		Success: {
			"submit": ErrExists, "start": ErrNotPending, "progress": ErrStale, "succeed": ErrStale, "fail": ErrStale, "cancel": ErrEnded,
			"stop": ErrStale, "expire": ErrStale, "release": ErrStale, "retry": ErrSucceeded, "snooze": ErrNotPending,
			"reprioritise": ErrEnded,
		},
		Failed: {
			"submit": ErrExists, "start": ErrNotPending, "progress": ErrStale, "succeed": ErrStale, "fail": ErrStale, "cancel": ErrEnded,
			"stop": ErrStale, "expire": ErrStale, "release": ErrStale, "snooze": ErrNotPending, "reprioritise": ErrEnded,
		},
		Cancelled: {
			"submit": ErrExists, "start": ErrNotPending, "progress": ErrStale, "succeed": ErrStale, "fail": ErrStale, "cancel": ErrEnded,
			"stop": ErrStale, "expire": ErrStale, "release": ErrStale, "snooze": ErrNotPending, "reprioritise": ErrEnded,
		},
	}
	for status, refused := range refusals {
		for name, command := range everyCommand {
			m := at(t, status)
			n := len(m.events)
			err := m.do(command)
			if want := refused[name]; !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("%s while %s: %v, want %v", name, status, err, want)
			}
			if err == nil && len(m.events) == n {
				t.Errorf("%s while %s: allowed, and nothing happened", name, status)
			}
		}
	}
}

func TestATaskThatIsBeingCancelledTakesOnlyItsEnd(t *testing.T) {
	for name, want := range map[string]error{
		"submit": ErrExists, "start": ErrNotPending, "progress": ErrStopping, "succeed": ErrStopping, "fail": ErrStopping,
		"cancel": nil, "stop": nil, "expire": nil, "release": ErrStopping, "retry": ErrNotEnded, "snooze": ErrNotPending,
		"reprioritise": nil, "erase": ErrNotEnded,
	} {
		m := at(t, Running, Cancel{})
		if err := m.do(everyCommand[name]); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if want := map[string]Status{"stop": Cancelled, "expire": Cancelled}[name]; want != None && m.task.Status != want {
			t.Errorf("%s led to %s", name, m.task.Status)
		}
	}
}

func TestWhatWouldChangeNothingGivesNoEvent(t *testing.T) {
	for name, m := range map[string]*machine{
		"cancel":       at(t, Running, Cancel{}),
		"reprioritise": at(t, Pending, Reprioritise{Priority: 5}),
		"erase":        at(t, Success, Erase{}),
	} {
		n := len(m.events)
		if err := m.do(everyCommand[name]); err != nil || len(m.events) != n {
			t.Errorf("%s again: %v, %d events", name, err, len(m.events)-n)
		}
	}
}

func TestOnlyTheFirstLateResultOfAnAttemptIsWritten(t *testing.T) {
	m := at(t, Running, Expire{Fence: 2})
	for i, command := range []Command{Succeed{Fence: 2}, Succeed{Fence: 2}, Fail{Fence: 2}, Release{Fence: 2}} {
		n := len(m.events)
		if err := m.do(command); !errors.Is(err, ErrStale) {
			t.Fatal(err)
		}
		if written := len(m.events) - n; written != map[bool]int{true: 1}[i == 0] {
			t.Errorf("%T, number %d: %d events", command, i+1, written)
		}
	}
	n := len(m.events)
	for _, fence := range []int64{-1, 0, 99} { // never held it
		if err := m.do(Succeed{Fence: fence}); !errors.Is(err, ErrStale) || len(m.events) != n {
			t.Errorf("fence %d: %v, %d events", fence, err, len(m.events)-n)
		}
	}
}

func TestAttemptsRunOutAndAPersonGivesThemAfresh(t *testing.T) {
	m := newMachine(t)
	must := func(command Command) {
		t.Helper()
		if err := m.do(command); err != nil {
			t.Fatal(err)
		}
	}
	must(Submit{Type: "T", MaxAttempts: 2})
	fail := func(code Code) {
		t.Helper()
		must(Start{Boot: ulid.ULID{9}})
		must(Fail{Fence: m.task.Fence(), Code: code})
	}
	fail(CodeError)
	if m.task.Status != Pending || !m.task.Retrying {
		t.Fatalf("after the first of two: %+v", m.task)
	}
	must(Start{Boot: ulid.ULID{9}})
	must(Release{Fence: m.task.Fence()}) // costs nothing
	fail(CodeTimeout)
	if m.task.Status != Failed || m.task.Code != CodeTimeout || m.task.Attempt != 2 {
		t.Fatalf("after the second: %+v", m.task)
	}
	must(Retry{})
	if m.task.AttemptsLeft() != 2 || m.task.Attempt != 2 || m.task.Code != CodeNone {
		t.Fatalf("sent round again: %+v", m.task)
	}
	fail(CodeError)
	must(Start{Boot: ulid.ULID{9}})
	must(Expire{Fence: m.task.Fence()})
	last := m.events[len(m.events)-1]
	if m.task.Status != Failed || m.task.Code != CodeWorkerDied || !strings.Contains(string(last.Payload), ErrorWorkerDied) {
		t.Fatalf("lost its worker at last: %+v %s", m.task, last.Payload)
	}
}

func TestAnErasedTaskCannotBeSentRoundAgain(t *testing.T) {
	for _, status := range []Status{Failed, Cancelled} {
		if err := at(t, status, Erase{}).do(Retry{}); !errors.Is(err, ErrErased) {
			t.Errorf("%s: %v", status, err)
		}
	}
}

func TestArgumentsOutOfRangeAreRefusedByField(t *testing.T) {
	for _, test := range []struct {
		command Command
		pointer string
	}{
		{Snooze{Until: 0}, "/until"}, {Snooze{Until: -1}, "/until"}, {Snooze{Until: maxMoment + 1}, "/until"},
		{Reprioritise{Priority: 101}, "/priority"}, {Reprioritise{Priority: -101}, "/priority"},
	} {
		var refusal *Refusal
		err := at(t, Pending).do(test.command)
		if !errors.As(err, &refusal) || refusal.Kind != ErrInvalid || len(refusal.Fields) != 1 || refusal.Fields[0].Pointer != test.pointer {
			t.Errorf("%+v: %v", test.command, err)
		}
	}
	for _, command := range []Command{Snooze{Until: 1}, Snooze{Until: maxMoment}, Reprioritise{Priority: 100}, Reprioritise{Priority: -100}} {
		if err := at(t, Pending).do(command); err != nil {
			t.Errorf("%+v: %v", command, err)
		}
	}
}

func TestProgressIsKeptInRangeAndNeverGoesDown(t *testing.T) {
	m := at(t, Running)
	for _, step := range []struct {
		percent float64
		want    int
	}{{-5, 0}, {12.345, 1235}, {3, 1235}, {math.NaN(), 1235}, {math.Inf(-1), 1235}, {99.999, 10_000}, {0, 10_000}, {math.Inf(1), 10_000}} {
		if err := m.do(Progress{Fence: 2, Percent: step.percent}); err != nil || m.task.Progress != step.want {
			t.Errorf("%v: %d, want %d; %v", step.percent, m.task.Progress, step.want, err)
		}
	}
}

func TestFreeTextBecomesOneJSONValueOfBoundedSize(t *testing.T) {
	for _, text := range []string{"plain", `"quoted" \`, "line\nbreak", "bad \xff byte", strings.Repeat("é", maxErrorTextBytes), strings.Repeat("a", maxErrorTextBytes+1)} {
		m := at(t, Running)
		if err := m.do(Fail{Fence: 2, Code: CodeError, Error: text}); err != nil {
			t.Fatal(err)
		}
		var got struct{ Error string }
		payload := m.events[2].Payload
		if err := json.Unmarshal(payload, &got); err != nil || !utf8.ValidString(got.Error) {
			t.Errorf("%.20q: %v: %.60s", text, err, payload)
		}
		if len(text) > maxErrorTextBytes && (!strings.HasSuffix(got.Error, "…") || len(got.Error) > maxErrorTextBytes+len("…")) {
			t.Errorf("%.20q: %d bytes", text, len(got.Error))
		}
		if slices.Contains(payload, '\n') {
			t.Errorf("%.20q: more than one line", text)
		}
	}
	for _, c := range []Command{
		Fail{Fence: 2, Code: CodeError, Error: "a\u202eb", Stack: "a\u2066b"}, Progress{Fence: 2, Percent: 1, Message: "a\u200fb"},
		Succeed{Fence: 2, Result: []byte("1"), Outcome: "a\u061cb"}, Cancel{Reason: "a\u202eb"},
	} {
		m := at(t, Running)
		if err := m.do(c); err != nil {
			t.Fatal(err)
		}
		e := &m.events[2]
		if text := string(e.Payload) + e.Data.Outcome; !strings.Contains(text, "ab") || strings.ContainsAny(text, "\u061c\u200f\u202e\u2066") {
			t.Errorf("%T: %q", c, text)
		}
	}
	m := at(t, Running)
	if err := m.do(Fail{Fence: 2, Code: CodeError}); err != nil || !strings.Contains(string(m.events[2].Payload), "no reason") {
		t.Errorf("%v: %s", err, m.events[2].Payload)
	}
}

func TestARefusalSaysWhatAndWhatToDo(t *testing.T) {
	err := at(t, Running).do(Retry{})
	if want := "task has not ended (it is RUNNING): only a failed or cancelled task can be retried; wait for it, or cancel it first"; err == nil || err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	err = newMachine(t).do(Submit{Type: "no spaces", Priority: 200})
	if want := "command is not valid; /task_type must be 1 to 64 of A-Z a-z 0-9 . _ -, and not only dots; /priority must be between -100 and 100"; err == nil || err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

// A task that was cancelled before it was due waits for its time again when it is retried;
// one that was due, or that ran, is ready at once.
func TestARetryKeepsATimeThatIsStillToCome(t *testing.T) {
	const now = Micros(1_795_521_600_000_000)
	tomorrow := now + 24*3600*Second
	for _, c := range []struct {
		name      string
		runAt     Micros
		at        Micros // of the retry
		start     bool
		wantRunAt Micros
		wantWaits bool
	}{
		{"cancelled before it was due", tomorrow, now, false, tomorrow, true},
		{"retried after it was due", tomorrow, tomorrow, false, 0, false},
		{"never asked to wait", 0, now, false, 0, false},
		{"cancelled while it ran", now - Second, now, true, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.now = now
			do := func(c Command) {
				t.Helper()
				if err := m.do(c); err != nil {
					t.Fatal(err)
				}
			}
			do(Submit{Type: "SLEEP", RunAt: c.runAt})
			if c.start {
				do(Start{Boot: ulid.ULID{1}})
			}
			do(Cancel{})
			if c.start {
				do(Stop{Fence: m.task.Fence()})
			}
			m.now = c.at
			do(Retry{})
			if m.task.RunAt != c.wantRunAt || m.task.Due(c.at) == c.wantWaits {
				t.Errorf("run_at %d, due %v; want run_at %d, due %v", m.task.RunAt, m.task.Due(c.at), c.wantRunAt, !c.wantWaits)
			}
		})
	}
}
